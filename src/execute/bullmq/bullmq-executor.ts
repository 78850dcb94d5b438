import { setTimeout as pause } from 'node:timers/promises'
import {
  type CallContext,
  canonicalJson,
  createRunId,
  isSheikhError,
  messageOf,
  SheikhError,
  untilAborted,
} from '../../core/index.js'
import type { Store } from '../../store/index.js'
import { fromErrorMessage } from '../error-message.js'
import type { Executor } from '../executor.js'
import { type JobKey, type JobMessage, keyOfJob } from '../job-message.js'
import { findResult, type KeptResult } from '../kept-result.js'
import { packageVersion } from '../package-version.js'
import { type AttemptContext, runJobs, WorkerEnded, WorkerLost } from '../run-jobs.js'
import { type AnswerReader, readAnswers, renewMsOf } from './answer-reader.js'
import { checkQueueOptions, connectQueue, type JobOnQueue, type QueueConnection } from './connect-queue.js'
import type { QueueOptions } from './queue-options.js'
import { kept, type QueuedJob } from './queued-job.js'

export interface BullmqExecutorOptions extends QueueOptions {
  /** Keeps jobs and results. The workers open the same store: a shared folder, or S3. */
  readonly store: Store
  /** How long a server that does not answer is waited for, in milliseconds. @default 60000 */
  readonly patienceMs?: number | undefined
  /** How often a job is looked up in the queue, in milliseconds, in case an event was lost. @default 2000 */
  readonly pollMs?: number | undefined
}

/** How long the result of a finished job may take to appear in the store, and how often the store is read, in milliseconds. */
const visibleMs = 60_000
const lookMs = 1000
/** How long the work may take to end after an abort, in milliseconds. A worker may be gone. */
const abortMs = 10_000

/**
 * Does jobs on a cluster: sends them to the workers of a queue of BullMQ, on Redis or on PostgreSQL. Jobs and
 * their results travel through the store; the queue has their digests, progress and errors. Start workers with `bullmqWorker` or `sheikh worker`.
 *
 * A job whose worker is gone is sent again. If two workers do one job, both have the same result, which counts once. Without any
 * worker a job waits, and a warning says so.
 *
 * @example
 * ```ts
 * await using executor = bullmqExecutor({ redis: 'redis://localhost:6379', store: directoryStore('/mnt/shared/store') })
 * const { value } = await executor.run({ kind: countWords, input: 'some text' }, callContext())
 * ```
 *
 * @throws `invalid-options` for an address that is none. `run` also: `missing-peer`; `access-denied` if the server refuses the
 * credentials; `remote-failed` if it does not answer for `patienceMs`; `not-found` if the store of the worker is another one.
 */
export function bullmqExecutor({
  store,
  patienceMs = 60_000,
  pollMs = 2000,
  ...options
}: BullmqExecutorOptions): Executor {
  checkQueueOptions(options)
  let opened: Promise<{ readonly connection: QueueConnection; readonly answers: AnswerReader }> | undefined
  const closing = new AbortController()

  async function open(context: CallContext) {
    const connection = await connectQueue({ ...options, patienceMs }, context.log)
    try {
      // Shows a wrong password before the first job.
      await connection.call('connect to the queue', () => connection.queue.getJobCounts('wait'), context)
      return { connection, answers: readAnswers(connection, pollMs) }
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  return runJobs({
    ...{ name: 'bullmq', store },
    async attempt(message, context) {
      // All jobs use one connection, so no job's signal ends it.
      opened ??= open({ ...context, signal: closing.signal }).catch((error: unknown) => {
        opened = undefined
        throw error
      })
      const { connection, answers } = await untilAborted(opened, context.signal)
      return attempt(message, context, { store, connection, answers, pollMs, closing: closing.signal })
    },
    async close() {
      closing.abort(new Error('The executor is closed.'))
      const { connection, answers } = (await opened?.catch(() => undefined)) ?? {}
      answers?.stop()
      await connection?.close()
    },
  })
}

interface Cluster {
  readonly store: Store
  readonly connection: QueueConnection
  readonly answers: AnswerReader
  readonly pollMs: number
  /** Aborted when the executor closes. */
  readonly closing: AbortSignal
}

async function attempt(message: JobMessage, context: AttemptContext, cluster: Cluster): Promise<KeptResult> {
  const { store } = cluster
  const key = keyOfJob(message)
  const sent = {
    ...{ formatVersion: 1 as const, package: packageVersion(), kind: message.kind.name, job: key.digest },
    message: await store.objects.put(Buffer.from(canonicalJson(message)), context),
    renewMs: renewMsOf(cluster.pollMs),
  }
  let isBegun = false
  const begin = () => {
    if (!isBegun) context.begin()
    isBegun = true
  }
  for (;;) {
    const data: QueuedJob = { ...sent, seenAtMs: context.clock.nowMs() }
    const answer = await deliver(data, { ...context, begin }, cluster)
    if (answer.type === 'worker-lost') throw new WorkerLost(answer.reason)
    if (answer.type === 'ended') throw new WorkerEnded(answer.reason)
    if (answer.type === 'failed') throw fromErrorMessage(answer.error)
    if (answer.type === 'done') {
      const found = await findKept(store, key, context)
      begin()
      if (found !== undefined) return found
      throw new SheikhError(
        'not-found',
        `Cannot read the result of a job of the kind "${data.kind}" (${data.job}): a worker did the job, but the store of this process does not contain the result. Give this process and the workers the same store.`,
        { facts: { kind: data.kind, job: data.job } },
      )
    }
    context.signal.throwIfAborted()
    context.log.debug(
      `Sends the job "${data.kind}" (${data.job}) again: ${answer.type === 'lost' ? 'the queue lost it' : 'its worker stopped'}.`,
    )
  }
}

/** The result that a worker kept. A shared folder may show it later: NFS remembers for up to a minute what it did not find. */
async function findKept(store: Store, key: JobKey, { signal, log }: CallContext): Promise<KeptResult | undefined> {
  for (let waitedMs = 0; ; waitedMs += lookMs) {
    const found = await findResult(store, key)
    if (found !== undefined || waitedMs >= visibleMs) return found
    if (waitedMs === 0)
      log.warn(
        `The store does not show the result of a finished job yet (${key.digest}). Waits for up to ${visibleMs / 1000} s.`,
      )
    await untilAborted(pause(lookMs), signal)
  }
}

/** Sends the job once, and waits for its end. */
async function deliver(data: QueuedJob, context: AttemptContext, cluster: Cluster) {
  const { connection, answers } = cluster
  const { queue, call } = connection
  // Each delivery is a job of its own, so a late answer to an earlier one is not read.
  const jobId = `${data.job.slice(7, 23)}-${createRunId(context.clock.nowMs())}`
  const waiting = answers.wait(jobId, context)
  try {
    const options = { jobId, removeOnComplete: kept, removeOnFail: kept }
    await call('send a job', () => queue.add(data.kind, data, options), context)
    return await waiting.answer
  } catch (error) {
    const withdrawn = withdraw(jobId, data, waiting.late, cluster, context).catch((failed: unknown) =>
      context.log.debug(`Cannot take a job out of the queue: ${messageOf(failed)}`),
    )
    // A server that does not answer gets the request later.
    if (context.signal.aborted) await Promise.race([withdrawn, pause(abortMs, undefined, { ref: false })])
    throw error
  } finally {
    waiting.stop()
  }
}

/** Takes the job out of the queue, or tells its worker, and waits for the worker. Ends when the executor closes. */
async function withdraw(
  jobId: string,
  data: QueuedJob,
  ended: Promise<unknown>,
  { connection: { queue, call }, closing }: Cluster,
  { clock, log }: CallContext,
): Promise<void> {
  const context = { clock, log: { ...log, warn: log.debug }, signal: closing }
  let job: JobOnQueue | undefined
  for (let isAnswered = false; !isAnswered; )
    try {
      job = await call('withdraw a job', () => queue.getJob(jobId), context)
      isAnswered = true
    } catch (error) {
      if (!isSheikhError(error, 'remote-failed')) throw error
    }
  if (job === undefined) return
  // A worker that does the job holds it: then it reads the mark.
  const isRemoved = await job.remove().then(
    () => true,
    () => false,
  )
  if (isRemoved) return
  await job.updateData({ ...data, isAborted: true })
  await untilAborted(ended, closing)
}
