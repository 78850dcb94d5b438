import { checkResources } from './check-resources.js'
import type { Executor } from './executor.js'
import type { JobResources, WorkerParts } from './job.js'
import { closeWorker } from './load-worker.js'
import { performJob } from './perform-job.js'
import { placesOf } from './places.js'
import { runJobs } from './run-jobs.js'

export interface InProcessExecutorOptions extends WorkerParts {
  /** How many jobs run at once. @default 1 */
  readonly workers?: number | undefined
  /** What the jobs compute on. @default not named */
  readonly device?: string | undefined
}

/**
 * Does jobs in this process, for tests of kinds and for small work. A job that ends the process ends the host, and memory is not
 * limited.
 */
export function inProcessExecutor({ workers = 1, device, ...parts }: InProcessExecutorOptions): Executor {
  const places = placesOf(workers)
  const offered: JobResources = { device }
  return runJobs({
    ...{ name: 'in-process', store: parts.store },
    async attempt(message, { begin, ...context }) {
      checkResources(message, offered)
      const leave = await places.take(context.signal)
      try {
        begin()
        return await performJob(parts, message, { ...context, device, workers })
      } finally {
        leave()
      }
    },
    close: () => closeWorker(parts),
  })
}
