// A model that makes everything hard that an evaluation in shards has to get right.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { accuracy, f1, type Metric } from '../../src/evaluation/index.js'
import { type Prediction, readWeightsDirectory, tensorOfFloat32, writeSafetensors } from '../../src/model/index.js'
import type { Trainer } from '../../src/trainer/index.js'

const labels = ['apple', 'car', 'plum', 'tram']

/** Groups and a second slice begin late, and some inputs make the model fail. */
const samples = Array.from({ length: 900 }, (_, index) => ({
  id: `s${String(index).padStart(4, '0')}`,
  text: `${index % 97 === 96 ? 'bad' : index % 211 === 210 ? 'slow' : 'text'} ${(index * 7919) % 1009} – "ü\n😀"`,
  label: labels[(index * 31) % 4]!,
  ...(index > 300 && index % 3 === 0 && { thread: `t${index % 50}` }),
  ...(index > 500 && index % 5 === 0 && { source: `source ${index % 4}` }),
}))
const parts = {
  source: memorySamples(samples),
  ...{ input: 'text', target: 'label', id: 'id', group: 'thread', slices: ['source'] },
} as const
const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'shards', share: 0.8 })

export const shardDataset = (): Dataset<string, string> => new Dataset({ ...parts, evaluation: pinnedSet(pinned) })

const spread: Metric = {
  ...{ contract: 1, name: 'spread', version: '1', direction: 'lower-is-better', kind: 'aggregate', needs: 'label' },
  describe: () => null,
  aggregate: (items) => items.reduce((sum, { row, prediction }, index) => sum + index * size(row.input, prediction), 0),
  score: () => 0,
}
const size = (input: unknown, prediction: Prediction) => String(input).length + JSON.stringify(prediction).length

export const shardMetrics: readonly Metric[] = [accuracy(), f1('apple'), spread]

export interface ShardTrainerOptions {
  readonly version?: string | undefined
  readonly device?: string | undefined
  /** Inputs fail only while this is true. @default true */
  readonly fails?: boolean | undefined
  readonly onLoad?: (() => unknown) | undefined
  readonly onPredict?: ((inputs: readonly string[]) => unknown) | undefined
  readonly onDispose?: (() => unknown) | undefined
}

/** Predicts the two likeliest labels, the likeliest first. A prediction depends on the size of its batch. */
export const shardTrainer = ({
  version,
  device = 'none',
  fails = true,
  onLoad,
  onPredict,
  onDispose,
}: ShardTrainerOptions = {}): Trainer<string, string> => ({
  ...{ contract: 1, name: 'shards', ...(version !== undefined && { version }) },
  describe: () => null,
  environment: async () => ({ packages: {}, device }),
  async fit({ seed, training, directory }, context) {
    await writeFile(join(directory, 'config.json'), JSON.stringify({ seed }))
    const tensors = [tensorOfFloat32('seed', [1], Float32Array.of(seed))]
    await writeSafetensors(join(directory, 'model.safetensors'), tensors, {}, context)
    return {
      weights: await readWeightsDirectory(directory, context),
      record: {
        trainer: { name: 'shards', version, describe: null },
        ...{ seed, trainingDigest: training.digest, lossCurve: [] },
      },
    }
  },
  async load({ path, digest }) {
    await onLoad?.()
    const { seed } = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as { readonly seed: number }
    return {
      digest,
      async predict(inputs, { signal }) {
        await onPredict?.(inputs)
        signal.throwIfAborted()
        if (fails && inputs.some((input) => input.startsWith('bad'))) throw new Error('The input is bad.')
        if (fails && inputs.some((input) => input.startsWith('slow')))
          throw Object.assign(new Error('Too slow.'), { name: 'TimeoutError' })
        return inputs.map((input): Prediction => {
          const first = (input.length * 3 + seed + Number(input.split(' ')[1])) % 4
          const likely = 0.5 + 0.4 / inputs.length
          return {
            ...{ kind: 'label', label: labels[first]! },
            probabilities: { [labels[first]!]: likely, [labels[(first + 1 + (input.length % 2)) % 4]!]: 1 - likely },
          }
        })
      },
      async [Symbol.asyncDispose]() {
        await onDispose?.()
      },
    }
  },
})

/** Waits for a while. */
export const pause = (ms: number) => setTimeout(ms)
