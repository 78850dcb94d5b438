import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, SheikhError } from '../../../src/core/index.js'
import { type Executor, inProcessExecutor } from '../../../src/execute/index.js'
import { readWeightsDirectory, type WeightsDirectory } from '../../../src/model/index.js'
import { directoryStore } from '../../../src/store/directory/index.js'
import type { Store } from '../../../src/store/index.js'
import { memoryStore } from '../../../src/store/memory/index.js'
import { trainerContract } from '../../../src/testing/trainer-contract.js'
import type { FitRequest, Trainer, TrainProgress } from '../../../src/trainer/index.js'
import {
  type DilocoOptions,
  dilocoKind,
  dilocoTrainer,
  gradientModel,
  llamaTrainer,
  tfjsTrainer,
} from '../../../src/trainer/tfjs/index.js'
import { builtRooms } from '../../built-package.js'
import { makeBase } from '../llama/base.js'
import { classifier, rounds, texts } from './texts.js'

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-diloco-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

const inProcess = (store: Store, trainer: Trainer<never, never>, workers = 1) =>
  inProcessExecutor({ store, workers, kinds: [dilocoKind(trainer)] })

interface Fit {
  readonly trainer?: Trainer<string, string>
  readonly options?: Partial<DilocoOptions>
  readonly request?: Partial<FitRequest<string, string>>
  readonly store?: Store
  readonly executor?: Executor
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainProgress) => void
}

async function train({ trainer = classifier(), options, request, store = memoryStore(), signal, ...others }: Fit = {}) {
  const progress: TrainProgress[] = []
  const warnings: string[] = []
  const context = callContext({
    ...(signal && { signal }),
    log: { debug() {}, info() {}, warn: (text) => void warnings.push(String(text)) },
  })
  await using own = inProcess(store, trainer)
  const executor = others.executor ?? own
  const directory = await mkdtemp(join(below, 'weights-'))
  const { weights, record } = await dilocoTrainer(trainer, { executor, store, ...rounds, ...options }).fit(
    { training: texts(100), seed: 1, directory, ...request },
    {
      ...context,
      progress(report) {
        progress.push(report)
        others.onProgress?.(report)
      },
    },
  )
  return { weights, record, progress, warnings, trainer }
}

async function accuracyOf({ trainer, weights }: Pick<Awaited<ReturnType<typeof train>>, 'trainer' | 'weights'>) {
  await using model = await trainer.load(weights, callContext())
  let [right, all] = [0, 0]
  for await (const { input, target } of texts(100, 'others')) {
    const [found] = await model.predict([input], callContext())
    if (found?.kind === 'label' && found.label === target) right += 1
    all += 1
  }
  return right / all
}

/** Executors of processes that run the built package. */
async function startWorkers(workers: number, options: object = {}) {
  const folder = await mkdtemp(join(below, 'workers-'))
  const rooms = await builtRooms()
  const { localExecutor } = (await import(
    join(rooms, 'execute/index.js')
  )) as typeof import('../../../src/execute/index.js')
  const [store, notes] = [directoryStore(join(folder, 'store')), join(folder, 'notes')]
  const module = pathToFileURL(join(rooms, 'diloco-worker.js'))
  const worker = { module, options: { folder: join(folder, 'store'), notes, ...options } }
  const executor = localExecutor({ store, workers, worker })
  const done = async () => (await readFile(notes, 'utf8')).trim().split('\n')
  return { store, executor, done, [Symbol.asyncDispose]: () => executor[Symbol.asyncDispose]() }
}

/** The files of objects in a store. */
const objectsIn = async (store: string) =>
  (await readdir(join(store, 'objects'), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)

describe('a distributed trainer', () => {
  trainerContract(it, async () => {
    const [trainer, store] = [classifier({ epochs: 20 }), memoryStore()]
    return dilocoTrainer(trainer, { executor: inProcess(store, trainer), store, replicas: 2, innerSteps: 4 })
  })
})

describe('a distributed training', () => {
  it('learns what one machine learns, and its weights are those of an ordinary model', async () => {
    const trained = await train()
    expect(await accuracyOf(trained)).toBe(1)
    expect(trained.record.trainer).toMatchObject({
      name: 'diloco',
      describe: { replicas: 4, innerSteps: 5, trainer: { name: 'tfjs-text-classifier' } },
    })
    // 8 epochs of 13 steps, a quarter each.
    expect(trained.progress.at(-1)).toMatchObject({ step: 26, steps: 26 })
    expect(trained.record.lossCurve.map(([step]) => step)).toEqual([5, 10, 15, 20, 25, 26])
  })

  it('gives the same bytes in process and on 1, 2 and 4 workers', async () => {
    const { weights } = await train()
    for (const workers of [1, 2, 4]) {
      await using started = await startWorkers(workers)
      const other = await train(started)
      expect(other.weights.digest).toBe(weights.digest)
    }
  })

  it('does the round of a killed worker again, with the same bytes', async () => {
    const { weights } = await train()
    await using started = await startWorkers(2, { kill: { from: 5, replica: 2 } })
    const other = await train(started)
    expect(other.weights.digest).toBe(weights.digest)
    expect(other.warnings).toEqual([expect.stringContaining('Replica 2 begins again')])
    expect((await started.done()).filter((line) => line === '5 2')).toHaveLength(2)
  })

  it('resumes after its caller was killed, from the last round, with the same bytes', async () => {
    const { weights } = await train()
    const folder = await mkdtemp(join(below, 'killed-'))
    const rooms = await builtRooms()
    const host = spawn(process.execPath, [join(rooms, 'diloco-host.js'), folder, join(rooms, 'diloco-worker.js')])
    host.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.split('\n').some((step) => Number(step) >= 10)) host.kill('SIGKILL')
    })
    expect(await once(host, 'exit')).toEqual([null, 'SIGKILL'])
    const store = directoryStore(join(folder, 'store'))
    const other = await train({ store, request: { checkpoints: join(folder, 'checkpoints') } })
    expect(other.progress[0]!.resumedFrom).toBeGreaterThanOrEqual(5)
    expect(other.weights.digest).toBe(weights.digest)
  })

  it('resumes after an abort, and leaves nothing in the store when it ends', async () => {
    const { weights, record } = await train()
    const folder = await mkdtemp(join(below, 'aborted-'))
    const [store, checkpoints] = [directoryStore(join(folder, 'store')), join(folder, 'checkpoints')]
    await mkdir(checkpoints)
    const stop = new AbortController()
    const onProgress = ({ step }: TrainProgress) => void (step === 15 && stop.abort('enough'))
    const aborted = train({ store, request: { checkpoints }, signal: stop.signal, onProgress })
    await expect(aborted).rejects.toBe('enough')
    const other = await train({ store, request: { checkpoints } })
    expect(other.progress[0]!.resumedFrom).toBe(10)
    expect(other.weights.digest).toBe(weights.digest)
    expect(other.record).toEqual(record)
    expect(await filesBelow(join(folder, 'store/objects'))).toEqual([])
    expect(await filesBelow(join(folder, 'store/work'))).toEqual([])
  })

  it('stops early by the development rows, with the weights of the lowest loss', async () => {
    const earlyStopping = { patience: 2 }
    // Labels that training makes less likely.
    const development = texts(40, 'development', 2)
    const { record, progress } = await train({ trainer: classifier({ earlyStopping }), request: { development } })
    expect(record.developmentDigest).toBe(development.digest)
    expect(progress.at(-1)!.step).toBe(15)
    expect(record.developmentCurve!.at(-1)![0]).toBe(progress.at(-1)!.step)
    const refused = train({ trainer: classifier({ earlyStopping }) })
    await expect(refused).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('development'),
    })
  })

  it('sends a quarter of the bytes as int8, and learns the same', async () => {
    const sizes: number[][] = []
    for (const compression of [undefined, 'int8'] as const) {
      const store = memoryStore()
      const put: number[] = []
      const objects: Store['objects'] = {
        ...store.objects,
        async putDirectory(...parts) {
          const digest = await store.objects.putDirectory(...parts)
          const { files } = await store.objects.manifest(digest, callContext())
          if (files[0]!.path === 'values.safetensors') put.push(files[0]!.sizeBytes)
          return digest
        },
      }
      const trained = await train({ store: { ...store, objects }, options: { compression } })
      expect(await accuracyOf(trained)).toBe(1)
      // Weights, and then the gradient of the first replica.
      sizes.push(put.slice(0, 2))
    }
    const [[weights, gradient], [same, small]] = sizes as [[number, number], [number, number]]
    expect(same).toBe(weights)
    expect(small / gradient).toBeLessThan(0.35)
  })

  it('trains with one replica, in one round', async () => {
    const trained = await train({ options: { replicas: 1, innerSteps: 1000 } })
    expect(trained.record.lossCurve).toHaveLength(1)
    expect(await accuracyOf(trained)).toBe(1)
  })

  it('refuses more replicas than steps, other trainers and options out of range', async () => {
    await expect(train({ options: { replicas: 105 } })).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('would take only 104 steps'),
    })
    const store = memoryStore()
    const executor = inProcess(store, classifier())
    const others: [Trainer<string, string>, Partial<DilocoOptions>, string][] = [
      [{ ...classifier() }, {}, 'only a trainer that `tfjsTrainer` returned'],
      [dilocoTrainer(classifier(), { executor, store, replicas: 2 }), {}, '"diloco"'],
      ...[0, -1, 1.5, Number.NaN, 2000].map((replicas): [Trainer<string, string>, Partial<DilocoOptions>, string] => [
        classifier(),
        { replicas },
        `"replicas" is ${replicas}`,
      ]),
      [classifier(), { learningRateFactor: 0 }, '"learningRateFactor" is 0'],
      [classifier(), { outerMomentum: 1 }, '"outerMomentum" is 1'],
      [classifier(), { outerLearningRate: Number.NaN }, '"outerLearningRate" is NaN'],
      [classifier(), { innerSteps: 0 }, '"innerSteps" is 0'],
      [classifier(), { compression: 'zip' as never }, '"compression" is zip'],
    ]
    for (const [trainer, options, message] of others)
      expect(() => dilocoTrainer(trainer, { executor, store, replicas: 2, ...options })).toThrow(message)
  })

  it('refuses a worker with another trainer', async () => {
    await using started = await startWorkers(1, { learningRate: 0.5 })
    await expect(train(started)).rejects.toMatchObject({ code: 'version-mismatch' })
  })

  it('ends with train-diverged if a replica diverges, and leaves no objects', async () => {
    const place = await mkdtemp(join(below, 'diverged-'))
    const store = directoryStore(place)
    const folder = await mkdtemp(join(below, 'checkpoints-'))
    const trainer = tfjsTrainer(line({ learningRate: 1e30 }), { thread: 'caller' })
    await using executor = inProcess(store, trainer as never)
    const directory = await mkdtemp(join(below, 'weights-'))
    const fitting = dilocoTrainer(trainer, { executor, store, replicas: 2, innerSteps: 3 }).fit(
      { training: points(20), seed: 1, directory, checkpoints: folder },
      { ...callContext(), progress() {} },
    )
    await expect(fitting).rejects.toMatchObject({ code: 'train-diverged' })
    expect(await readdir(directory)).toEqual([])
    expect(await objectsIn(place)).toEqual([])
  })

  it('leaves no objects of replicas that finished before another one failed', async () => {
    const place = await mkdtemp(join(below, 'failed-'))
    const store = directoryStore(place)
    const trainer = tfjsTrainer(line({ learningRate: 0.1 }), { thread: 'caller' })
    await using inner = inProcess(store, trainer as never)
    let first: Promise<unknown> | undefined
    const executor: Executor = {
      ...inner,
      async run(job, context) {
        if (first === undefined) {
          const result = inner.run(job, context)
          first = result
          return result
        }
        await first
        expect((await objectsIn(place)).length).toBeGreaterThan(0)
        throw new SheikhError('train-diverged', 'The second replica diverged.')
      },
    }
    const fitting = dilocoTrainer(trainer, { executor, store, replicas: 2, innerSteps: 3 }).fit(
      { training: points(20), seed: 1, directory: await mkdtemp(join(below, 'weights-')) },
      { ...callContext(), progress() {} },
    )
    await expect(fitting).rejects.toMatchObject({ code: 'train-diverged' })
    expect(await objectsIn(place)).toEqual([])
  })

  it('learns with AdamW and a model of the host', async () => {
    const store = memoryStore()
    const trainer = tfjsTrainer(line({ learningRate: 0.1 }), { thread: 'caller' })
    await using executor = inProcess(store, trainer as never)
    const directory = await mkdtemp(join(below, 'weights-'))
    const { weights } = await dilocoTrainer(trainer, { executor, store, replicas: 3, innerSteps: 10 }).fit(
      { training: points(60), seed: 1, directory },
      { ...callContext(), progress() {} },
    )
    await using model = await trainer.load(weights, callContext())
    const [found] = await model.predict([0.5], callContext())
    expect(found).toMatchObject({ kind: 'number', value: expect.closeTo(2, 1) })
  })
})

describe('a distributed training of a language model', () => {
  const optionsOf = async () =>
    ({
      base: await makeBase(below),
      thread: 'caller',
      answer: { kind: 'choice', choices: [0, 1, 2, 3, 4].map((number) => `class ${number}`) },
      device: 'wasm',
      maximumLength: 32,
      epochs: 2,
      batchSize: 4,
    }) as const
  const probabilitiesOf = async (trainer: Trainer<string, string>, weights: WeightsDirectory) => {
    await using model = await trainer.load(weights, callContext())
    const [found] = await model.predict(['common1 topica'], callContext())
    return found as { readonly kind: string; readonly probabilities?: Readonly<Record<string, number>> }
  }

  it('trains all weights, and refuses adapters', async () => {
    const options = await optionsOf()
    const trainer = llamaTrainer({ ...options, fromScratch: true })
    const first = await train({ trainer, request: { training: texts(20) }, options: { replicas: 2 } })
    const again = await train({ trainer, request: { training: texts(20) }, options: { replicas: 2 } })
    expect(first.record.lossCurve.map(([step]) => step)).toEqual([5])
    expect(again.weights.digest).toBe(first.weights.digest)
    expect((await probabilitiesOf(trainer, first.weights)).kind).toBe('label')
    const [store, adapters] = [memoryStore(), llamaTrainer({ base: options.base, lora: {} })]
    expect(() => dilocoTrainer(adapters, { executor: inProcess(store, trainer), store, replicas: 2 })).toThrow(
      'without "lora"',
    )
  })

  it('starts from its base', async () => {
    const options = await optionsOf()
    const base = await probabilitiesOf(
      llamaTrainer(options),
      await readWeightsDirectory(options.base.directory, callContext()),
    )
    const changeBy = async (learningRate: number) => {
      const trainer = llamaTrainer({ ...options, learningRate })
      const { weights } = await train({ trainer, request: { training: texts(20) }, options: { replicas: 2 } })
      return Math.max(
        ...Object.entries((await probabilitiesOf(trainer, weights)).probabilities!).map(([label, probability]) =>
          Math.abs(probability - base.probabilities![label]!),
        ),
      )
    }
    expect(await changeBy(1e-9)).toBeLessThan(1e-4)
    expect(await changeBy(1e-2)).toBeGreaterThan(1e-2)
  })
})

/** y = 2x + 1. */
const line = ({ learningRate }: { readonly learningRate: number }) =>
  gradientModel<number, 'number'>({
    ...{ answer: 'number', version: '1', inputShape: [1], epochs: 30, batchSize: 4, learningRate },
    input: (x) => [x],
    init: (tf) => ({ slope: tf.zeros([1, 1]), height: tf.zeros([1]) }),
    predict: (tf, { slope, height }, inputs) => tf.add(tf.matMul(inputs as never, slope as never), height!),
    loss: (tf, { slope, height }, { inputs, targets }) =>
      tf.mean(tf.square(tf.sub(tf.add(tf.matMul(inputs as never, slope as never), height!), targets))),
  })
const points = (count: number) => ({
  size: count,
  digest: `sha256:${'4'.repeat(64)}` as const,
  async *[Symbol.asyncIterator]() {
    for (let index = 0; index < count; index += 1)
      yield { id: `${index}`, input: index / count, target: (2 * index) / count + 1, slices: {} }
  },
})

async function filesBelow(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return found.filter((entry) => entry.isFile()).map(({ name }) => name)
}
