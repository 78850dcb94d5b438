import { setTimeout as pause } from 'node:timers/promises'
import type { Worker } from 'bullmq'
import { type CallContext, createRedactor, type Json, messageOf, redactJson, SheikhError } from '../../core/index.js'
import { checkResources } from '../check-resources.js'
import { toErrorMessage } from '../error-message.js'
import type { JobResources, WorkerModule, WorkerParts } from '../job.js'
import { type JobMessage, keyOfJob } from '../job-message.js'
import { findResult, keepResult } from '../kept-result.js'
import { loadWorker } from '../load-worker.js'
import { processPool } from '../process-pool.js'
import { WorkerEnded } from '../run-jobs.js'

import { connectQueue, type JobOnQueue, type QueueConnection } from './connect-queue.js'
import type { QueueOptions } from './queue-options.js'
import { type Answer, kept, type QueuedJob } from './queued-job.js'
import { messageOfJob, nameOfJob } from './read-job.js'
import { workerName } from './worker-name.js'

export interface BullmqWorkerOptions extends QueueOptions {
  /** Makes the store and the kinds, in this process and in each process that does jobs. */
  readonly worker: WorkerModule
  /** How many jobs run at once, each in a process of its own. @default 1 */
  readonly concurrency?: number | undefined
  /** What the jobs compute on, such as `cuda`. A job that needs another device fails. @default not named */
  readonly device?: string | undefined
  /** How much memory a job may use, in MB. A process that uses more is killed. @default no limit */
  readonly memoryMb?: number | undefined
  /** How long a closed worker lets its jobs finish, in milliseconds, before it gives them back. @default 30000 */
  readonly finishMs?: number | undefined
  /** How long work may take to end after an abort, in milliseconds, before its process is killed. @default 2000 */
  readonly graceMs?: number | undefined
  /**
   * How long this worker keeps a job without a sign of life, in milliseconds. It gives one twice as often. If it is lost, another
   * worker sees that after up to twice the time.
   *
   * @default 15000
   */
  readonly lockMs?: number | undefined
  /** How long a server that does not answer is waited for when the worker starts, in milliseconds. @default 60000 */
  readonly patienceMs?: number | undefined
}

/** A worker that takes jobs from a queue. */
export interface BullmqWorker extends AsyncDisposable {
  readonly name: string
  /** How many jobs it answered, and how many it gave back. */
  counts(): { readonly answered: number; readonly givenBack: number }
  /** Takes no more jobs. Lets its jobs finish for `finishMs`, and gives the others back. */
  close(): Promise<void>
}

/** How often a worker looks whether the caller of a job aborted it, in milliseconds. */
const abortPollMs = 500
/** Progress that a slow server has not taken yet. More replaces the oldest. */
const mostProgress = 100

/**
 * Starts a worker of a cluster. It takes jobs from a queue of BullMQ and does each in a child process, while this process tells
 * the queue that it lives. Works until it is closed; a server that goes away meanwhile is waited for.
 *
 * @throws `invalid-options`; `missing-peer`; `access-denied` if the server refuses the credentials; `remote-failed` if it does not
 * answer; what the module of the worker throws.
 */
export async function bullmqWorker(options: BullmqWorkerOptions, context: CallContext): Promise<BullmqWorker> {
  const { concurrency = 1, device, memoryMb, finishMs = 30_000, lockMs = 15_000, patienceMs = 60_000 } = options
  if (!Number.isSafeInteger(concurrency) || concurrency < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot start a worker: "concurrency" is ${concurrency}, which is not an integer of at least 1. Correct it.`,
    )
  const connection = await connectQueue({ ...options, patienceMs }, context.log)
  let parts: WorkerParts | undefined
  try {
    await connection.call('connect to the queue', () => connection.queue.getJobCounts('wait'), context)
    parts = await loadWorker(options.worker)
  } catch (error) {
    await connection.close()
    throw error
  }
  const { store, close: closeParts } = parts
  const running = new Map<string, AbortController>()
  const offered: JobResources = { device, memoryMb }
  const count = { answered: 0, givenBack: 0 }
  const settings = { ...options, workers: concurrency, graceMs: options.graceMs ?? 2000, device }
  const processes = processPool(settings)

  async function answer(job: JobOnQueue): Promise<Answer> {
    const stop = new AbortController()
    // The signal of `context` ends the start of the worker. A worker that stops lets its jobs finish.
    const ofJob = { ...context, signal: stop.signal }
    running.set(job.id!, stop)
    const watch = watchAbort(job, stop, connection, context)
    try {
      const message = await messageOfJob(job.data, parts!, ofJob)
      if (await isAbandoned(job, connection, ofJob)) return { type: 'aborted' }
      const key = keyOfJob(message)
      if ((await findResult(store, key)) === undefined) {
        const limitMb = checkResources(message, offered)
        const progress = progressTo(job, context)
        const result = await inProcess(message, limitMb, progress.send, stop.signal)
        // If another worker took this one for lost, its result counts.
        if ((await findResult(store, key)) === undefined) await keepResult(store, key, result, ofJob)
        await progress.sent()
      }
      return { type: 'done' }
    } catch (error) {
      if (stop.signal.aborted) return { type: stop.signal.reason === abortedByCaller ? 'aborted' : 'given-back' }
      if (error instanceof WorkerEnded) return { type: 'ended', reason: redact(messageOf(error)) }
      return { type: 'failed', error: toErrorMessage(error) }
    } finally {
      watch()
      if (running.get(job.id!) === stop) running.delete(job.id!)
    }
  }

  async function inProcess(
    message: JobMessage,
    limitMb: number | undefined,
    progress: (progress: Json) => void,
    signal: AbortSignal,
  ) {
    const used = await processes.take({ limitMb, isFresh: false, log: context.log, signal })
    try {
      signal.throwIfAborted()
      return await used.perform(message, limitMb, { ...context, signal, progress, begin() {} })
    } finally {
      processes.give(used)
    }
  }

  const name = workerName()
  const worker: Worker<QueuedJob, Answer> = connection.worker(
    async (job) => {
      const sent = await answer(job)
      count[sent.type === 'given-back' ? 'givenBack' : 'answered'] += 1
      context.log.info(`${nameOfJob(job.data)}: ${sent.type}`)
      return sent
    },
    {
      ...{ name, concurrency, lockDuration: lockMs, stalledInterval: Math.ceil(lockMs / 2), runRetryDelay: 1000 },
      // The caller sends a lost job again.
      ...{ maxStalledCount: 0, removeOnComplete: kept, removeOnFail: kept },
    },
  )

  // The caller sends the job again, so this copy of the work serves nobody.
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) running.get(jobId)?.abort(lockLost)
  })

  async function close(): Promise<void> {
    const timer = setTimeout(() => {
      for (const stop of running.values()) stop.abort(givenBack)
    }, finishMs)
    const finished = worker.close()
    // A server that is gone takes no answers.
    let late: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      late = setTimeout(resolve, finishMs + settings.graceMs + 5000)
    })
    await Promise.race([finished.catch(() => {}), limit])
    clearTimeout(timer)
    clearTimeout(late)
    await connection.close()
    await processes.close()
    await closeParts?.()
  }
  let closed: Promise<void> | undefined
  return {
    name,
    counts: () => ({ ...count }),
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  }
}

const givenBack = new Error('The worker stops.')
const lockLost = new Error('The queue has given the job to another worker.')
const abortedByCaller = new Error('The caller aborted the job.')
const redact = createRedactor()

/** Aborts `stop` when the caller marks the job. A queue that does not answer does not end the work. */
function watchAbort(job: JobOnQueue, stop: AbortController, { queue }: QueueConnection, { log }: CallContext) {
  let isLooking = false
  const look = async () => {
    if (isLooking) return
    isLooking = true
    try {
      const found = await queue.getJob(job.id!)
      if (found?.data.isAborted === true) stop.abort(abortedByCaller)
    } catch (error) {
      log.debug(`Cannot look up a job: ${messageOf(error)}`)
    } finally {
      isLooking = false
    }
  }
  const timer = setInterval(() => void look(), abortPollMs)
  return () => clearInterval(timer)
}

/** A caller that missed this many renewals is gone. */
const missedRenewals = 3
const longestRenewMs = 60_000

/**
 * Whether the caller does not wait any more, because it was killed or cut off. Its clock may differ from the clock here: if its
 * last sign of life looks old, this waits for the next one.
 */
async function isAbandoned(job: JobOnQueue, { queue, call }: QueueConnection, context: CallContext): Promise<boolean> {
  const { seenAtMs, renewMs } = job.data
  const limitMs = missedRenewals * Math.min(Math.max(renewMs, 0), longestRenewMs)
  if (Math.abs(context.clock.nowMs() - seenAtMs) <= limitMs) return false
  await pause(limitMs, undefined, { signal: context.signal })
  const found = await call('look up a job', () => queue.getJob(job.id!), context)
  return found === undefined || found.data.seenAtMs === seenAtMs
}

/** Sends progress in its order, and does not wait for it. */
function progressTo(job: JobOnQueue, { log }: CallContext) {
  const pending: Json[] = []
  let sending: Promise<void> | undefined
  const sendAll = async () => {
    for (let next = pending.shift(); next !== undefined; next = pending.shift())
      await job
        .updateProgress({ progress: redactJson(next, redact) })
        .catch((error: unknown) => log.debug(`Cannot send progress: ${messageOf(error)}`))
    sending = undefined
  }
  return {
    send(progress: Json) {
      if (pending.length >= mostProgress) pending.shift()
      pending.push(progress)
      sending ??= sendAll()
    },
    sent: async () => sending,
  }
}
