import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { callContext, messageOf, type SheikhError } from '../../../core/index.js'
import type { TextPart } from '../../../model/index.js'
import type { FitContext } from '../../trainer.js'
import { type Question, type ThreadMessage, type ThreadMessageBack, type ThreadReply, toError } from './messages.js'
import { startThread, threadEntry } from './start-thread.js'

/** Whether this package's files are where they were installed: not so in a bundle of the host's. */
export const canOpenThread = (): boolean => existsSync(fileURLToPath(threadEntry))

/** How long an idle thread waits for other work. */
const idleMs = 5000

/** What a question's answer needs of the caller. */
export type AskContext = Pick<FitContext, 'signal' | 'log'> &
  Partial<Pick<FitContext, 'progress'>> & { readonly part?: (part: TextPart) => void }

/** A thread that answers questions. It keeps the process alive only while it works. */
export interface Conversation {
  /** Whether the thread has ended, for whatever reason. */
  hasEnded(): boolean
  /**
   * Asks when the questions before it are answered. An abort is passed on to the thread. If the thread does not react within `abortLimitMs`, it is ended.
   *
   * @param abortLimitMs @default no limit
   * @throws the signal's reason; what the host's own log or progress throws; the thread's error.
   */
  ask<R>(question: Question, context: AskContext, abortLimitMs?: number): Promise<R>
  /** As `ask`, at once, for a question that the thread answers beside others. */
  askBeside<R>(question: Question, context: AskContext, abortLimitMs?: number): Promise<R>
  /** Frees what the thread has open. A sound thread waits for other work. Later calls do nothing. */
  close(): Promise<void>
}

/** The errors of a conversation, in the words of its work. */
export interface ConversationErrors {
  ended(fact: string, cause: unknown): SheikhError
  notSent(fact: string, cause: unknown): SheikhError
}

interface Thread {
  readonly worker: Worker
  ended?: { readonly fact: string; readonly cause?: unknown }
  /** By the id of the question. */
  readonly listeners: Map<number, { answer(answer: ThreadReply): void; end(): void }>
  questions: number
}

let idle: { readonly thread: Thread; readonly timer: NodeJS.Timeout } | undefined

export async function openConversation(errors: ConversationErrors): Promise<Conversation> {
  const thread = await takeThread()
  const { worker } = thread
  let isSound = true
  const endedError = () => errors.ended(thread.ended?.fact ?? 'no reason known', thread.ended?.cause)
  const post = (message: ThreadMessage) => worker.postMessage(message)

  async function send<R>(
    question: Question,
    { signal, log, progress, part }: AskContext,
    abortLimitMs?: number,
  ): Promise<R> {
    if (thread.ended !== undefined) throw endedError()
    thread.questions += 1
    const id = thread.questions
    const abort = () => post({ kind: 'abort', id })
    /** What the host's own code threw. It is thrown to the host. */
    let hosts: { readonly error: unknown } | undefined
    const tell = (what: () => void) => {
      try {
        what()
      } catch (error) {
        hosts ??= { error }
        abort()
      }
    }
    let limit: NodeJS.Timeout | undefined
    const onAbort = () => {
      abort()
      const end = () => endThread(thread, `it did not react to an abort within ${abortLimitMs} ms`)
      if (abortLimitMs !== undefined) limit = setTimeout(end, abortLimitMs)
    }
    worker.ref()
    try {
      return await new Promise<R>((resolve, reject) => {
        thread.listeners.set(id, {
          answer(answer) {
            if (answer.kind === 'progress') tell(() => progress?.(answer.progress))
            else if (answer.kind === 'part') part?.(answer.part)
            else if (answer.kind === 'log') tell(() => log[answer.level](...answer.parts))
            else if (hosts !== undefined) reject(hosts.error)
            else if (answer.kind === 'done') resolve(answer.value as R)
            else {
              isSound &&= signal.aborted
              reject(toError(answer.failure))
            }
          },
          end: () => reject(endedError()),
        })
        try {
          post({ kind: 'ask', id, question })
        } catch (error) {
          reject(errors.notSent(messageOf(error), error))
        }
        signal.addEventListener('abort', onAbort)
        if (signal.aborted) onAbort()
      })
    } catch (error) {
      // An aborted question fails with whatever the abort interrupted.
      if (hosts === undefined && (thread.ended === undefined || limit !== undefined)) signal.throwIfAborted()
      throw error
    } finally {
      thread.listeners.delete(id)
      clearTimeout(limit)
      signal.removeEventListener('abort', onAbort)
      if (thread.listeners.size === 0) worker.unref()
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  let closing: Promise<void> | undefined
  const ask = <R>(question: Question, context: AskContext, abortLimitMs?: number): Promise<R> => {
    const answered = last.then(() => send<R>(question, context, abortLimitMs))
    last = answered.catch(() => undefined)
    return answered
  }
  return {
    hasEnded: () => thread.ended !== undefined,
    ask,
    askBeside: send,
    close() {
      // Once: afterwards the thread may already work for somebody else.
      closing ??= close()
      return closing
    },
  }

  async function close(): Promise<void> {
    if (thread.ended !== undefined) return
    try {
      const { tensors } = await ask<{ readonly tensors: number }>({ kind: 'close' }, callContext())
      // A failure may come from a lack of memory, and work that left tensors behind would leave more.
      if (tensors === 0 && isSound) giveBack(thread)
      else await worker.terminate()
    } catch (error) {
      // A thread that ended has freed everything.
      if (thread.ended === undefined) throw error
    }
  }
}

async function takeThread(): Promise<Thread> {
  if (idle !== undefined) {
    const { thread, timer } = idle
    idle = undefined
    clearTimeout(timer)
    return thread
  }
  const worker = await startThread()
  const thread: Thread = { worker, listeners: new Map(), questions: 0 }
  const end = (fact: string, cause?: unknown) => {
    if (idle?.thread === thread) {
      clearTimeout(idle.timer)
      idle = undefined
    }
    thread.ended ??= { fact, cause }
    for (const { end } of [...thread.listeners.values()]) end()
  }
  worker.on('message', (message: ThreadMessageBack) => {
    for (const { id, reply } of message) thread.listeners.get(id)?.answer(reply)
  })
  worker.on('error', (error) => end(messageOf(error), error))
  worker.on('exit', (code) => end(`exit code ${code}`))
  return thread
}

function endThread(thread: Thread, fact: string): void {
  thread.ended ??= { fact }
  void thread.worker.terminate()
}

function giveBack(thread: Thread): void {
  if (idle !== undefined) {
    void thread.worker.terminate()
    return
  }
  const end = () => {
    // First, so that no other work gets a thread that is about to end.
    idle = undefined
    void thread.worker.terminate()
  }
  idle = { thread, timer: setTimeout(end, idleMs).unref() }
}
