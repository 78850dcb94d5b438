// Worker processes: trials of a search on two of them beside one, and what a job costs that does nothing, on a local worker and through Redis.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext } from '../src/core/index.js'
import { type Executor, inProcessExecutor, localExecutor } from '../src/execute/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import type { Store } from '../src/store/index.js'
import { randomSampler, tune } from '../src/tune/index.js'
import { type BenchRow, interleaved, peakMemoryMb } from './bench.js'
import { queueRows } from './scale-queue.js'
import { echo, searched, space } from './scale-worker.js'

const trials = 8
const jobs = 500
const pairs = 3
const searchPairs = 3

export const parts = {
  trials: async () => [await trialsRow()],
  jobs: async () => [await jobsRow()],
  queue: queueRows,
}

async function withStore<T>(work: (store: Store, start: (workers: number) => Executor) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const store = directoryStore(folder)
  const module = new URL('./scale-worker.ts', import.meta.url)
  try {
    return await work(store, (workers) => localExecutor({ store, workers, worker: { module, options: { folder } } }))
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
