import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Rows, readSafetensors, type WeightsDirectory } from '../../src/model/index.js'
import type { Trainer } from '../../src/trainer/index.js'
import { type LlamaTrainerOptions, llamaTrainer, textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { itInFull } from '../in-full.js'
import { makeBase } from './llama/base.js'

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-warm-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

const context = { ...callContext(), progress() {} }
const rowsOf = (labels: readonly string[]): Rows<string, string> => ({
  size: 24,
  digest: `sha256:${String(labels.length).padStart(64, '0')}`,
  async *[Symbol.asyncIterator]() {
    for (let index = 0; index < 24; index += 1) {
      const target = labels[index % labels.length]!
      yield { id: String(index), input: `${target} thing ${index}`, target, slices: {} }
    }
  },
})
const released = async (trainer: Trainer<string, string>, base?: WeightsDirectory, labels = ['fruit', 'vehicle']) => {
  const directory = await mkdtemp(join(below, 'weights-'))
  return (await trainer.fit({ training: rowsOf(labels), seed: 1, directory, base }, context)).weights
}
const tensorsOf = async ({ path }: WeightsDirectory, name = 'model.safetensors') =>
  (await readSafetensors(join(path, name), context)).tensors
const settings = { buckets: 2 ** 8, epochs: 2 }
const classifier = (options = {}) => tfjsTrainer(textClassifier({ ...settings, ...options }))
/** Learns next to nothing: what it releases is what it started from. */
const still = { learningRate: 1e-30, weightDecay: 0, maximumSteps: 1 } as const

describe('a text classifier', () => {
  it('starts from a release, the same each time, and not as from nothing', async () => {
    const base = await released(classifier())
    const [first, again] = [await released(classifier(), base), await released(classifier(), base)]
    expect(first.digest).toBe(again.digest)
    expect(first.digest).not.toBe(base.digest)
    expect(await tensorsOf(await released(classifier(still), base))).toEqual(await tensorsOf(base))
  })

  it('keeps what it knew of each label, and begins at zero with those that are new', async () => {
    const base = await released(classifier())
    const wider = await released(classifier(still), base, ['animal', 'fruit', 'mineral'])
    await using before = await classifier().load(base, context)
    await using after = await classifier().load(wider, context)
    expect(after.labels).toEqual(['animal', 'fruit', 'mineral', 'vehicle'])
    const oddsOf = async (model: typeof before) => {
      const [answer] = await model.predict(['fruit thing 3'], context)
      const { probabilities = {} } = answer as { readonly probabilities?: Readonly<Record<string, number>> }
      return Math.log(probabilities['fruit']! / probabilities['vehicle']!)
    }
    expect(await oddsOf(after)).toBeCloseTo(await oddsOf(before), 4)
  })

  it('goes on from no checkpoint of a training that started elsewhere', async () => {
    const base = await released(classifier())
    const whole = await released(classifier(), base)
    const checkpoints = join(below, 'checkpoints')
    const train = async (from?: WeightsDirectory) => {
      const trainer = tfjsTrainer(textClassifier(settings), { checkpoints: { everySteps: 1 } })
      const directory = await mkdtemp(join(below, 'weights-'))
      const request = { training: rowsOf(['fruit', 'vehicle']), seed: 1, directory, base: from, checkpoints }
      return (await trainer.fit(request, context)).weights.digest
    }
    await train()
    expect(await train(base)).toBe(whole.digest)
  })

  it('refuses a release of other features, and what is no release of it', async () => {
    const base = await released(classifier())
    await expect(released(classifier({ buckets: 2 ** 9 }), base)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('its buckets is 256'),
    })
    const other = { ...base, path: below }
    await expect(released(classifier(), other)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})

describe('a language model', () => {
  const llama = async (options: Partial<LlamaTrainerOptions> = {}) =>
    llamaTrainer({ base: await makeBase(below), batchSize: 8, epochs: 1, maximumLength: 64, ...options })

  itInFull('starts from a release that is whole', async () => {
    const base = await released(await llama())
    for (const lora of [undefined, { rank: 2 }]) {
      const warm = await released(await llama({ ...still, lora }), base)
      expect(await tensorsOf(warm)).toEqual(await tensorsOf(base))
    }
    const first = await released(await llama(), base)
    expect(first.digest).toBe((await released(await llama(), base)).digest)
    expect(first.digest).not.toBe(base.digest)
  })

  it('starts from a release of adapters of the same kind, and refuses others', async () => {
    const lora = { rank: 2, merge: false } as const
    const base = await released(await llama({ lora }))
    const warm = await released(await llama({ ...still, lora }), base)
    const name = 'adapter_model.safetensors'
    expect(await tensorsOf(warm, name)).toEqual(await tensorsOf(base, name))
    for (const other of [{ rank: 3, merge: false }, { rank: 2 }, undefined])
      await expect(released(await llama({ lora: other }), base)).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(released(await llama({ lora }), await released(await llama()))).rejects.toMatchObject({
      code: 'invalid-options',
    })
  })
})
