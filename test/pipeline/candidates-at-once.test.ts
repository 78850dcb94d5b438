import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ensembleTrainer, memberKind } from '../../src/ensemble/index.js'
import { inProcessExecutor } from '../../src/execute/index.js'
import { qualityGate, reportOnly, weightIntegrity } from '../../src/gate/index.js'
import { candidateKind, Pipeline, type PipelineOptions, type RunEvent } from '../../src/pipeline/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { biasedDataset, squaredError } from '../ensemble/biased.js'
import { trainingsIn, withProcesses } from '../ensemble/biased-processes.js'
import { candidatesOf, fourMembers } from '../ensemble/biased-worker.js'
import { datasetOf, samples, world } from './harness.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-at-once-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
const fresh = () => mkdtemp(join(folder, 'store-'))

const four = candidatesOf(fourMembers())
type Options = PipelineOptions<number, number>

function pipelineOf(changes: Partial<Options> & Pick<Options, 'store'>) {
  const gate = qualityGate([weightIntegrity(), reportOnly(squaredError)])
  const releaser = changes.releaser ?? memoryRegistry()
  const pipeline = new Pipeline<number, number>({
    ...{ dataset: biasedDataset(), gate, releaser, seed: 5 },
    ...four,
    ...changes,
  })
  const events: RunEvent[] = []
  for (const type of ['train-progress', 'warning', 'stage-end'] as const)
    pipeline.on(type, (event) => events.push(event))
  return { pipeline, events, releaser }
}

/** What a run leaves, without times, names of runs, and what says that a result is an earlier one's. */
async function outcomeOf(
  { pipeline }: Pick<ReturnType<typeof pipelineOf>, 'pipeline'>,
  options: { readonly retrain?: boolean } = {},
) {
  const result = await pipeline.run(options)
  const [record] = await pipeline.runs()
  const stages = record!.stages.map(({ name, candidate, key, cached }) => ({ name, candidate, key, cached }))
  const { candidate, candidates, bundle, metrics } = record!
  return { status: result.status, stages, candidate, candidates, bundle, metrics }
}

describe('candidates that are trained at once', () => {
  it('are the same as one after the other, for one worker process and four', async () => {
    const expected = await outcomeOf(pipelineOf({ store: directoryStore(await fresh()) }))
    expect(expected.status).toBe('released')
    for (const workers of [1, 4])
      await withProcesses(workers, {}, async ({ executor, store, path }) => {
        const here = pipelineOf({ store, training: { executor } })
        expect(await outcomeOf(here)).toEqual(expected)
        const trainings = await trainingsIn(path)
        expect(trainings).toHaveLength(4)
        expect(trainings.map(({ pid }) => pid)).not.toContain(process.pid)
        const named = here.events.flatMap((event) => (event.type === 'train-progress' ? event.candidate : []))
        expect([...new Set(named)].sort()).toEqual(['m1', 'm2', 'm3', 'trainer'])
        // A run that trains again trains all of them.
        const again = pipelineOf({ store, releaser: here.releaser, training: { executor } })
        expect((await outcomeOf(again, { retrain: true })).bundle).toBe(expected.bundle)
        expect(await trainingsIn(path)).toHaveLength(8)
      })
  })

  it('are the same after a worker was killed', async () => {
    const expected = await outcomeOf(pipelineOf({ store: directoryStore(await fresh()) }))
    await withProcesses(2, { pauseMs: 100 }, async ({ executor, store, path }) => {
      const here = pipelineOf({ store, training: { executor } })
      const running = outcomeOf(here)
      running.catch(() => {})
      await expect.poll(async () => (await trainingsIn(path)).length).toBeGreaterThan(1)
      process.kill((await trainingsIn(path)).at(-1)!.pid, 'SIGKILL')
      expect(await running).toEqual(expected)
    })
  })

  it('are not trained again if a run was aborted after them', async () => {
    await withProcesses(1, { pauseMs: 20 }, async ({ executor, store, path }) => {
      const stop = new AbortController()
      const aborted = pipelineOf({ store, training: { executor } }).pipeline.run({ signal: stop.signal })
      aborted.catch(() => {})
      await expect.poll(async () => (await trainingsIn(path)).length).toBeGreaterThan(2)
      stop.abort(new Error('enough'))
      await expect(aborted).rejects.toThrow('enough')
      const before = (await trainingsIn(path)).length
      expect((await outcomeOf(pipelineOf({ store, training: { executor } }))).status).toBe('released')
      // The third may have been cut off.
      expect((await trainingsIn(path)).length - before).toBeLessThanOrEqual(2)
    })
  })

  it('end with the error of the first that fails, and begin no further one', async () => {
    const store = directoryStore(await fresh())
    let begun = 0
    const failing = candidatesOf(
      fourMembers(() => {
        begun += 1
        if (begun === 2) throw new Error('no luck')
      }),
    )
    const kinds = [candidateKind({ ...failing, dataset: biasedDataset() })]
    await using executor = inProcessExecutor({ store, kinds })
    const { pipeline } = pipelineOf({ store, ...failing, training: { executor } })
    await expect(pipeline.run()).rejects.toMatchObject({
      code: 'stage-failed',
      message: expect.stringContaining('no luck'),
    })
    expect(begun).toBeLessThan(4)
  })

  it('end with the error of one that fails on a worker, also one that is trained here', async () => {
    const store = directoryStore(await fresh())
    let reason: unknown
    const here: typeof four.trainer = {
      ...four.trainer,
      usesWorkers: true,
      fit: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          const end = () => {
            reason = signal.reason
            reject(signal.reason)
          }
          if (signal.aborted) end()
          else signal.addEventListener('abort', end)
        }),
    }
    const failing = {
      ...four.candidates['m1']!.trainer,
      async fit(): Promise<never> {
        throw new Error('no luck')
      },
    }
    const candidates = { m1: { trainer: failing } }
    const kinds = [candidateKind({ trainer: here, candidates, dataset: biasedDataset() })]
    await using executor = inProcessExecutor({ store, kinds })
    const { pipeline } = pipelineOf({ store, trainer: here, candidates, training: { executor } })
    const expected = {
      code: 'stage-failed',
      message: expect.stringMatching(/"m1".*no luck/),
      facts: { candidate: 'm1' },
    }
    await expect(pipeline.run()).rejects.toMatchObject(expected)
    expect(reason).toMatchObject(expected)
    const alone = pipelineOf({ store, trainer: four.trainer, candidates })
    await expect(alone.pipeline.run()).rejects.toMatchObject(expected)
  })

  it('end with the error of one that cannot begin', async () => {
    const store = directoryStore(await fresh())
    const environment = async (): Promise<never> => {
      throw new Error('no luck')
    }
    const candidates = { m1: { trainer: { ...four.candidates['m1']!.trainer, environment } } }
    await using executor = inProcessExecutor({ store, kinds: [] })
    for (const training of [{ training: { executor } }, {}]) {
      const { pipeline } = pipelineOf({ store, trainer: four.trainer, candidates, ...training })
      await expect(pipeline.run()).rejects.toMatchObject({
        code: 'stage-failed',
        message: expect.stringMatching(/"m1".*no luck/),
      })
    }
  })

  it('end with the error of one that fails, whatever another one makes of the abort', async () => {
    const store = directoryStore(await fresh())
    const here: typeof four.trainer = {
      ...four.trainer,
      usesWorkers: true,
      fit: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          const end = () => reject(new Error('ended by SIGTERM'))
          if (signal.aborted) end()
          else signal.addEventListener('abort', end)
        }),
    }
    const failing = {
      ...four.candidates['m1']!.trainer,
      async fit(): Promise<never> {
        throw new Error('no luck')
      },
    }
    const candidates = { m1: { trainer: failing } }
    const kinds = [candidateKind({ trainer: here, candidates, dataset: biasedDataset() })]
    await using executor = inProcessExecutor({ store, kinds })
    const { pipeline } = pipelineOf({ store, trainer: here, candidates, training: { executor } })
    await expect(pipeline.run()).rejects.toMatchObject({ message: expect.stringMatching(/"m1".*no luck/) })
  })

  it('may be ensembles with workers of the same executor', async () => {
    const store = directoryStore(await fresh())
    const members = fourMembers()
    const dataset = biasedDataset()
    const kinds = [memberKind({ members, dataset }), candidateKind({ ...four, dataset })]
    await using executor = inProcessExecutor({ store, kinds, workers: 1 })
    const trainer = ensembleTrainer({ members, workers: { executor, store } })
    const candidates = { m1: four.candidates['m1']! }
    const expected = pipelineOf({
      ...{ store: directoryStore(await fresh()), trainer: ensembleTrainer({ members }), candidates },
    })
    const found = await outcomeOf(pipelineOf({ store, trainer, candidates, training: { executor } }))
    expect(found.candidates).toEqual((await outcomeOf(expected)).candidates)
  })

  it.each<[string, () => Promise<never>]>([
    ['nothing', async () => undefined as never],
    ['no weights', async () => ({ record: {} }) as never],
    ['weights without a record', async () => ({ weights: { path: folder } }) as never],
  ])('that are %s end the run as without workers, and are not kept', async (_, fit) => {
    const correct = four.candidates['m1']!.trainer
    const outcome = async (isAtOnce: boolean) => {
      const store = directoryStore(await fresh())
      const run = async (trainer: typeof correct) => {
        const candidates = { m1: { trainer } }
        const kinds = [candidateKind({ trainer: four.trainer, candidates, dataset: biasedDataset() })]
        await using executor = inProcessExecutor({ store, kinds })
        return await pipelineOf({ store, candidates, ...(isAtOnce && { training: { executor } }) }).pipeline.run()
      }
      const error = await run({ ...correct, fit }).catch(({ code, message, facts }) => ({ code, message, facts }))
      // The trainer is corrected without another version.
      return { error, status: (await run(correct)).status }
    }
    const found = await outcome(true)
    expect(found).toEqual(await outcome(false))
    expect(found).toMatchObject({ error: { code: 'stage-failed' }, status: 'released' })
  })

  it.each([
    [
      'another trainer',
      { last: 9 },
      /Cannot train the candidate "m\d": the worker has |the trainer of the worker differs/,
    ],
    ['other rows', { developmentShare: 0.3 }, /the training data of the worker differs/],
  ])('are refused by workers with %s', async (_, options, message) => {
    await withProcesses(1, options, async ({ executor, store }) => {
      await expect(pipelineOf({ store, training: { executor } }).pipeline.run()).rejects.toMatchObject({
        code: 'version-mismatch',
        message: expect.stringMatching(message),
      })
    })
  })

  it('are trained only if no earlier run has them', async () => {
    const store = directoryStore(await fresh())
    const { releaser, ...first } = pipelineOf({ store, candidates: { m1: four.candidates['m1']! } })
    await outcomeOf(first)
    let begun = 0
    const counted = candidatesOf(fourMembers(() => (begun += 1)))
    const kinds = [candidateKind({ ...counted, dataset: biasedDataset() })]
    await using executor = inProcessExecutor({ store, kinds, workers: 2 })
    const here = pipelineOf({ store, releaser, training: { executor } })
    const { stages } = await outcomeOf(here)
    expect(begun).toBe(2)
    expect(stages.flatMap(({ name, cached }) => (name === 'train' ? cached : []))).toEqual([true, true, false, false])
  })

  it.each([1, 0.5])('start from a base as without workers, with a share of %d of its rows', async (replayShare) => {
    const kiwis = Array.from({ length: 20 }, (_, index) => ({
      id: `kiwi-${index}`,
      text: `kiwi ${index}`,
      label: 'fruit',
    }))
    const grown = [...samples, ...kiwis]
    const lenient = qualityGate([weightIntegrity()])
    const outcome = async (isAtOnce: boolean) => {
      let jobs = 0
      const counted = (setting: number) => {
        const own = fakeTrainer({ setting })
        const fit: typeof own.fit = (...parts) => {
          jobs += 1
          return own.fit(...parts)
        }
        return { ...own, fit }
      }
      const candidates = { other: { trainer: counted(2) }, third: { seed: 3 } }
      const { pipeline, store } = world()
      const first = await pipeline(samples, { gate: lenient }).run()
      if (first.status !== 'released') throw new Error(first.status)
      const { version, bundle: digest } = first.release
      const kinds = [candidateKind({ trainer: counted(1), candidates, dataset: datasetOf(grown) })]
      await using executor = inProcessExecutor({ store, kinds, workers: 2 })
      const changes = { gate: lenient, candidates, base: { version, digest, replayShare } }
      const result = await pipeline(grown, {
        ...changes,
        ...{ trainer: fakeTrainer({ setting: 1 }), ...(isAtOnce && { training: { executor } }) },
      }).run()
      if (result.status !== 'released') throw new Error(result.status)
      return { bundle: result.release.bundle, record: result.release.record.candidate, table: result.candidates, jobs }
    }
    const [{ jobs: here, ...expected }, { jobs, ...found }] = [await outcome(false), await outcome(true)]
    expect(JSON.stringify(found)).toBe(JSON.stringify(expected))
    expect(expected.record?.base?.version).toBe('0.1.0')
    // Counts those on workers, and that of `other` here: only the workers have a counted first trainer.
    expect([here, jobs]).toEqual([1, replayShare === 1 ? 3 : 1])
  })

  it('is no matter of a pipeline with one candidate', async () => {
    const store = directoryStore(await fresh())
    await using executor = inProcessExecutor({ store, kinds: [] })
    expect((await outcomeOf(pipelineOf({ store, candidates: {}, training: { executor } }))).status).toBe('released')
  })
})
