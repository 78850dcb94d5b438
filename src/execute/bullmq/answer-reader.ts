import { fits, type Json, messageOf, untilAborted } from '../../core/index.js'
import type { AttemptContext } from '../run-jobs.js'
import type { JobOnQueue, QueueConnection } from './connect-queue.js'
import { type Answer, answerShape, progressShape } from './queued-job.js'

/** `lost`: the queue does not have the job any more. `worker-lost`: its worker did not renew its lock. */
type Ended = Answer | { readonly type: 'lost' } | { readonly type: 'worker-lost'; readonly reason: string }

interface Waiting {
  /** @throws the signal's reason. */
  readonly answer: Promise<Ended>
  /** Resolves with the end of the job, also after an abort. */
  readonly late: Promise<Ended>
  stop(): void
}

/** Reads what workers answer: from the events of the queue, and from the jobs themselves, because events can be lost. */
export interface AnswerReader {
  wait(jobId: string, context: AttemptContext): Waiting
  stop(): void
}

interface Listener {
  readonly context: AttemptContext
  readonly end: (answer: Ended) => void
  readonly fail: (error: unknown) => void
}

/** How often the lack of workers is reported, in milliseconds. */
const reportMs = 30_000
/** A waiting caller renews its jobs each time it has looked them up this often. */
const looksPerRenewal = 5

/** How often a caller renews a job, in milliseconds. */
export const renewMsOf = (pollMs: number): number => pollMs * looksPerRenewal

export function readAnswers(connection: QueueConnection, pollMs: number): AnswerReader {
  const listeners = new Map<string, Listener>()
  const events = connection.events()
  events.on('active', ({ jobId }) => listeners.get(jobId)?.context.begin())
  events.on('progress', ({ jobId, data }) => {
    if (fits(progressShape, data)) listeners.get(jobId)?.context.progress(data.progress as Json)
  })
  events.on('completed', ({ jobId, returnvalue }) => listeners.get(jobId)?.end(answerOf(returnvalue)))
  events.on('failed', ({ jobId, failedReason }) => listeners.get(jobId)?.end(ended(failedReason)))

  return {
    wait(jobId, context) {
      let stop = () => {}
      const late = new Promise<Ended>((resolve, reject) => {
        listeners.set(jobId, { context, end: resolve, fail: reject })
        stop = watch(jobId, context, connection, pollMs, { resolve, reject })
      })
      late.catch(() => {})
      let forget = () => {}
      const aborted = new Promise<never>((_, reject) => {
        const abort = () => reject(context.signal.reason)
        if (context.signal.aborted) abort()
        context.signal.addEventListener('abort', abort)
        forget = () => context.signal.removeEventListener('abort', abort)
      })
      const answer = Promise.race([late, aborted])
      answer.catch(() => {})
      return {
        ...{ answer, late },
        stop() {
          listeners.delete(jobId)
          forget()
          stop()
        },
      }
    },
    stop() {
      events.removeAllListeners('active')
    },
  }
}

/** Looks the job up from time to time. */
function watch(
  jobId: string,
  context: AttemptContext,
  connection: QueueConnection,
  pollMs: number,
  { resolve, reject }: { readonly resolve: (answer: Ended) => void; readonly reject: (error: unknown) => void },
): () => void {
  const stopped = new AbortController()
  const looking = { ...context, signal: stopped.signal }
  let timer: NodeJS.Timeout
  let seen: Ended | undefined
  let waitedMs = 0
  let reportedMs = 0
  let looks = 0
  let isUncounted = false
  const look = async () => {
    const job = await connection.call('look up a job', () => connection.queue.getJob(jobId), looking)
    const found = job === undefined ? ({ type: 'lost' } as const) : endOf(job)
    // The second time, so that its events come first.
    if (seen !== undefined && found !== undefined) resolve(found)
    seen = found
    waitedMs += pollMs
    looks += 1
    if (job !== undefined && found === undefined && looks % looksPerRenewal === 0 && !context.signal.aborted)
      // Not awaited: the next renewal does as well.
      job
        .updateData({ ...job.data, seenAtMs: context.clock.nowMs() })
        .catch((error: unknown) => context.log.debug(`Cannot renew a job: ${messageOf(error)}`))
    if (found === undefined && waitedMs - reportedMs >= reportMs) {
      reportedMs = waitedMs
      // A user of Redis without the command CLIENT LIST may do jobs, but cannot count workers.
      const workers = await untilAborted(connection.queue.getWorkersCount(), looking.signal).catch((error: unknown) => {
        if (!isUncounted) context.log.debug(`Cannot count the workers of the queue: ${messageOf(error)}`)
        isUncounted = true
      })
      if (workers === 0)
        context.log.warn(
          `A job waits for ${Math.round(waitedMs / 1000)} s, and no worker is connected to the queue "${connection.name}" of ${connection.address}. Start one: sheikh worker.`,
        )
    }
  }
  const again = () => {
    timer = setTimeout(() => {
      look().then(
        () => !stopped.signal.aborted && again(),
        (error: unknown) => !stopped.signal.aborted && reject(error),
      )
    }, pollMs)
  }
  again()
  return () => {
    stopped.abort()
    clearTimeout(timer)
  }
}

function endOf({ finishedOn, returnvalue, failedReason }: JobOnQueue): Ended | undefined {
  if (finishedOn === undefined || finishedOn === null) return undefined
  return failedReason ? ended(failedReason) : answerOf(returnvalue)
}

/** BullMQ failed the job: its worker did not renew the lock. */
const ended = (reason: string): Ended => ({
  type: 'worker-lost',
  reason: `The worker did not renew the job in time (${reason}): it was killed, or it or the server of the queue did not run for a while.`,
})

const answerOf = (value: unknown): Ended =>
  fits(answerShape, value) ? value : { type: 'ended', reason: 'The worker sent an answer that cannot be read.' }
