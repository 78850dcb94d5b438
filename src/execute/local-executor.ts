import { availableParallelism } from 'node:os'
import { SheikhError } from '../core/index.js'
import type { Store } from '../store/index.js'
import { checkResources } from './check-resources.js'
import type { Executor } from './executor.js'
import type { JobResources, WorkerModule } from './job.js'
import { placesOf } from './places.js'
import { processPool } from './process-pool.js'
import { runJobs } from './run-jobs.js'
import type { WorkerProcess } from './worker-process.js'

export interface LocalExecutorOptions {
  /** Makes the store and the kinds of each worker process. */
  readonly worker: WorkerModule
  /** Keeps the results. The workers open the same store. */
  readonly store: Store
  /** How many jobs run at once, each in a process of its own. @default the number of processors that this process may use */
  readonly workers?: number | undefined
  /** What the jobs compute on. @default not named */
  readonly device?: string | undefined
  /** How much memory a worker may use, in MB. A process that uses more is killed. @default no limit */
  readonly memoryMb?: number | undefined
  /** How long work may take to end after an abort, in milliseconds, before its process is killed. @default 2000 */
  readonly graceMs?: number | undefined
}

/**
 * Does jobs in processes on this machine. A process starts with the first job that needs it and does one job after the other. If it
 * ends during a job, another one does the job again. Worker processes end with this process, even if it is killed.
 *
 * @example
 * ```ts
 * await using executor = localExecutor({
 *   store: directoryStore('.sheikh'),
 *   worker: { module: new URL('./worker.js', import.meta.url) },
 *   workers: 4,
 * })
 * const { value } = await executor.run({ kind: countWords, input: 'some text' }, callContext())
 * ```
 *
 * @throws `invalid-options` for a number of workers that is not an integer of at least 1.
 */
export function localExecutor({
  worker,
  store,
  workers = availableParallelism(),
  device,
  memoryMb,
  graceMs = 2000,
}: LocalExecutorOptions): Executor {
  if (!Number.isSafeInteger(workers) || workers < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot start workers: "workers" is ${workers}, which is not an integer of at least 1. Correct it.`,
    )
  const places = placesOf(workers)
  const pool = processPool({ worker, device, workers, graceMs })
  const offered: JobResources = { device, memoryMb }

  return runJobs({
    ...{ name: 'local', store },
    async attempt(job, context) {
      const limitMb = checkResources(job, offered)
      const leave = await places.take(context.signal)
      let used: WorkerProcess | undefined
      try {
        used = await pool.take({ ...context, limitMb })
        context.begin()
        return await used.perform(job, limitMb, context)
      } finally {
        if (used !== undefined) pool.give(used)
        leave()
      }
    },
    close: () => pool.close(),
  })
}
