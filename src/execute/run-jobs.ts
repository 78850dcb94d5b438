// What executors have in common: one piece of work for equal jobs, results of earlier jobs, retries, quarantine, events.
import { setTimeout } from 'node:timers/promises'
import { type CallContext, isSheikhError, type Json, messageOf, SheikhError } from '../core/index.js'
import type { Store } from '../store/index.js'
import type { ExecuteContext, Executor } from './executor.js'
import type { Job, JobEvent, JobResult } from './job.js'
import { type JobKey, type JobMessage, keyOfJob, toJobMessage } from './job-message.js'
import { findResult, type KeptResult, keepResult } from './kept-result.js'
import { onAbort } from './on-abort.js'

/** A job that ends this many worker processes is not started again. */
export const mostEndedWorkers = 3

/**
 * A job whose worker is lost this often is not sent again. More than `mostEndedWorkers`: most often a server or a machine was away,
 * but a job that kills its machine is lost as well.
 */
const mostLostWorkers = 10

/** The pause before the first retry, in milliseconds. Each further one is twice as long. */
const firstPauseMs = 100

/** The worker process ended while it did a job: nothing is known about the result. */
export class WorkerEnded extends Error {}

/** Nobody knows what became of the worker: it may be dead, or cut off. */
export class WorkerLost extends WorkerEnded {}

export interface AttemptContext extends CallContext {
  readonly progress: (progress: Json) => void
  /** Called when a worker begins. */
  readonly begin: () => void
  /** Whether the worker must be a new process, because the job has ended one. */
  readonly isFresh: boolean
}

export interface JobRunner {
  readonly name: string
  /** Keeps the results. */
  readonly store: Store
  /** @throws `WorkerEnded`, and as `performJob`. */
  readonly attempt: (message: JobMessage, context: AttemptContext) => Promise<KeptResult>
  /** Ends the workers, which do nothing any more. */
  readonly close: () => Promise<void>
}

interface Work {
  readonly result: Promise<{ readonly kept: KeptResult; readonly reused: boolean }>
  readonly stop: AbortController
  readonly listeners: Set<(event: JobEvent) => void>
  callers: number
}

export function runJobs(runner: JobRunner): Executor {
  const working = new Map<string, Work>()
  const all = new Set<Work>()
  const quarantine = new Map<string, SheikhError>()
  let closed: Error | undefined

  function start(message: JobMessage, key: JobKey, context: CallContext): Work {
    const stop = new AbortController()
    const listeners: Work['listeners'] = new Set()
    const emit = (event: JobEvent) => {
      for (const listener of listeners) listener(event)
    }
    const result = carry(message, key, { clock: context.clock, log: context.log, signal: stop.signal }, emit)
    const work: Work = { result, stop, listeners, callers: 0 }
    working.set(key.digest, work)
    all.add(work)
    const forget = () => {
      all.delete(work)
      if (working.get(key.digest) === work) working.delete(key.digest)
    }
    result.then(forget, forget)
    return work
  }

  async function carry(message: JobMessage, key: JobKey, context: CallContext, emit: (event: JobEvent) => void) {
    const job = key.digest
    const found = await findResult(runner.store, key)
    if (found !== undefined) {
      emit({ type: 'job-end', job, reused: true })
      return { kept: found, reused: true }
    }
    const refused = quarantine.get(job)
    if (refused !== undefined) throw refused
    for (let attempt = 1, ended = 0, lost = 0, failed = 0; ; attempt += 1)
      try {
        context.signal.throwIfAborted()
        const kept = await runner.attempt(message, {
          ...context,
          isFresh: ended > 0,
          begin: () => emit({ type: 'job-start', job, attempt }),
          progress: (progress) => emit({ type: 'job-progress', job, progress }),
        })
        await keepResult(runner.store, key, kept, context)
        emit({ type: 'job-end', job, reused: false })
        return { kept, reused: false }
      } catch (error) {
        context.signal.throwIfAborted()
        if (error instanceof WorkerEnded) {
          if (error instanceof WorkerLost) lost += 1
          else ended += 1
          if (ended === mostEndedWorkers || lost === mostLostWorkers) {
            const refusal = quarantined(message, key, error)
            quarantine.set(job, refusal)
            throw refusal
          }
        } else {
          failed += 1
          if (!isSheikhError(error) || !error.retryable || failed > message.retries) throw error
        }
        emit({ type: 'job-retry', job, attempt, reason: messageOf(error) })
        // An abort is seen at the next attempt.
        const pause = () => setTimeout(firstPauseMs * 2 ** (failed - 1), undefined, { signal: context.signal })
        if (failed > 0) await pause().catch(() => {})
      }
  }

  return {
    contract: 1,
    name: runner.name,
    async run<I, O>(job: Job<I, O>, context: ExecuteContext): Promise<JobResult<O>> {
      const { signal } = context
      signal.throwIfAborted()
      if (closed !== undefined) throw closed
      const message = toJobMessage(job)
      const key = keyOfJob(message)
      const work = working.get(key.digest) ?? start(message, key, context)
      const listener = guarded(context)
      work.listeners.add(listener)
      work.callers += 1
      let forget = () => {}
      const aborted = new Promise<never>((_, reject) => {
        forget = onAbort(signal, () => reject(signal.reason))
      })
      try {
        const { kept, reused } = await Promise.race([work.result, aborted])
        return { job: key.digest, value: kept.value as O, objects: kept.objects, reused }
      } catch (error) {
        if (signal.aborted && work.callers === 1) {
          // A later call begins anew.
          if (working.get(key.digest) === work) working.delete(key.digest)
          work.stop.abort(signal.reason)
          await work.result.catch(() => {})
        }
        signal.throwIfAborted()
        throw error
      } finally {
        forget()
        work.listeners.delete(listener)
        work.callers -= 1
      }
    },
    async [Symbol.asyncDispose]() {
      closed ??= new Error(`The executor "${runner.name}" is closed.`)
      for (const { stop } of all) stop.abort(closed)
      await Promise.allSettled([...all].map(({ result }) => result))
      await runner.close()
    },
  }
}

function guarded({ onEvent, log }: ExecuteContext): (event: JobEvent) => void {
  return (event) => {
    try {
      onEvent?.(event)
    } catch (error) {
      log.warn(`The listener "onEvent" failed: ${messageOf(error)}`)
    }
  }
}

function quarantined({ kind }: JobMessage, { digest }: JobKey, error: WorkerEnded): SheikhError {
  const [what, count, remedy] =
    error instanceof WorkerLost
      ? ([
          'lost',
          mostLostWorkers,
          'Check the workers and the server of the queue; if the work kills its machine, give it more memory',
        ] as const)
      : (['ended', mostEndedWorkers, 'Correct the kind, or give the job more memory'] as const)
  return new SheikhError(
    'job-quarantined',
    `Cannot run a job of the kind "${kind.name}" (${digest}): it ${what} ${count} worker processes, the last one as follows. ${error.message} ${remedy}.`,
    { facts: { kind: kind.name, job: digest, endedWorkers: count } },
  )
}
