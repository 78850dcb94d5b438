import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { type Rows, readSafetensors } from '../../src/model/index.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'
import { llamaTrainer, textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { itInFull } from '../in-full.js'
import { samples, world } from '../pipeline/harness.js'
import { sampleOf } from '../whole.js'
import { makeBase } from './llama/base.js'

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-early-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

const rowsOf = (all: readonly { id: string; input: string; target: string }[]): Rows<string, string> => ({
  size: all.length,
  digest: `sha256:${String(all.length).padStart(64, '0')}`,
  async *[Symbol.asyncIterator]() {
    for (const row of all) yield { ...row, slices: {} }
  },
})
// Words that say nothing: what is learned of the training rows is wrong on the others before long.
const noise = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: String(from + index),
    input: `${index % 4 < 2 ? 'apple' : 'bus'} word${from + index} thing${(from + index) * 7}`,
    target: index % 4 < 2 === index % 7 < 5 ? 'fruit' : 'vehicle',
  }))
const training = rowsOf(noise(0, 40))
const development = rowsOf([...noise(1000, 30), { id: 'x', input: 'a label never seen', target: 'mineral' }])
const settings = { epochs: 30, batchSize: 10, buckets: 2 ** 8, learningRate: 0.3, schedule: 'constant' } as const

async function learn(
  changes: Parameters<typeof textClassifier>[0],
  { device = 'js', stopAt, checkpoints }: { device?: 'js' | 'wasm'; stopAt?: number; checkpoints?: string } = {},
) {
  const controller = new AbortController()
  let steps = 0
  const { weights, record } = await tfjsTrainer(textClassifier({ ...settings, ...changes }), {
    device,
    thread: 'caller',
  }).fit(
    {
      ...{ training, development, seed: 1, directory: await mkdtemp(join(below, 'weights-')) },
      ...(checkpoints && { checkpoints }),
    },
    {
      ...callContext({ signal: controller.signal }),
      progress({ step }) {
        steps = step
        if (step === stopAt) controller.abort('stopped')
      },
    },
  )
  return { weights, record, steps }
}
const tensorsOf = async (path: string) =>
  (await readSafetensors(join(path, 'model.safetensors'), callContext())).tensors

describe('how many examples are looked at at once', () => {
  it('decides nothing of what is found on the development rows', async () => {
    const of = async (evaluationBatchSize: number) =>
      (await learn({ evaluationBatchSize, earlyStopping: { patience: 3 } })).record.developmentCurve!
    const [one, many] = [await of(1), await of(1000)]
    expect(one.length).toBeGreaterThan(3)
    expect(one.map(([step]) => step)).toEqual(many.map(([step]) => step))
    for (const [at, [, loss]] of one.entries()) expect(loss).toBeCloseTo(many[at]![1], 5)
  })

  it('is how many inputs are answered at once', async () => {
    const { weights } = await learn({ maximumSteps: 20 })
    const inputs = noise(0, 10).map(({ input }) => input)
    const answersOf = async (evaluationBatchSize: number) => {
      const asked: number[] = []
      const model = textClassifier({ ...settings, evaluationBatchSize })
      const counting: typeof model = {
        ...model,
        outputs: (tf, weights, some, config) => {
          asked.push(some.length)
          return model.outputs(tf, weights, some, config)
        },
      }
      await using loaded = await tfjsTrainer(counting, { device: 'js', thread: 'caller' }).load(weights, callContext())
      return { asked, answers: await loaded.predict(inputs, callContext()) }
    }
    const [three, all] = [await answersOf(3), await answersOf(64)]
    expect([three.asked, all.asked]).toEqual([[3, 3, 3, 1], [10]])
    expect(three.answers).toEqual(all.answers)
  })
})

describe('early stopping', () => {
  it.each(['js', 'wasm'] as const)(
    'ends where the development loss no longer falls, with its best weights, on %s',
    async (device) => {
      const { tf } = await openDevice(device, callContext())
      const before = tf.memory().numTensors
      const stopped = await learn({ earlyStopping: { patience: 3 } }, { device })
      const curve = stopped.record.developmentCurve!
      const losses = curve.map(([, loss]) => loss)
      const lowest = losses.indexOf(Math.min(...losses))
      expect(losses.length).toBe(lowest + 1 + 3)
      expect(stopped.steps).toBe(curve.at(-1)![0])
      expect(stopped.steps).toBeLessThan(120)
      // At a constant rate, the weights of that step are those of a training that ends there.
      const [bestStep] = curve[lowest]!
      const whole = await learn({ maximumSteps: bestStep }, { device })
      expect(await tensorsOf(stopped.weights.path)).toEqual(await tensorsOf(whole.weights.path))
      expect(stopped.record.developmentDigest).toBe(development.digest)
      expect(whole.record).not.toHaveProperty('developmentDigest')
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  it('stopped in its midst, ends as if it had not been', async () => {
    const changes = { earlyStopping: { patience: 4, everySteps: 3, minimumImprovement: 0.001 } }
    const whole = await learn(changes)
    expect(whole.record.developmentCurve!.map(([step]) => step % 3)).toEqual(
      whole.record.developmentCurve!.map(() => 0),
    )
    for (const stopAt of sampleOf([2, 5, 9, whole.steps - 1], 2)) {
      const checkpoints = join(below, `checkpoints-${stopAt}`)
      await expect(learn(changes, { stopAt, checkpoints })).rejects.toBe('stopped')
      const again = await learn(changes, { checkpoints })
      expect(again.weights.digest).toBe(whole.weights.digest)
      expect(again.record).toEqual(whole.record)
    }
  })

  itInFull('of a language model does the same', async () => {
    const base = await makeBase(below)
    const trainer = llamaTrainer({
      ...{ base, epochs: 20, batchSize: 10, learningRate: 0.05, earlyStopping: { patience: 2 }, thread: 'caller' },
      answer: { kind: 'choice', choices: ['fruit', 'vehicle'] },
    })
    const directory = await mkdtemp(join(below, 'weights-'))
    const { record } = await trainer.fit(
      { training, development, seed: 1, directory },
      { ...callContext(), progress() {} },
    )
    expect(record.developmentCurve!.length).toBeGreaterThan(2)
    expect(record.developmentCurve!.length).toBeLessThan(20)
  })

  it('without development rows is refused, and so are numbers that mean nothing', async () => {
    const trainer = tfjsTrainer(textClassifier({ ...settings, earlyStopping: { patience: 1 } }), { device: 'js' })
    await expect(
      trainer.fit({ training, seed: 1, directory: below }, { ...callContext(), progress() {} }),
    ).rejects.toMatchObject({ code: 'invalid-options', message: expect.stringContaining('developmentShare') })
    for (const earlyStopping of [
      { patience: 0 },
      { patience: 1, everySteps: 0.5 },
      { patience: 1, minimumImprovement: -1 },
    ])
      expect(() => textClassifier({ earlyStopping })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('the development rows of a dataset', () => {
  const many = Array.from({ length: 400 }, (_, index) => ({
    ...{ id: `s${index}`, text: `text ${index}`, label: index % 2 === 0 ? 'a' : 'b', thread: `t${index >> 2}` },
  }))
  const datasetOf = async (data: typeof many, developmentShare?: number) => {
    const options = { source: memorySamples(data), input: 'text', target: 'label', group: 'thread' } as const
    const identities = await new Dataset({ ...options, source: memorySamples(many) }).identities()
    const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'early', share: 0.2 }))
    return new Dataset({ ...options, evaluation, developmentShare })
  }
  const idsOf = async (rows: Rows<unknown, unknown> | undefined) => {
    const ids = new Set<string>()
    for await (const { id } of rows ?? rowsOf([])) ids.add(id)
    return ids
  }

  it('are a share of the others, by group, and new samples move none', async () => {
    const one = await (await datasetOf(many, 0.25)).snapshot(callContext())
    const { counts } = one.summary
    expect(counts.training + counts.development! + counts.evaluation + counts.excludedByGroup).toBe(400)
    expect(Math.abs(counts.development! / (counts.training + counts.development!) - 0.25)).toBeLessThan(0.1)
    const [learned, kept] = [await idsOf(one.training), await idsOf(one.development)]
    const threads = (ids: Set<string>) => new Set([...ids].map((id) => Number(id.slice(1)) >> 2))
    expect([...threads(learned)].filter((thread) => threads(kept).has(thread))).toEqual([])
    const more = [...many, ...many.map((sample) => ({ ...sample, id: `n${sample.id}`, thread: `n${sample.thread}` }))]
    const grown = await idsOf((await (await datasetOf(more, 0.25)).snapshot(callContext())).development)
    for (const id of kept) expect(grown.has(id), id).toBe(true)
    for (const id of learned) expect(grown.has(id), id).toBe(false)
  })

  it('are in no key, and nowhere, where none are asked for', async () => {
    const plain = await (await datasetOf(many)).snapshot(callContext())
    expect(plain.development).toBeUndefined()
    expect(plain.summary).not.toHaveProperty('developmentDigest')
    expect(plain.summary.counts).not.toHaveProperty('development')
  })

  it.each([-0.1, 1, Number.NaN])('of a share of %d are refused', async (share) => {
    await expect(datasetOf(many, share)).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('are in the keys of a run: other ones train anew', async () => {
    const { pipeline } = world()
    const trainer = tfjsTrainer(
      textClassifier({ epochs: 4, buckets: 2 ** 8, learningRate: 0.2, earlyStopping: { patience: 1 } }),
      { device: 'js', thread: 'caller' },
    )
    const identities = await new Dataset({
      source: memorySamples(samples),
      input: 'text',
      target: 'label',
    }).identities()
    const dataset = (developmentShare: number) =>
      new Dataset({
        ...{ source: memorySamples(samples), input: 'text', target: 'label', developmentShare },
        evaluation: pinnedSet(proposePinnedSet(identities, { salt: 'pipeline', share: 0.5 })),
      })
    const first = await pipeline(samples, { trainer, dataset: dataset(0.2) }).run()
    expect(first).toMatchObject({
      status: 'released',
      release: {
        record: { candidate: { developmentDigest: expect.any(String), developmentCurve: expect.any(Array) } },
      },
    })
    expect(await pipeline(samples, { trainer, dataset: dataset(0.2) }).run()).toMatchObject({ status: 'up-to-date' })
    expect(await pipeline(samples, { trainer, dataset: dataset(0.2) }).reproduce()).toMatchObject({
      status: 'reproduced',
    })
    const again = await pipeline(samples, { trainer, dataset: dataset(0.3) }).reproduce()
    expect(again).toMatchObject({ status: 'not-reproduced', difference: { path: 'developmentDigest' } })
  })
})
