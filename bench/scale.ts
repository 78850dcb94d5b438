// Worker processes: trials of a search, shards of an evaluation and of a data check on two of them beside one, and what a job costs that does nothing, on a local worker and through Redis.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadMails } from '../examples/quickstart/mails.js'
import { callContext, digestJson } from '../src/core/index.js'
import { type Executor, inProcessExecutor, localExecutor } from '../src/execute/index.js'
import { type Rows, readWeightsDirectory } from '../src/model/index.js'
import { evaluateInShards } from '../src/pipeline/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import type { Store } from '../src/store/index.js'
import { randomSampler, tune } from '../src/tune/index.js'
import { type BenchRow, interleaved, median, peakMemoryMb } from './bench.js'
import { dataMemoryRow, dataRows } from './scale-data.js'
import { distributedRows } from './scale-distributed.js'
import { queueRows } from './scale-queue.js'
import { cpuSeconds, cpuTime, echo, evaluated, lengths, peakMemory, searched, space } from './scale-worker.js'

const trials = 8
const jobs = 500
const pairs = 3
const searchPairs = 3
const evaluatedRows = 48_000
const rowsPerShard = 1024
const manyRows = 10_000_000

export const parts = {
  trials: async () => [await trialsRow()],
  evaluation: async () => [await evaluationRow()],
  caller: async () => [await callerRow()],
  data: dataRows,
  jobs: async () => [await jobsRow()],
  queue: queueRows,
  distributed: distributedRows,
  // The last ones, because they take the most memory.
  memory: async () => [await memoryRow()],
  'data-memory': async () => [await dataMemoryRow()],
}

async function withStore<T>(
  work: (store: Store, start: (workers: number) => Executor) => Promise<T>,
  isShort = false,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const store = directoryStore(folder)
  const module = new URL('./scale-worker.ts', import.meta.url)
  try {
    return await work(store, (workers) =>
      localExecutor({ store, workers, worker: { module, options: { folder, isShort } } }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** The processes have started, read the mails and trained once before the time is taken. */
async function trialsRow(): Promise<BenchRow> {
  const { dataset, metric, trainer } = await searched()
  let values: readonly unknown[] | undefined
  const search = (workers: number) =>
    withStore(async (store, start) => {
      await using executor = start(workers)
      const settings = { space, dataset, metric, trainer, store, executor, sampler: randomSampler(), parallel: 2 }
      await tune({ ...settings, trials: 2, name: 'warm', seed: 1 })
      const startedMs = performance.now()
      const found = await tune({ ...settings, trials })
      const spentMs = performance.now() - startedMs
      const ends = found.trials.map((trial) => (trial.state === 'scored' ? trial.value : trial.state))
      values ??= ends
      if (JSON.stringify(values) !== JSON.stringify(ends)) throw new Error('The searches differ.')
      return spentMs / 1000
    })
  const { ours, peer } = await interleaved(
    searchPairs,
    () => search(2),
    () => search(1),
  )
  const ratio = peer / ours
  return {
    work: `${trials} trials of the text classifier on two local workers`,
    ...{ ours, peer, peerName: 'one worker, the same trials', unit: 's', ratio },
    ...{ goal: '1.7 × faster', met: ratio >= 1.7, peakMemoryMb: peakMemoryMb() },
  }
}

/** Two workers beside one, by the clock. Other programs on the machine make it meaningless. */
async function evaluationRow(): Promise<BenchRow> {
  const evaluate = await openEvaluation()
  const { ours, peer } = await interleaved(
    pairs,
    async () => (await evaluate(2)).clock,
    async () => (await evaluate(1)).clock,
  )
  const ratio = peer / ours
  return {
    work: `${evaluatedRows} mails evaluated on two local workers, in shards of ${rowsPerShard}`,
    ...{ ours, peer, peerName: 'one worker, the same shards', unit: 's', ratio },
    ...{ goal: '1.7 × faster', met: ratio >= 1.7, peakMemoryMb: peakMemoryMb() },
  }
}

/**
 * The CPU time of the caller beside that of its worker, which other programs change little. Two workers and their caller on two cores
 * are 2 / (1 + caller / worker) times as fast as one worker, so 1.7 times needs a worker with 5.7 times the CPU time of the caller.
 */
async function callerRow(): Promise<BenchRow> {
  const evaluate = await openEvaluation()
  const runs = [await evaluate(1), await evaluate(1), await evaluate(1)]
  const [ours, peer] = [median(runs.map(({ caller }) => caller)), median(runs.map(({ worker }) => worker!))]
  return {
    work: `CPU time of the caller while a worker evaluates ${evaluatedRows} mails, in shards of ${rowsPerShard}`,
    ...{ ours, peer, peerName: 'CPU time of the worker', unit: 's', ratio: peer / ours },
    ...{
      goal: '5.7: two workers on two cores are 1.7 × faster',
      met: peer / ours >= 5.7,
      peakMemoryMb: peakMemoryMb(),
    },
  }
}

/** @returns evaluates with a number of workers. The processes have started, and loaded the model, before anything is measured. */
async function openEvaluation() {
  const { dataset, metric } = await searched()
  const context = callContext()
  const { training } = await dataset.snapshot(context)
  const directory = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const { weights } = await evaluated.fit({ training, seed: 0, directory }, { ...context, progress() {} })
  const mails = loadMails()
  const rowsOf = (count: number): Rows => ({
    ...{ size: count, digest: digestJson(count) },
    async *[Symbol.asyncIterator]() {
      for (let index = 0; index < count; index += 1) {
        const { id, text, label } = mails[index % mails.length]!
        yield { id: `${count}/${index}/${id}`, input: text, target: label, slices: {} }
      }
    },
  })
  let predicted: string | undefined
  return (workers: number) =>
    withStore(async (store, start) => {
      await using executor = start(workers)
      const parts = { executor, store, trainer: evaluated, weights, dataset, metrics: [metric], rowsPerShard }
      await Promise.all(
        [1, 2].map((number) => evaluateInShards({ ...parts, rows: rowsOf(number * rowsPerShard) }, context)),
      )
      const ofWorker = async (input: number) =>
        workers > 1 ? undefined : (await executor.run({ kind: cpuTime, input }, context)).value
      const before = { clock: performance.now() / 1000, caller: cpuSeconds(), worker: await ofWorker(0) }
      const { predictions } = await evaluateInShards({ ...parts, rows: rowsOf(evaluatedRows) }, context)
      const after = { clock: performance.now() / 1000, caller: cpuSeconds(), worker: await ofWorker(1) }
      const found = digestJson([...predictions])
      predicted ??= found
      if (predicted !== found) throw new Error('The evaluations differ.')
      return {
        clock: after.clock - before.clock,
        caller: after.caller - before.caller,
        worker: after.worker === undefined ? undefined : after.worker - before.worker!,
      }
    })
}

async function memoryRow(): Promise<BenchRow> {
  const context = callContext()
  const { dataset, metric } = await searched()
  const directory = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  await writeFile(join(directory, 'config.json'), '{}')
  const weights = await readWeightsDirectory(directory, context)
  const rows: Rows = {
    ...{ size: manyRows, digest: digestJson(manyRows) },
    async *[Symbol.asyncIterator]() {
      for (let index = 0; index < manyRows; index += 1)
        yield {
          ...{ id: `row-${String(index).padStart(9, '0')}`, input: `some text, number ${index}` },
          ...{ target: index % 2 === 0 ? 'even' : 'odd', slices: { source: `source ${index % 5}` } },
        }
    },
  }
  const workerMb = await withStore(async (store, start) => {
    await using executor = start(2)
    const parts = { executor, store, trainer: lengths, weights, dataset, metrics: [metric] }
    await evaluateInShards({ ...parts, rows }, context)
    const peaks = await Promise.all([0, 1].map((input) => executor.run({ kind: peakMemory, input }, context)))
    return Math.max(...peaks.map(({ value }) => value))
  }, true)
  const ours = peakMemoryMb()
  return {
    work: `${manyRows.toLocaleString('en')} short texts evaluated on two local workers: peak memory of the caller`,
    ...{ ours, peer: workerMb, peerName: 'of a worker', unit: 'MB', ratio: workerMb / ours },
    ...{ goal: 'reported', met: true, peakMemoryMb: ours },
  }
}

async function jobsRow(): Promise<BenchRow> {
  const measured = (use: (store: Store, start: (workers: number) => Executor) => Executor) =>
    withStore(async (store, start) => {
      await using executor = use(store, start)
      const context = callContext()
      const spent: number[] = []
      // The first ones start the process and compile.
      for (let number = -20; number < jobs; number += 1) {
        const startedMs = performance.now()
        await executor.run({ kind: echo, input: number }, context)
        if (number >= 0) spent.push(performance.now() - startedMs)
      }
      return spent.sort((left, right) => left - right)[Math.floor(0.95 * jobs)]!
    })
  const { ours, peer } = await interleaved(
    pairs,
    () => measured((_, start) => start(1)),
    () => measured((store) => inProcessExecutor({ store, kinds: [echo] })),
  )
  return {
    work: 'a job that does nothing on a local worker: 95th percentile',
    ...{ ours, peer, peerName: 'in this process, which keeps the result as well', unit: 'ms', ratio: peer / ours },
    ...{ goal: 'under 5 ms', met: ours < 5, peakMemoryMb: peakMemoryMb() },
  }
}
