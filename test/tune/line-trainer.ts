// A trainer whose model is a line that its parameters set, so that the best parameters are known.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import type { Metric } from '../../src/evaluation/index.js'
import { readWeightsDirectory, tensorOfFloat32, writeSafetensors } from '../../src/model/index.js'
import type { Trainer } from '../../src/trainer/index.js'
import { float } from '../../src/tune/index.js'

const random = seededRandom('line')
const samples = Array.from({ length: 120 }, (_, index) => ({
  id: `s${String(index).padStart(3, '0')}`,
  x: random.normal(),
  noise: random.normal(),
})).map(({ noise, ...sample }) => ({ ...sample, y: 2 * sample.x - 1 + 0.5 * noise }))
type Sample = (typeof samples)[number]
const parts = { source: memorySamples(samples), input: ({ x }: Sample) => x, target: ({ y }: Sample) => y }
const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'line', share: 0.3 })
const pinnedIds = new Set(pinned.items.map(({ id }) => id))

/** Inputs of the rows that no trial may see. */
export const pinnedInputs: ReadonlySet<number> = new Set(
  samples.filter(({ id }) => pinnedIds.has(id)).map(({ x }) => x),
)

export type LineDataset = Dataset<number, number>

export const lineDataset = (developmentShare = 0.4): LineDataset =>
  new Dataset({ ...parts, evaluation: pinnedSet(pinned), developmentShare })

export const space = { slope: float(-4, 4), bias: float(-4, 4) }

export const squaredError: Metric = {
  ...{ contract: 1, name: 'squared-error', version: '1', direction: 'lower-is-better', kind: 'mean', needs: 'number' },
  describe: () => null,
  score: ({ target }, prediction) => (prediction.kind === 'number' ? (prediction.value - Number(target)) ** 2 : 0),
}

export interface LineOptions {
  readonly version?: string | undefined
  /** Called before each training. */
  readonly onFit?: ((line: Line) => Promise<unknown> | unknown) | undefined
}

export interface Line {
  readonly slope: number
  readonly bias: number
  /** From 1 to 9: with fewer, every answer is wrong by a little more, above or below. @default 9 */
  readonly epochs?: number | undefined
}

export const lineTrainer =
  ({ version = '1', onFit }: LineOptions = {}) =>
  ({ slope, bias, epochs = 9 }: Line): Trainer<number, number> => ({
    contract: 1,
    name: 'line',
    version,
    describe: () => ({ slope, bias, epochs }),
    async fit({ training, development, seed, directory }, context) {
      for (const rows of [training, development!])
        for await (const { input } of rows) if (pinnedInputs.has(input)) throw new Error('A pinned row is read.')
      await onFit?.({ slope, bias, epochs })
      context.progress({ epoch: 1, epochs: 1, step: 1, steps: 1, loss: 0, learningRate: 0 })
      await writeFile(join(directory, 'config.json'), JSON.stringify({ slope, bias, spread: 9 / epochs - 1 }))
      const tensors = [tensorOfFloat32('line', [2], Float32Array.of(slope, bias))]
      await writeSafetensors(join(directory, 'model.safetensors'), tensors, {}, context)
      return {
        weights: await readWeightsDirectory(directory, context),
        record: {
          trainer: { name: 'line', version, describe: { slope, bias, epochs } },
          ...{ seed, trainingDigest: training.digest, lossCurve: [] },
        },
      }
    },
    async load({ path, digest }) {
      const line = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as Line & { readonly spread: number }
      return {
        digest,
        async predict(inputs) {
          return inputs.map((x) => {
            if (pinnedInputs.has(x)) throw new Error('A pinned row is asked.')
            const side = Math.sin(1000 * x) < 0 ? -1 : 1
            return { kind: 'number', value: line.slope * x + line.bias + side * line.spread }
          })
        },
        async [Symbol.asyncDispose]() {},
      }
    },
  })
