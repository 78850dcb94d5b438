import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Json, SheikhError } from '../../src/core/index.js'
import { type Executor, inProcessExecutor } from '../../src/execute/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import {
  asha,
  type Trial,
  type TuneEvent,
  type TuneOptions,
  tpeSampler,
  trialKind,
  tune,
} from '../../src/tune/index.js'
import { builtRooms } from '../built-package.js'
import { startLocal } from '../execute/start-local.js'
import { type Line, lineDataset, lineTrainer, space, squaredError } from './line-trainer.js'

type Options = TuneOptions<number, number, typeof space>

const parts = { space, trainer: lineTrainer(), dataset: lineDataset(), metric: squaredError }
const base = (): Options => ({
  ...parts,
  store: memoryStore(),
  trials: 10,
  parallel: 4,
  sampler: tpeSampler({ startup: 4 }),
})
const plain = (trials: readonly Trial<unknown>[]) => trials.map(({ runId: _, ...trial }) => trial)

type Local = Awaited<ReturnType<typeof startLocal>>
interface Start {
  readonly workers: number
  readonly options?: Readonly<Record<string, Json>>
}
async function withProcesses<T>({ workers, options }: Start, body: (local: Local) => Promise<T>): Promise<T> {
  const module = pathToFileURL(join(await builtRooms(), 'tune/line-worker.js'))
  const optionsOf = (folder: string) => ({ folder, notes: join(folder, 'notes'), ...options })
  const local = await startLocal({ workers, worker: { module }, optionsOf })
  try {
    return await body(local)
  } finally {
    await local.dispose()
  }
}
const pidsIn = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').flatMap((line) => (line === '' ? [] : [+line]))

describe('tune with workers', () => {
  it('gives the trials of a search in this process, for one worker process and four', async () => {
    const expected = await tune(base())
    for (const workers of [1, 4])
      await withProcesses({ workers }, async ({ executor, store, path }) => {
        const events: TuneEvent[] = []
        const onEvent = (event: TuneEvent) => void events.push(event)
        const { trials, best, estimate } = await tune({ ...base(), store, executor, onEvent })
        expect(plain(trials)).toEqual(plain(expected.trials))
        expect(best.number).toBe(expected.best.number)
        expect(estimate).toEqual(expected.estimate)
        expect(new Set(await pidsIn(path)).size).toBeLessThanOrEqual(workers)
        expect(await pidsIn(path)).not.toContain(process.pid)
        expect(events.filter(({ type }) => type === 'trial-progress')).toHaveLength(10)
        // Each trial is a run, as in this process.
        const runs = await Promise.all(trials.map(({ runId }) => store.runs.read(runId!)))
        expect(runs).toEqual(trials.map(() => expect.objectContaining({ command: 'trial', status: 'scored' })))
      })
  })

  it('gives the same rungs with a pruner', async () => {
    const pruned = (executor: Executor | undefined, store = memoryStore()) =>
      tune({ ...parts, store, executor, trials: 8, parallel: 4, pruner: asha({ resource: 'epochs', min: 1, max: 9 }) })
    const store = memoryStore()
    await using executor = inProcessExecutor({ store, kinds: [trialKind(parts)], workers: 3 })
    expect(plain((await pruned(executor, store)).trials)).toEqual(plain((await pruned(undefined)).trials))
  })

  it('gives the same result if a worker is killed during a trial', async () => {
    const expected = await tune(base())
    await withProcesses({ workers: 2, options: { pauseMs: 60 } }, async ({ executor, store, path }) => {
      const searching = tune({ ...base(), store, executor })
      searching.catch(() => {})
      await expect.poll(async () => (await pidsIn(path)).length).toBeGreaterThan(3)
      process.kill((await pidsIn(path)).at(-1)!, 'SIGKILL')
      expect(plain((await searching).trials)).toEqual(plain(expected.trials))
    })
  })

  it('records a trial that ends its processes as failed, and continues', () =>
    withProcesses({ workers: 2, options: { killBelow: -3 } }, async ({ executor, store, path }) => {
      const { trials, best } = await tune({ ...base(), store, executor })
      const failed = trials.filter((trial) => trial.state === 'failed')
      expect(failed.length).toBeGreaterThan(0)
      for (const { parameters, reason } of failed) {
        expect(parameters.slope).toBeLessThan(-3)
        expect(reason).toMatch(/it ended 3 worker processes.*SIGKILL/)
      }
      expect(best.parameters.slope).toBeGreaterThan(-3)
      expect(await pidsIn(path)).toHaveLength(10 - failed.length + 3 * failed.length)
    }))

  it('continues after an abort, and trains only the rest', () =>
    withProcesses({ workers: 2, options: { pauseMs: 20 } }, async ({ executor, store, path }) => {
      const abort = new AbortController()
      const onEvent = ({ type }: TuneEvent) => type === 'trial-end' && abort.abort(new Error('enough'))
      await expect(tune({ ...base(), store, executor, onEvent, signal: abort.signal })).rejects.toThrow('enough')
      const before = await pidsIn(path)
      expect(before.length).toBeLessThan(10)
      const { trials } = await tune({ ...base(), store, executor })
      expect(plain(trials)).toEqual(plain((await tune(base())).trials))
      expect((await pidsIn(path)).length).toBeLessThan(10 + before.length)
    }))

  it.each([
    ['another trainer', { version: '2' }, /the trainer of the worker differs/],
    ['other rows', { developmentShare: 0.3 }, /the training data of the worker differs/],
  ])('ends if the workers have %s', async (_, options, message) => {
    await withProcesses({ workers: 1, options }, async ({ executor, store }) => {
      const error = await tune({ ...base(), store, executor }).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'version-mismatch', message: expect.stringMatching(message) })
    })
  })

  it('does not train for a search that has lost its lock', async () => {
    const store = directoryStore(await mkdtemp(join(tmpdir(), 'sheikh-tune-')))
    await using executor = inProcessExecutor({ store, kinds: [trialKind(parts)] })
    // The lock is released, and taken by a later holder, before the executor begins.
    const late: Executor = {
      ...executor,
      async run(job, context) {
        const hints = job.hints as { readonly lockToken: number }
        return executor.run({ ...job, hints: { ...hints, lockToken: hints.lockToken - 1 } }, context)
      },
    }
    await expect(tune({ ...base(), store, executor: late })).rejects.toMatchObject({ code: 'locked' })
  })

  it('keeps the checkpoints of trainings that run on several executors of one worker', async () => {
    const store = directoryStore(await mkdtemp(join(tmpdir(), 'sheikh-tune-')))
    let begun = 0
    const trainer = (line: Line): ReturnType<ReturnType<typeof lineTrainer>> => {
      const made = lineTrainer()(line)
      return {
        ...made,
        async fit(request, context) {
          begun += 1
          while (begun < 5) await setTimeout(5)
          if (request.checkpoints !== undefined) await writeFile(join(request.checkpoints, 'state'), 'step 1')
          return made.fit(request, context)
        },
      }
    }
    const kinds = [trialKind({ ...parts, trainer })]
    const executors = [1, 2, 3, 4, 5].map(() => inProcessExecutor({ store, kinds, workers: 1 }))
    let next = 0
    const executor: Executor = {
      ...executors[0]!,
      run: (job, context) => executors[next++ % executors.length]!.run(job, context),
    }
    const { trials } = await tune({ ...base(), store, executor, trainer, trials: 5, parallel: 5 })
    expect(trials.map(({ state }) => state)).toEqual(Array(5).fill('scored'))
  })

  it('uses trials that workers finished after the search ended, unless the trainer has no version', async () => {
    for (const version of ['1', undefined]) {
      const store = directoryStore(await mkdtemp(join(tmpdir(), 'sheikh-tune-')))
      let fits = 0
      const trainer = (line: Line) => {
        const { version: _, ...made } = lineTrainer({ onFit: () => (fits += 1) })(line)
        return { ...made, ...(version !== undefined && { version }) }
      }
      await using executor = inProcessExecutor({ store, kinds: [trialKind({ ...parts, trainer })] })
      // The search sees no result.
      const deaf: Executor = {
        ...executor,
        async run(job, context) {
          await executor.run(job, context)
          throw new SheikhError('remote-failed', 'The caller lost the connection.')
        },
      }
      const options = { ...base(), store, trainer, trials: 1, parallel: 1 }
      await expect(tune({ ...options, executor: deaf })).rejects.toThrow('lost the connection')
      const { trials } = await tune({ ...options, executor })
      expect(trials[0]!.state).toBe('scored')
      expect(fits).toBe(version === undefined ? 2 : 1)
    }
  })

  it('ends if the storage fails in a training, also as the cause of another error', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC', path: '/work' })
    const onFit = () => {
      throw new SheikhError('stage-failed', 'Cannot write the features.', {
        cause: new Error('write', { cause: full }),
      })
    }
    const trainer = lineTrainer({ onFit })
    await expect(tune({ ...base(), trainer })).rejects.toThrow('Cannot write the features')
    const store = memoryStore()
    await using executor = inProcessExecutor({ store, kinds: [trialKind({ ...parts, trainer })] })
    await expect(tune({ ...base(), store, trainer, executor })).rejects.toMatchObject({ code: 'storage-failed' })
  })
})
