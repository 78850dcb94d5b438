import { type CallContext, fits, isSheikhError } from '../../core/index.js'
import { packageVersion } from '../package-version.js'
import { mostEndedWorkers } from '../run-jobs.js'
import { connectQueue, type JobOnQueue, type QueueConnection } from './connect-queue.js'
import type { QueueOptions } from './queue-options.js'
import { answerShape, queuedJobShape } from './queued-job.js'
import { parseWorkerName, type WorkerIdentity } from './worker-name.js'

/** A worker that is connected. `null`: not known. */
export interface ConnectedWorker extends WorkerIdentity {
  /** Where the server of the queue sees it, as `10.0.0.7:41234`. PostgreSQL does not report it. */
  readonly address: string | null
}

/** A problem of a cluster. `code`: as of a `SheikhError`, or `no-workers`. */
export interface ClusterFinding {
  readonly code: string
  readonly message: string
}

/** What a queue knows about its cluster. JSON. */
export interface QueueStatus {
  readonly queue: string
  /** The kind, host and port of the server. `null`: not known, because a package is missing. */
  readonly address: string | null
  /** `null`: the queue cannot be read. */
  readonly workers: readonly ConnectedWorker[] | null
  /** `finished`: in the last hour, at most 10,000. `lost`: those of them whose worker was lost. `null`: the queue cannot be read. */
  readonly jobs: {
    readonly waiting: number
    readonly active: number
    readonly finished: number
    readonly lost: number
  } | null
  /** The jobs among the newest 1,000 finished ones that ended enough worker processes to be quarantined. */
  readonly quarantined: readonly { readonly kind: string; readonly job: string; readonly endedWorkers: number }[]
  readonly findings: readonly ClusterFinding[]
}

/** How many finished jobs of each state are read. */
const mostRead = 1000
/** How long the server is waited for, in milliseconds. */
const patienceMs = 6000
/** Errors that are findings, because a look at a cluster is for them. */
const expected: ReadonlySet<string> = new Set(['access-denied', 'remote-failed', 'missing-peer'])

/**
 * Looks at a cluster through its queue. What is wrong is listed in `findings`, also a server that does not answer.
 *
 * @throws `invalid-options` for an address that is none; the signal's reason.
 */
export async function queueStatus(options: QueueOptions, context: CallContext): Promise<QueueStatus> {
  const queue = options.queue ?? 'sheikh'
  let connection: QueueConnection | undefined
  try {
    connection = await connectQueue({ ...options, patienceMs }, context.log)
    return await statusOf(connection, context)
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isSheikhError(error) || !expected.has(error.code)) throw error
    const findings = [{ code: error.code, message: error.message }]
    return { queue, address: connection?.address ?? null, workers: null, jobs: null, quarantined: [], findings }
  } finally {
    await connection?.close()
  }
}

async function statusOf({ queue, name, address, call }: QueueConnection, context: CallContext): Promise<QueueStatus> {
  const read = <T>(run: () => Promise<T>) => call('read the queue', run, context)
  const counts = await read(() => queue.getJobCounts('wait', 'active', 'completed', 'failed'))
  const { wait = 0, active = 0, completed = 0, failed = 0 } = counts
  const workers = (await read(() => queue.getWorkers())).map(workerOf)
  const finished = await read(() => queue.getJobs(['completed', 'failed'], 0, mostRead - 1))
  const quarantined = quarantinedOf(finished)
  return {
    ...{ queue: name, address, workers, quarantined },
    jobs: { waiting: wait, active, finished: completed + failed, lost: failed },
    findings: [
      ...(workers.length > 0
        ? []
        : [
            {
              code: 'no-workers',
              message: `No worker is connected to the queue "${name}" of ${address}, so jobs wait. Start one: sheikh worker.`,
            },
          ]),
      ...workers.flatMap(versionFinding),
      ...quarantined.map(({ kind, job, endedWorkers }) => ({
        code: 'job-quarantined',
        message: `A job of the kind "${kind}" (${job}) ended ${endedWorkers} worker processes. A caller does not start it again. Correct the kind, or give the job more memory.`,
      })),
    ],
  }
}

function workerOf({ rawname = '', addr }: { readonly [name: string]: string }): ConnectedWorker {
  return { ...parseWorkerName(rawname.slice(rawname.indexOf(':w:') + 3)), address: addr ?? null }
}

function versionFinding({ version, host, pid }: ConnectedWorker): readonly ClusterFinding[] {
  if (version === null || version === packageVersion()) return []
  const message = `The worker ${pid} on ${host} has version ${version} of sheikh-freemium, and this machine has version ${packageVersion()}. Use the same version everywhere, and restart the workers.`
  return [{ code: 'version-mismatch', message }]
}

/** An executor quarantines a job by the workers that it ended, and does not write that into the queue. */
function quarantinedOf(finished: readonly JobOnQueue[]): QueueStatus['quarantined'] {
  const ended = new Map<string, { readonly kind: string; readonly job: string; readonly endedWorkers: number }>()
  for (const { data, failedReason, returnvalue } of finished) {
    const isEnded = failedReason ? true : fits(answerShape, returnvalue) && returnvalue.type === 'ended'
    // Another program may use the queue.
    if (!isEnded || !fits(queuedJobShape, data)) continue
    const { kind, job } = data
    ended.set(job, { kind, job, endedWorkers: (ended.get(job)?.endedWorkers ?? 0) + 1 })
  }
  return [...ended.values()].filter(({ endedWorkers }) => endedWorkers >= mostEndedWorkers)
}
