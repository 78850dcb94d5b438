import { setTimeout as pause } from 'node:timers/promises'
import { type CallContext, canonicalJson, createRunId, SheikhError, untilAborted } from '../../core/index.js'
import type { Store } from '../../store/index.js'
import { fromErrorMessage } from '../error-message.js'
import type { Executor } from '../executor.js'
import { type JobMessage, keyOfJob } from '../job-message.js'
import { findResult, type KeptResult } from '../kept-result.js'
import { packageVersion } from '../package-version.js'
import { type AttemptContext, runJobs, WorkerEnded } from '../run-jobs.js'
import { type AnswerReader, readAnswers } from './answer-reader.js'
import { checkQueueOptions, connectQueue, type QueueConnection } from './connect-queue.js'
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

/** How long the work may take to end after an abort, in milliseconds. A worker may be gone. */
const abortMs = 10_000

/**
 * Does jobs on a cluster: sends them to the workers of a queue of BullMQ, on Redis or on PostgreSQL. The queue has digests only; the
 * jobs and their results travel through the store. Start workers with `bullmqWorker` or `sheikh worker`.
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
      return attempt(message, context, { store, connection, answers })
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
}

async function attempt(message: JobMessage, context: AttemptContext, cluster: Cluster): Promise<KeptResult> {
  const { store } = cluster
  const key = keyOfJob(message)
  const data: QueuedJob = {
    ...{ formatVersion: 1, package: packageVersion(), kind: message.kind.name, job: key.digest },
    message: await store.objects.put(Buffer.from(canonicalJson(message)), context),
  }
  let isBegun = false
  const begin = () => {
    if (!isBegun) context.begin()
    isBegun = true
  }
  for (;;) {
    const answer = await deliver(data, { ...context, begin }, cluster)
    if (answer.type === 'ended') throw new WorkerEnded(answer.reason)
    if (answer.type === 'failed') throw fromErrorMessage(answer.error)
    if (answer.type === 'done') {
      const found = await findResult(store, key)
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

/** Sends the job once, and waits for its end. */
async function deliver(data: QueuedJob, context: AttemptContext, { connection, answers }: Cluster) {
  const { queue, call } = connection
  // Each delivery is a job of its own, so a late answer to an earlier one is not read.
  const jobId = `${data.job.slice(7, 23)}-${createRunId(context.clock.nowMs())}`
  const waiting = answers.wait(jobId, context)
  try {
    const options = { jobId, removeOnComplete: kept, removeOnFail: kept }
    await call('send a job', () => queue.add(data.kind, data, options), context)
    return await waiting.answer
  } catch (error) {
    if (context.signal.aborted) await stopWork(jobId, data, waiting.late, { connection, context })
    throw error
  } finally {
    waiting.stop()
  }
}

/** Takes the job out of the queue, or tells its worker, and waits for the worker. */
async function stopWork(
  jobId: string,
  data: QueuedJob,
  ended: Promise<unknown>,
  { connection, context }: { readonly connection: QueueConnection; readonly context: CallContext },
): Promise<void> {
  const limit = new AbortController()
  const limited = { ...context, signal: limit.signal }
  const stop = async () => {
    const job = await connection.call('abort a job', () => connection.queue.getJob(jobId), limited)
    if (job === undefined) return
    // A worker that does the job holds it: then it reads the mark.
    if (
      (await job.remove().then(
        () => true,
        () => false,
      )) === true
    )
      return
    await connection.call('abort a job', () => job.updateData({ ...data, isAborted: true }), limited)
    await ended
  }
  const timer = pause(abortMs, undefined, { signal: limit.signal }).catch(() => {})
  await Promise.race([stop().catch(() => {}), timer])
  limit.abort()
}
