import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { callContext, type Digest, type Json, SheikhError } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { accuracy, evaluate, rememberingModel, writeEvaluation, writePredictions } from '../../src/evaluation/index.js'
import { type Executor, inProcessExecutor, localExecutor } from '../../src/execute/index.js'
import { atLeast, qualityGate, storeLedger } from '../../src/gate/index.js'
import type { Rows, WeightsDirectory } from '../../src/model/index.js'
import { predictInShards } from '../../src/pipeline/evaluate-in-shards.js'
import { evaluateInShards, evaluationKind } from '../../src/pipeline/index.js'
import { shardsOf } from '../../src/pipeline/shard-rows.js'
import { directoryStore } from '../../src/store/directory/index.js'
import type { Store } from '../../src/store/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import type { Trainer } from '../../src/trainer/index.js'
import { builtRooms } from '../built-package.js'
import { startLocal } from '../execute/start-local.js'
import { datasetOf, poison, samples, world } from './harness.js'
import { shardDataset, shardMetrics, shardTrainer } from './shard-parts.js'

const context = callContext()
const temporaryFolder = () => mkdtemp(join(tmpdir(), 'sheikh-shards-'))
const dataset = shardDataset()
const { evaluation: rows, training } = await dataset.snapshot(context)
const metrics = shardMetrics
const trainer = shardTrainer({ version: '1' })

async function weightsOf(seed = 0): Promise<WeightsDirectory> {
  const directory = await temporaryFolder()
  return (await trainer.fit({ training, seed, directory }, { ...context, progress() {} })).weights
}
const weights = await weightsOf()

/** The digest of the files that a pipeline keeps. */
async function digestsOf({ evaluation, answers }: Awaited<ReturnType<typeof predictInShards>>) {
  const folder = await temporaryFolder()
  return [
    await writeEvaluation(join(folder, 'evaluation'), evaluation, context),
    await writePredictions(join(folder, 'predictions'), answers, context),
  ]
}

async function here(one: Trainer<string, string> = trainer, of: Rows<string, string> = rows) {
  await using model = await rememberingModel(() => one.load(weights, context), undefined)
  return { evaluation: await evaluate({ model, rows: of, metrics }, context), answers: model.answers() }
}
const expected = await digestsOf(await here())

const parts = { trainer, weights, dataset, rows, metrics }
const inProcess = (store: Store, trainerOfWorkers: Trainer<string, string> = trainer, workers = 1): Executor =>
  inProcessExecutor({ store, workers, kinds: [evaluationKind({ trainer: trainerOfWorkers, dataset })] })

async function digestsOn(store: Store, executor: Executor, options: { rowsPerShard?: number; parallel?: number } = {}) {
  return digestsOf(await predictInShards({ ...parts, store, executor, ...options } as never, context))
}

describe('evaluateInShards', () => {
  it.each([1, 64, 65, 200, 4096])(
    'gives the evaluation of one process with %d rows per shard',
    async (rowsPerShard) => {
      for (const parallel of [1, 3, 16]) {
        const store = memoryStore()
        await using executor = inProcess(store, trainer, 2)
        expect(await digestsOn(store, executor, { rowsPerShard, parallel })).toEqual(expected)
      }
    },
  )

  it('warns of failures as one process does, and reports progress', async () => {
    const warnings: string[][] = [[], []]
    const logTo = (list: string[]) =>
      callContext({ log: { debug() {}, info() {}, warn: (message) => void list.push(message) } })
    const store = memoryStore()
    await using executor = inProcess(store)
    const done: number[] = []
    const onProgress = (count: number) => void done.push(count)
    await evaluateInShards({ ...parts, store, executor, rowsPerShard: 64, onProgress }, logTo(warnings[0]!))
    await using model = await trainer.load(weights, context)
    await evaluate({ model, rows, metrics }, logTo(warnings[1]!))
    expect(warnings[0]).toEqual(warnings[1])
    expect(warnings[0]!.length).toBeGreaterThan(5)
    expect(done.at(-1)).toBe(rows.size)
    expect(done).toEqual([...new Set(done)].sort((one, other) => one - other))
  })

  it('does not fail if "onProgress" throws, and warns', async () => {
    const store = memoryStore()
    await using executor = inProcess(store)
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
    const onProgress = () => {
      throw new TypeError('No bar.')
    }
    const { ids } = await evaluateInShards({ ...parts, store, executor, onProgress }, callContext({ log }))
    expect(ids.length).toBe(rows.size)
    expect(warnings).toContain('"onProgress" of an evaluation failed: No bar.')
  })

  it('removes the rows of its shards from the store, also after an error', async () => {
    for (const fails of [false, true]) {
      const store = directoryStore(await temporaryFolder())
      const kept: Digest[] = []
      const noting: Store = {
        ...store,
        objects: {
          ...store.objects,
          async putDirectory(...request) {
            kept.push(await store.objects.putDirectory(...request))
            return kept.at(-1)!
          },
        },
      }
      const stopping = shardTrainer({
        version: '1',
        onPredict: () => {
          if (fails) throw new SheikhError('missing-peer', 'Gone.')
        },
      })
      await using executor = inProcess(noting, stopping)
      const evaluating = evaluateInShards({ ...parts, store: noting, executor, rowsPerShard: 64 }, context)
      await evaluating.catch(() => {})
      const files = await Promise.all(
        kept.map(async (digest) =>
          (await store.objects.has(digest)) ? (await store.objects.manifest(digest, context)).files : [],
        ),
      )
      const paths = new Set(files.flat().map(({ path }) => path))
      expect([...paths].filter((path) => path === 'input')).toEqual([])
      expect(paths.size).toBeGreaterThan(0)
    }
  })

  it('replaces predictions in the store that cannot be used, once', async () => {
    const folder = await temporaryFolder()
    const store = directoryStore(folder)
    const batches: number[] = []
    const counting = shardTrainer({ version: '1', onPredict: () => batches.push(1) })
    const honest = evaluationKind({ trainer: counting, dataset })
    const run: typeof honest.run = async (...job) => {
      const made = await honest.run(...job)
      const [, { store: to }] = job
      const other = await to.workDirectory('other')
      await writeFile(join(other, 'predictions.safetensors'), 'nothing')
      return { ...made, objects: { predictions: await to.objects.putDirectory(other, context) } }
    }
    await using wrong = inProcessExecutor({ store, kinds: [{ ...honest, run }] })
    await expect(evaluateInShards({ ...parts, store, executor: wrong }, context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
    })
    await using executor = inProcessExecutor({ store, kinds: [honest] })
    batches.length = 0
    expect(await digestsOn(store, executor)).toEqual(expected)
    const once = batches.length
    expect(once).toBeGreaterThan(0)
    batches.length = 0
    expect(await digestsOn(store, executor)).toEqual(expected)
    // Only what the model failed on is predicted again.
    expect(batches.length).toBeLessThanOrEqual(once)
  })

  it('reads rows only as far as its jobs at once need them', async () => {
    const many = 20_000
    let read = 0
    let taken = 0
    let most = 0
    const counted: Rows<string, string> = {
      ...{ size: many, digest: rows.digest },
      async *[Symbol.asyncIterator]() {
        for (; read < many; read += 1) {
          most = Math.max(most, read - taken)
          yield { id: `row ${read}`, input: `text ${read}`, target: 'apple', slices: {} }
        }
      },
    }
    const store = memoryStore()
    await using executor = inProcess(store)
    const onProgress = (done: number) => {
      taken = done
    }
    const options = { rowsPerShard: 128, parallel: 3, onProgress }
    const { ids } = await evaluateInShards({ ...parts, rows: counted, store, executor, ...options }, context)
    expect(ids.length).toBe(many)
    expect(most).toBeLessThanOrEqual(3 * 128)
  })

  it('ends a shard whose inputs are large', async () => {
    const large: Rows<string, string> = {
      ...{ size: 640, digest: rows.digest },
      async *[Symbol.asyncIterator]() {
        for (let index = 0; index < 640; index += 1)
          yield { id: `row ${index}`, input: `text ${index} ${'x'.repeat(200_000)}`, target: 'apple', slices: {} }
      },
    }
    const sizes: number[] = []
    for await (const { rows: shard } of shardsOf(large, 4096)) sizes.push(shard.length)
    expect(sizes).toEqual([128, 128, 128, 128, 128])
  })

  it('loads a model once for its shards, and disposes of it for another one, after an error and at the end', async () => {
    const events: string[] = []
    const folder = await temporaryFolder()
    const store = directoryStore(folder)
    let isBroken = false
    const counted = shardTrainer({
      version: '1',
      onLoad: () => void events.push('load'),
      onDispose: () => void events.push('dispose'),
      onPredict: () => {
        if (isBroken) throw new TypeError('Out of memory.')
      },
    })
    const executor = inProcess(store, counted, 4)
    const run = (of: WeightsDirectory) =>
      evaluateInShards({ ...parts, weights: of, store, executor, rowsPerShard: 64 }, context)
    await run(weights)
    expect(events).toEqual(['load'])
    await run(await weightsOf(1))
    expect(events).toEqual(['load', 'dispose', 'load'])
    isBroken = true
    // Every row fails, which is no error of the job.
    const { outcomes } = await run(await weightsOf(2))
    expect(new Set(outcomes)).toEqual(new Set(['error']))
    await executor[Symbol.asyncDispose]()
    expect(events).toEqual(['load', 'dispose', 'load', 'dispose', 'load', 'dispose'])
    const work = await readdir(join(folder, 'work'), { recursive: true }).catch(() => [])
    expect(work.filter((name) => /evaluation|shard/.test(name))).toEqual([])
  })

  it('keeps the error of a job, and does the next one, if a model cannot be freed', async () => {
    const store = memoryStore()
    let problem: Error | undefined
    const stuck = shardTrainer({
      version: '1',
      onPredict: () => {
        if (problem !== undefined) throw problem
      },
      onDispose: () => {
        throw new Error('The model is stuck.')
      },
    })
    const executor = inProcess(store, stuck)
    const warnings: string[] = []
    const warned = callContext({ log: { debug() {}, info() {}, warn: (message) => void warnings.push(message) } })
    const run = async (seed: number) =>
      evaluateInShards({ ...parts, weights: await weightsOf(seed), store, executor }, warned)
    await run(1)
    expect((await run(2)).ids.length).toBe(rows.size)
    problem = new SheikhError('evaluation-invalid', 'The model is wrong.')
    await expect(run(3)).rejects.toMatchObject({ code: 'evaluation-invalid', message: 'The model is wrong.' })
    const freed = warnings.filter((message) => message === 'A model could not be freed: The model is stuck.')
    expect(freed.length).toBe(3)
  })

  it('predicts no shard twice, except those with failures and those that the store lost', async () => {
    const folder = await temporaryFolder()
    const store = directoryStore(folder)
    const batches: number[] = []
    const counting = (fails: boolean) => shardTrainer({ version: '1', fails, onPredict: () => batches.push(1) })
    const run = async (one: Trainer<string, string>) => {
      batches.length = 0
      await using executor = inProcess(store, one)
      return await digestsOn(store, executor, { rowsPerShard: 64 })
    }
    const sound = await run(counting(false))
    expect(batches.length).toBe(Math.ceil(rows.size / 64))
    expect(await run(counting(false))).toEqual(sound)
    expect(batches.length).toBe(0)
    await rm(join(folder, 'objects'), { recursive: true })
    expect(await run(counting(false))).toEqual(sound)
    expect(batches.length).toBe(Math.ceil(rows.size / 64))

    const other = directoryStore(await temporaryFolder())
    const failed = await (async () => {
      await using executor = inProcess(other, counting(true))
      return await digestsOn(other, executor, { rowsPerShard: 64 })
    })()
    expect(failed).toEqual(expected)
    await using executor = inProcess(other, counting(false))
    expect(await digestsOn(other, executor, { rowsPerShard: 64 })).toEqual(sound)
  })

  it('never uses the predictions of another evaluation if the trainer has no version', async () => {
    const store = memoryStore()
    const batches: number[] = []
    const unversioned = shardTrainer({ onPredict: () => batches.push(1) })
    await using executor = inProcess(store, unversioned)
    for (const times of [1, 2]) {
      const evaluation = await evaluateInShards({ ...parts, trainer: unversioned, store, executor }, context)
      expect(evaluation.ids.length).toBe(rows.size)
      expect(batches.length % times).toBe(0)
    }
    const once = batches.length / 2
    await evaluateInShards({ ...parts, trainer: unversioned, store, executor }, context)
    expect(batches.length).toBe(3 * once)
  })

  it.each([
    ['trainer', shardTrainer({ version: '2' })],
    ['environment of the trainer', shardTrainer({ version: '1', device: 'cuda' })],
  ])('ends if the %s of a worker differs', async (part, other) => {
    const store = memoryStore()
    await using executor = inProcess(store, other)
    await expect(evaluateInShards({ ...parts, store, executor }, context)).rejects.toMatchObject({
      code: 'version-mismatch',
      message: expect.stringContaining(`the ${part} of the worker differs`),
    })
  })

  it('ends with the error of a model, and with the reason of an abort', async () => {
    const store = memoryStore()
    const abort = new AbortController()
    const wrong: Trainer<string, string> = {
      ...trainer,
      load: async (...request) => ({ ...(await trainer.load(...request)), predict: async () => [] }),
    }
    await using executor = inProcess(store, wrong)
    await expect(evaluateInShards({ ...parts, store, executor }, context)).rejects.toMatchObject({
      code: 'evaluation-invalid',
      message: expect.stringContaining('0 predictions for 64 inputs'),
    })
    const stopping = shardTrainer({ version: '1', onPredict: () => abort.abort(new Error('enough')) })
    const another = memoryStore()
    await using other = inProcess(another, stopping)
    const signal = abort.signal
    await expect(
      evaluateInShards({ ...parts, store: another, executor: other, rowsPerShard: 64 }, callContext({ signal })),
    ).rejects.toThrow('enough')
  })

  it.each([
    ['rowsPerShard', 0],
    ['parallel', 1.5],
  ])('refuses %s %d', async (name, value) => {
    const store = memoryStore()
    await using executor = inProcess(store)
    await expect(evaluateInShards({ ...parts, store, executor, [name]: value }, context)).rejects.toMatchObject({
      code: 'invalid-options',
    })
    // Not first at the evaluation of a baseline, which would count as one without scores.
    expect(() => world().pipeline(undefined, { evaluation: { executor, [name]: value } })).toThrow(`"${name}" is`)
  })

  it('reads the files that samples name on the worker, and refuses other ones', async () => {
    const folder = await temporaryFolder()
    const pictures = Array.from({ length: 70 }, (_, index) => ({ image: `${index}.txt`, label: 'apple' }))
    for (const { image } of pictures) await writeFile(join(folder, image), `text ${image.length}`)
    const base = { source: memorySamples(pictures), id: 'image', input: 'image', target: 'label' } as const
    const files = { directory: folder, fields: ['image'] } as const
    const pinned = proposePinnedSet(await new Dataset({ ...base, files }).identities(), { salt: 's', share: 0.9 })
    const withFiles = () => new Dataset({ ...base, files, evaluation: pinnedSet(pinned) })
    const reader: Trainer<string, string> = {
      ...trainer,
      async load(given, { filesDirectory, ...rest }) {
        const model = await trainer.load(given, rest)
        return {
          ...model,
          predict: async (inputs, within) =>
            model.predict(
              await Promise.all(inputs.map((path) => readFile(join(filesDirectory!, path), 'utf8'))),
              within,
            ),
        }
      },
    }
    const own = withFiles()
    const snapshot = await own.snapshot(context)
    const workers = (store: Store, of = withFiles()) =>
      inProcessExecutor({ store, kinds: [evaluationKind({ trainer: reader, dataset: of })] })
    const request = { ...parts, trainer: reader, dataset: own, rows: snapshot.evaluation }
    const store = memoryStore()
    await using executor = workers(store)
    await using model = await reader.load(weights, { ...context, filesDirectory: folder })
    const { outcomes, predictions } = await evaluateInShards({ ...request, store, executor }, context)
    const alone = await evaluate({ model, rows: snapshot.evaluation, metrics }, context)
    expect([...outcomes]).toEqual([...alone.outcomes])
    expect([...predictions]).toEqual([...alone.predictions])

    const other = memoryStore()
    const others = new Dataset({ ...base, files, slices: ['label'], evaluation: pinnedSet(pinned) })
    await using wrong = workers(other, others)
    await expect(evaluateInShards({ ...request, store: other, executor: wrong }, context)).rejects.toMatchObject({
      code: 'version-mismatch',
      message: expect.stringContaining('the data of the worker differs'),
    })
    await writeFile(join(folder, '3.txt'), 'another text')
    await using late = workers(other)
    await expect(evaluateInShards({ ...request, store: other, executor: late }, context)).rejects.toMatchObject({
      code: 'dataset-changed',
    })
  })
})

describe('evaluateInShards with processes', () => {
  type Local = Awaited<ReturnType<typeof startLocal>>
  async function withProcesses(
    { workers, options }: { readonly workers: number; readonly options?: Readonly<Record<string, Json>> },
    body: (local: Local) => Promise<void>,
  ): Promise<void> {
    const module = pathToFileURL(join(await builtRooms(), 'pipeline/shard-worker.js'))
    const optionsOf = (folder: string) => ({ folder, notes: join(folder, 'notes'), ...options })
    const local = await startLocal({ workers, worker: { module }, optionsOf })
    try {
      await body(local)
    } finally {
      await local.dispose()
    }
  }
  const pidsIn = async (path: string) =>
    (await readFile(path, 'utf8').catch(() => '')).split('\n').flatMap((line) => (line === '' ? [] : [+line]))

  it.each([1, 2, 4])('gives the evaluation of one process with %d workers', (workers) =>
    withProcesses({ workers }, async ({ executor, store, path }) => {
      expect(await digestsOn(store, executor, { rowsPerShard: 64 })).toEqual(expected)
      expect(new Set(await pidsIn(path)).size).toBeLessThanOrEqual(workers)
      expect(await pidsIn(path)).not.toContain(process.pid)
    }),
  )

  it('gives the same evaluation if a worker is killed in the middle', () =>
    withProcesses({ workers: 2, options: { pauseMs: 4 } }, async ({ executor, store, path }) => {
      const evaluating = digestsOn(store, executor, { rowsPerShard: 64 })
      evaluating.catch(() => {})
      await expect.poll(async () => (await pidsIn(path)).length).toBeGreaterThan(3)
      process.kill((await pidsIn(path)).at(-1)!, 'SIGKILL')
      expect(await evaluating).toEqual(expected)
      expect(new Set(await pidsIn(path)).size).toBeGreaterThan(2)
    }))

  it('continues after an abort, and predicts only the rest', () =>
    withProcesses({ workers: 2, options: { pauseMs: 4 } }, async ({ executor, store, path }) => {
      const abort = new AbortController()
      const onProgress = () => abort.abort(new Error('enough'))
      const request = { ...parts, store, executor, rowsPerShard: 64 }
      await expect(evaluateInShards({ ...request, onProgress }, callContext({ signal: abort.signal }))).rejects.toThrow(
        'enough',
      )
      const before = (await pidsIn(path)).length
      expect(await digestsOn(store, executor, { rowsPerShard: 64 })).toEqual(expected)
      const after = (await pidsIn(path)).length - before
      const inFull = memoryStore()
      const batches: number[] = []
      await using alone = inProcess(inFull, shardTrainer({ version: '1', onPredict: () => batches.push(1) }))
      await digestsOn(inFull, alone, { rowsPerShard: 64 })
      expect(after).toBeLessThan(batches.length)
    }))
})

describe('a pipeline with workers for its evaluation', () => {
  it('has the keys and digests of one process, and finds what a run in one process kept', async () => {
    const runOf = async ({ store, pipeline }: ReturnType<typeof world>, executor?: Executor) => {
      const evaluation = executor && { executor }
      // A registry of its own: with a release of the same bundle nothing would be evaluated.
      const result = await pipeline(undefined, {
        releaser: memoryRegistry(),
        ledger: storeLedger(memoryStore()),
        evaluation,
      }).run()
      const record = (await store.runs.read(result.runId)) as unknown as {
        readonly stages: readonly { readonly name: string; readonly key?: string; readonly cached: boolean }[]
        readonly evaluations: Json
      }
      const { key, cached } = record.stages.find(({ name }) => name === 'evaluate')!
      return { status: result.status, key, cached, evaluations: record.evaluations }
    }
    const single = world()
    const alone = await runOf(single)
    const sharded = world()
    const kinds = [evaluationKind({ trainer: fakeTrainer(), dataset: datasetOf(samples) })]
    await using executor = inProcessExecutor({ store: sharded.store, kinds })
    expect(await runOf(sharded, executor)).toEqual(alone)
    expect(alone).toMatchObject({ status: 'released', cached: false })
    expect(await runOf(sharded)).toEqual({ ...alone, cached: true })
    expect(await runOf(single, executor)).toEqual({ ...alone, cached: true })
  })

  it('evaluates the models of all candidates on workers, each with its own trainer', async () => {
    const other = () => fakeTrainer({ setting: 'other' })
    const loads: string[] = []
    const counted = (name: string, one: Trainer<string, string>): Trainer<string, string> => ({
      ...one,
      load: (...request) => {
        loads.push(name)
        return one.load(...request)
      },
    })
    const gate = qualityGate([atLeast(accuracy(), 0.15)])
    const runOf = async (isSharded: boolean, version: string | undefined) => {
      loads.length = 0
      const { store, pipeline } = world()
      const kinds = [
        evaluationKind({
          trainer: counted('main on a worker', fakeTrainer()),
          candidates: { other: { trainer: counted('other on a worker', other()) } },
          dataset: datasetOf(samples),
        }),
      ]
      await using executor = inProcessExecutor({ store, kinds })
      const { candidates, status } = await pipeline(samples, {
        gate,
        trainer: counted('main', fakeTrainer()),
        candidates: { other: { trainer: { ...counted('other', other()), version } } },
        ...(isSharded && { evaluation: { executor } }),
      }).run()
      return { candidates, status, loads: [...loads].sort() }
    }
    const { version } = other()
    const alone = await runOf(false, version)
    expect(alone.loads).toEqual(['main', 'other'])
    const sharded = await runOf(true, version)
    expect(sharded).toEqual({ ...alone, loads: ['main on a worker', 'other on a worker'] })
    // A worker cannot tell it from others.
    expect((await runOf(true, undefined)).loads).toEqual(['main on a worker', 'other'])
  })

  it.each(['version-mismatch', 'not-found', 'invalid-options', 'missing-peer', 'closed', 'model'] as const)(
    'ends a run whose workers cannot score the baseline, and not one whose baseline fails: %s',
    async (code) => {
      const { store: first, pipeline } = world()
      await pipeline().run()
      // Another store, and another evaluation set: nothing says how the baseline answers.
      const store = memoryStore()
      const kinds = [evaluationKind({ trainer: fakeTrainer(), dataset: datasetOf(samples) })]
      await using executor = inProcessExecutor({ store, kinds })
      await using unstartable = localExecutor({ store, worker: { module: join(tmpdir(), 'no-such-worker.js') } })
      const unreadable: Trainer<string, string> = {
        ...fakeTrainer(),
        load: async () => {
          throw new SheikhError('missing-peer', 'These weights need another package.')
        },
      }
      const brokenKind = evaluationKind({ trainer: unreadable, dataset: datasetOf(samples) })
      await using broken = inProcessExecutor({ store, kinds: [brokenKind] })
      const weights = new Set<string>()
      const failing: Executor = {
        ...executor,
        async run(job, within) {
          weights.add(job.objects!['weights']!)
          if (weights.size === 1) return executor.run(job, within)
          if (code === 'invalid-options') return unstartable.run(job, within)
          if (code === 'closed') {
            const ended = inProcessExecutor({ store, kinds: [] })
            await ended[Symbol.asyncDispose]()
            return ended.run(job, within)
          }
          if (code === 'model') return broken.run(job, within)
          throw new SheikhError(code, 'Cannot run.', { facts: { kind: job.kind.name } })
        },
      }
      const parts = { source: memorySamples(poison('car')), input: 'text', target: 'label' } as const
      const other = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'other', share: 0.5 })
      const changed = new Dataset({ ...parts, evaluation: pinnedSet(other) })
      const running = pipeline(undefined, {
        ...{ store, ledger: storeLedger(first), dataset: changed, evaluation: { executor: failing } },
      }).run()
      if (code === 'model') {
        const { runId } = await running
        const events: Json[] = []
        for await (const event of store.runs.events(runId)) events.push(event)
        expect(JSON.stringify(events)).toContain('could not be scored: These weights need another package.')
      } else {
        const expected = code === 'closed' ? { code: 'stage-failed', retryable: true } : { code }
        await expect(running).rejects.toMatchObject(expected)
      }
      expect(weights.size).toBe(2)
    },
  )
})
