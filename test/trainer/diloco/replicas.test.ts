import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, type JsonObject } from '../../../src/core/index.js'
import { type Executor, inProcessExecutor } from '../../../src/execute/index.js'
import { float32Of, readSafetensors, type WeightsDirectory } from '../../../src/model/index.js'
import { directoryStore } from '../../../src/store/directory/index.js'
import type { Store } from '../../../src/store/index.js'
import { memoryStore } from '../../../src/store/memory/index.js'
import type { FitRequest, Trainer } from '../../../src/trainer/index.js'
import { openDevice } from '../../../src/trainer/tfjs/devices.js'
import { listed } from '../../../src/trainer/tfjs/examples.js'
import { type DilocoOptions, dilocoKind, dilocoTrainer, tfjsTrainer } from '../../../src/trainer/tfjs/index.js'
import { type LoopPart, type Trainable, trainLoop } from '../../../src/trainer/tfjs/train-loop.js'
import { byGradients, ofLetters } from '../own-model/models.mjs'

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-replicas-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

const quiet = { ...callContext(), progress() {} }

/** Texts whose second letter decides their class, in sorted order. */
const letters = (count: number) => ({
  size: count,
  digest: `sha256:${'5'.repeat(64)}` as const,
  async *[Symbol.asyncIterator]() {
    for (let index = 0; index < count; index += 1) {
      const number = Math.floor((index / count) * 3)
      const others = Array.from({ length: 8 }, (_, place) => String.fromCharCode(97 + ((index * 7 + place * 11) % 26)))
      yield { id: `${index}`, input: `x${'aks'[number]}${others.join('')}`, target: `class ${number}`, slices: {} }
    }
  },
})

interface Fit {
  readonly trainer: Trainer<string, string>
  readonly options?: Partial<DilocoOptions>
  readonly request?: Partial<FitRequest<string, string>>
  readonly store?: Store
  readonly signal?: AbortSignal
  readonly workers?: number
  readonly onStep?: (step: number) => void
}

async function distribute({ trainer, options, request, store = memoryStore(), workers = 1, ...others }: Fit) {
  const warnings: string[] = []
  await using executor = inProcessExecutor({ store, workers, kinds: [dilocoKind(trainer)] })
  const directory = await mkdtemp(join(below, 'weights-'))
  const { weights, record } = await dilocoTrainer(trainer, { executor, store, replicas: 2, ...options }).fit(
    { training: letters(90), seed: 1, directory, ...request },
    {
      ...callContext({
        ...(others.signal && { signal: others.signal }),
        log: { debug() {}, info() {}, warn: (text) => void warnings.push(String(text)) },
      }),
      progress: ({ step }) => others.onStep?.(step),
    },
  )
  return { weights, record, warnings }
}

async function valuesOf({ path }: WeightsDirectory) {
  const { tensors } = await readSafetensors(join(path, 'model.safetensors'), callContext())
  return Object.fromEntries(tensors.map((tensor) => [tensor.name, Array.from(float32Of(tensor))]))
}

const objectsIn = async (folder: string) =>
  (await readdir(join(folder, 'objects'), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())

/** Runs a loop whose learner notes the numbers of the examples of each step. */
async function stepsOf(size: number, part?: LoopPart) {
  const steps: { readonly step: number; readonly numbers: readonly number[]; readonly rate: number }[] = []
  const model: Trainable<number> = {
    loop: { epochs: 3, batchSize: 4, learningRate: 1, weightDecay: 0, schedule: 'constant' },
    learner: () => ({
      async begin() {},
      resume() {},
      async takeStep(batches, step, rate) {
        steps.push({ step, numbers: batches.flat(), rate })
        return 0
      },
      developmentLoss: async () => ({ loss: 0, count: 1 }),
      keepBest() {},
      state: async () => ({}),
      weights: async () => ({}),
      dispose() {},
    }),
  }
  const device = await openDevice('js', callContext())
  const examples = listed(Array.from({ length: size }, (_, number) => number))
  const config: JsonObject = {}
  await trainLoop(device, model, { config, examples, seed: 7, ...(part && { part }) }, quiet)
  return steps
}

describe('replicas', () => {
  it.each([
    [1, 24],
    [2, 24],
    [3, 23],
    [4, 5],
    [5, 97],
  ])('%i of them share out the batches of one machine, for %i rows', async (of, size) => {
    const alone = await stepsOf(size)
    const steps = Math.ceil(alone.length / of)
    const shared: (readonly number[])[] = []
    for (let number = 0; number < of; number += 1) {
      // In two rounds.
      const parts = [
        { from: 0, to: Math.ceil(steps / 2) },
        { from: Math.ceil(steps / 2), to: steps },
      ]
      for (const { from, to } of parts) {
        const taken = await stepsOf(size, { from, to, steps, replica: { number, of }, learningRateFactor: 3 })
        expect(taken.map(({ step }) => step)).toEqual(Array.from({ length: to - from }, (_, index) => index + 1))
        for (const [index, { numbers, rate }] of taken.entries()) {
          shared[(from + index) * of + number] = numbers
          expect(rate).toBe(3)
        }
      }
    }
    expect(shared.slice(0, alone.length)).toEqual(alone.map(({ numbers }) => numbers))
    expect(shared.length - alone.length).toBeLessThan(of)
  })

  it('keep the moments of AdamW: one replica learns what the trainer alone learns', async () => {
    const trainer = tfjsTrainer(byGradients({ epochs: 2 }), { thread: 'caller' })
    const directory = await mkdtemp(join(below, 'alone-'))
    const alone = await trainer.fit({ training: letters(90), seed: 1, directory }, quiet)
    const options = { replicas: 1, innerSteps: 3, outerMomentum: 0, outerLearningRate: 1 }
    const distributed = await distribute({ trainer, options })
    const [expected, found] = [await valuesOf(alone.weights), await valuesOf(distributed.weights)]
    for (const [name, values] of Object.entries(expected)) {
      const largest = Math.max(...values.map((value, index) => Math.abs(value - found[name]![index]!)))
      // Weights move by up to 0.6. Subtracting and adding in float32 rounds each round.
      expect(largest).toBeLessThan(1e-4)
    }
  })

  it('resume with their moments after an abort, and leave nothing in the store', async () => {
    const trainer = tfjsTrainer(byGradients(), { thread: 'caller' })
    const options = { innerSteps: 3 }
    const { weights, record } = await distribute({ trainer, options })
    for (const workers of [1, 2]) {
      const folder = await mkdtemp(join(below, 'aborted-'))
      const [store, checkpoints] = [directoryStore(folder), join(folder, 'checkpoints')]
      await mkdir(checkpoints)
      const stop = new AbortController()
      const onStep = (step: number) => void (step === 9 && stop.abort('enough'))
      const request = { checkpoints }
      const aborted = distribute({ trainer, options, store, workers, request, signal: stop.signal, onStep })
      await expect(aborted).rejects.toBe('enough')
      const steps: number[] = []
      const other = await distribute({ trainer, options, store, request, onStep: (step) => void steps.push(step) })
      expect(steps[0]).toBeGreaterThan(6)
      expect(other.weights.digest).toBe(weights.digest)
      expect(other.record).toEqual(record)
      expect(await objectsIn(folder)).toEqual([])
    }
  })

  it('resume at the end if the weights were not written', async () => {
    const early = { earlyStopping: { patience: 1 }, learningRate: 0.5, epochs: 30 }
    for (const [innerSteps, changes] of [
      [3, {}],
      [100, {}],
      [3, early],
    ] as const) {
      const [trainer, options] = [tfjsTrainer(byGradients(changes), { thread: 'caller' }), { innerSteps }]
      const development = 'earlyStopping' in changes ? letters(20) : undefined
      const { weights, record } = await distribute({ trainer, options, request: { development } })
      if (development !== undefined) expect(record.lossCurve.at(-1)![0]).toBeLessThan(90)
      const folder = await mkdtemp(join(below, 'ended-'))
      const [store, checkpoints] = [directoryStore(folder), join(folder, 'checkpoints')]
      await mkdir(checkpoints)
      const request = { checkpoints, development }
      const directory = join(folder, 'a file', 'weights')
      await writeFile(join(folder, 'a file'), '')
      const failed = distribute({ trainer, options, store, request: { ...request, directory } })
      await expect(failed).rejects.toMatchObject({ code: 'storage-failed' })
      expect(await objectsIn(folder)).toEqual([])
      const steps: number[] = []
      const other = await distribute({ trainer, options, store, request, onStep: (step) => void steps.push(step) })
      expect([other.warnings, steps]).toEqual([[], []])
      expect(other.weights.digest).toBe(weights.digest)
      expect(other.record).toEqual(record)
      expect(await objectsIn(folder)).toEqual([])
    }
  })

  it('read the examples once per worker, also after another training', async () => {
    const trainer = tfjsTrainer(byGradients({ epochs: 2 }), { thread: 'caller' })
    const store = memoryStore()
    const reads: string[] = []
    const objects: Store['objects'] = {
      ...store.objects,
      getDirectory(digest, ...others) {
        reads.push(digest)
        return store.objects.getDirectory(digest, ...others)
      },
    }
    const counting = { ...store, objects }
    await using executor = inProcessExecutor({ store: counting, kinds: [dilocoKind(trainer)] })
    const examples = new Set<string>()
    const noting: Executor = {
      ...executor,
      run(job, context) {
        examples.add(job.objects!['examples']!)
        return executor.run(job, context)
      },
    }
    const digests: string[] = []
    for (const seed of [1, 2, 1]) {
      const directory = await mkdtemp(join(below, 'weights-'))
      const { weights } = await dilocoTrainer(trainer, {
        ...{ executor: noting, store: counting, replicas: 2, innerSteps: 2 },
      }).fit({ training: letters(seed === 1 ? 90 : 60), seed, directory }, quiet)
      digests.push(weights.digest)
    }
    expect(digests[2]).toBe(digests[0])
    // Each training has examples of its own, and three rounds of two replicas.
    expect(examples.size).toBe(3)
    expect(reads.filter((digest) => examples.has(digest))).toHaveLength(3)
  })

  it('begin anew if the store lost their moments', async () => {
    const trainer = tfjsTrainer(byGradients(), { thread: 'caller' })
    const options = { innerSteps: 3 }
    const { weights } = await distribute({ trainer, options })
    const [folder, checkpoints] = [await mkdtemp(join(below, 'lost-')), await mkdtemp(join(below, 'checkpoints-'))]
    const stop = new AbortController()
    const onStep = (step: number) => void (step === 9 && stop.abort('enough'))
    const request = { checkpoints }
    const aborted = distribute({
      ...{ trainer, options, request, signal: stop.signal, onStep },
      store: directoryStore(join(folder, 'first')),
    })
    await expect(aborted).rejects.toBe('enough')
    const other = await distribute({ trainer, options, request, store: directoryStore(join(folder, 'second')) })
    expect(other.warnings).toEqual([expect.stringContaining('begins anew')])
    expect(other.weights.digest).toBe(weights.digest)
  })

  it.each([undefined, 'int8'] as const)('train a model with batch normalization (%s)', async (compression) => {
    const trainer = tfjsTrainer(ofLetters(), { thread: 'caller' })
    const options = { innerSteps: 3, compression }
    const { weights, record } = await distribute({ trainer, options })
    const again = await distribute({ trainer, options, workers: 2 })
    expect(again.weights.digest).toBe(weights.digest)
    const values = Object.entries(await valuesOf(weights))
    const variances = values.filter(([name]) => name.includes('variance'))
    expect(variances).toHaveLength(1)
    expect(Math.min(...variances.flatMap(([, some]) => some))).toBeGreaterThan(0)
    expect(variances.flatMap(([, some]) => some).some((value) => value !== 1)).toBe(true)
    expect(record.lossCurve.at(-1)![1]).toBeLessThan(record.lossCurve[0]![1] / 2)
    await using model = await trainer.load(weights, callContext())
    const rows: { readonly input: string; readonly target: string }[] = []
    for await (const row of letters(90)) rows.push(row)
    const found = await model.predict(
      rows.map(({ input }) => input),
      callContext(),
    )
    const right = found.filter((one, index) => one.kind === 'label' && one.label === rows[index]!.target).length
    expect(right / rows.length).toBeGreaterThan(0.8)
  })
})
