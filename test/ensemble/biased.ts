// Parts of the tests of ensembles: numbers, and trainers with a known error.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import type { Metric } from '../../src/evaluation/index.js'
import { readWeightsDirectory, tensorOfFloat32, writeSafetensors } from '../../src/model/index.js'
import type { Trainer } from '../../src/trainer/index.js'

const random = seededRandom('ensemble')
const samples = Array.from({ length: 200 }, (_, index) => ({ id: `s${index}`, x: random.normal() }))
type Sample = (typeof samples)[number]
const parts = { source: memorySamples(samples), input: ({ x }: Sample) => x, target: ({ x }: Sample) => 2 * x }
const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'e', share: 0.3 })
/** @param developmentShare `null`: no development rows. */
export const biasedDataset = (developmentShare: number | null = 0.4) =>
  new Dataset({ ...parts, evaluation: pinnedSet(pinned), ...(developmentShare !== null && { developmentShare }) })

/** Answers with twice the input, and an error of its own: always the same, or drawn from the input. */
export function biasedTrainer(
  bias: number,
  noise = 0,
  onFit: (seed: number) => unknown = () => {},
): Trainer<number, number> {
  const trainer = { name: 'biased', version: '1', describe: { bias, noise } }
  return {
    ...{ contract: 1, name: 'biased', version: '1', describe: () => trainer.describe },
    async fit({ training, seed, directory }, context) {
      await onFit(seed)
      context.progress({ epoch: 1, epochs: 1, step: 4, steps: 4, loss: bias, learningRate: 0 })
      await writeFile(join(directory, 'config.json'), JSON.stringify({ bias, noise, seed }))
      const tensors = [tensorOfFloat32('bias', [1], Float32Array.of(bias))]
      await writeSafetensors(join(directory, 'model.safetensors'), tensors, {}, context)
      const lossCurve = Array.from({ length: 900 }, (_, step) => [step + 1, bias] as const)
      const weights = await readWeightsDirectory(directory, context)
      return { weights, record: { trainer, seed, trainingDigest: training.digest, lossCurve } }
    },
    async load(weights) {
      const own = JSON.parse(await readFile(join(weights.path, 'config.json'), 'utf8')) as { readonly seed: number }
      const error = (x: number) => bias + noise * Math.sin(1e5 * (x + own.seed))
      return {
        digest: weights.digest,
        predict: async (inputs) => inputs.map((x) => ({ kind: 'number', value: 2 * x + error(x) })),
        async [Symbol.asyncDispose]() {},
      }
    },
  }
}

export const squaredError: Metric = {
  ...{ contract: 1, name: 'squared-error', version: '1', direction: 'lower-is-better', kind: 'mean', needs: 'number' },
  describe: () => null,
  score: ({ target }, prediction) => (prediction.kind === 'number' ? (prediction.value - Number(target)) ** 2 : 0),
}
