import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { type CallContext, callContext, type Json, messageOf, SheikhError } from '../../../core/index.js'
import type { FitContext } from '../../trainer.js'
import type { DeviceName } from '../devices.js'
import type { Trained } from '../train-loop.js'
import type { Training } from '../training.js'
import { type Question, type ThreadReply, toError } from './messages.js'
import { startThread, threadEntry } from './start-thread.js'

/** What a thread builds by itself: one of ours, or what a module exports, called with `options`. Structured clones. */
export type ThreadWork =
  | { readonly builtIn: 'text-classifier' | 'llama'; readonly options: unknown }
  | {
      readonly url: string
      readonly export: string
      readonly options: unknown
      /** What the caller's own model says of itself: the module's must say the same. */
      readonly expected: { readonly name: string; readonly version: string | undefined; readonly describe: Json }
    }

/** Whether this package's files are where they were installed: not so in a bundle of the host's. */
export const canOpenThread = (): boolean => existsSync(fileURLToPath(threadEntry))

/** A thread that has nothing to do waits so long for the next training, and keeps no process alive. */
const idleMs = 5000

interface Thread {
  readonly worker: Worker
  /** Why it ended, where it did. */
  ended?: Error
  listener?: { answer(answer: ThreadReply): void; end(error: Error): void } | undefined
}

let idle: { readonly thread: Thread; readonly timer: NodeJS.Timeout } | undefined

/** A training in a thread of its own: the caller's waits for nothing but messages. */
export async function openThread<Example>(
  work: ThreadWork,
  { device, directory }: { readonly device: DeviceName; readonly directory: string },
  { signal, log }: CallContext,
): Promise<Training<Example>> {
  signal.throwIfAborted()
  const thread = await takeThread()
  let context: Pick<FitContext, 'log'> & Partial<FitContext> = { log }
  let isSound = true
  /** What the host's own code threw when it was told something: it is thrown to the host. */
  let hosts: { readonly error: unknown } | undefined
  const tell = (what: () => void) => {
    try {
      what()
    } catch (error) {
      hosts ??= { error }
      thread.worker.postMessage({ kind: 'abort' } satisfies Question)
    }
  }
  const send = async <R>(question: Question): Promise<R> => {
    if (thread.ended !== undefined) throw thread.ended
    return new Promise<R>((resolve, reject) => {
      thread.listener = {
        answer(answer) {
          if (answer.kind === 'progress') tell(() => context.progress?.(answer.progress))
          else if (answer.kind === 'log') tell(() => context.log[answer.level](...answer.parts))
          else if (hosts !== undefined) reject(hosts.error)
          else if (answer.kind === 'done') resolve(answer.value as R)
          else {
            isSound &&= context.signal?.aborted === true
            reject(toError(answer.failure))
          }
        },
        end: reject,
      }
      try {
        thread.worker.postMessage(question)
      } catch (error) {
        reject(
          new SheikhError(
            'invalid-options',
            `Cannot train in a thread of its own: ${messageOf(error)}. Examples and the options of "module" are plain values and typed arrays; or choose thread: 'caller'.`,
            { cause: error },
          ),
        )
      }
    })
  }
  let last: Promise<unknown> = Promise.resolve()
  /** One after the other. */
  const ask = <R>(question: Question): Promise<R> => {
    const answered = last.then(() => send<R>(question))
    last = answered.catch(() => undefined)
    return answered
  }
  const close = async () => {
    if (thread.ended !== undefined) return
    hosts = undefined
    context = callContext()
    const { tensors } = await ask<{ readonly tensors: number }>({ kind: 'close' })
    // What failed may have failed for want of memory, and who leaves tensors behind would do so again.
    if (tensors === 0 && isSound) giveBack(thread)
    else await thread.worker.terminate()
  }
  try {
    await ask({ kind: 'open', work, device, directory })
  } catch (error) {
    await close()
    throw error
  }
  return {
    add: (part, examples) => ask({ kind: 'add', part, examples: examples.map(compact) }),
    async train(request, fitContext) {
      context = fitContext
      const abort = () => thread.worker.postMessage({ kind: 'abort' } satisfies Question)
      if (fitContext.signal.aborted) abort()
      fitContext.signal.addEventListener('abort', abort)
      try {
        return await ask<Trained>({ kind: 'train', request })
      } catch (error) {
        // What it ended with is only that it was told to.
        if (thread.ended === undefined && hosts === undefined) fitContext.signal.throwIfAborted()
        throw error
      } finally {
        fitContext.signal.removeEventListener('abort', abort)
      }
    },
    [Symbol.asyncDispose]: close,
  }
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array

/** A view of a large buffer would be sent with all of it. */
function compact(example: unknown): unknown {
  if (typeof example !== 'object' || example === null || Object.getPrototypeOf(example) !== Object.prototype)
    return example
  const isPart = (value: unknown): value is Uint8Array =>
    ArrayBuffer.isView(value) && !(value instanceof DataView) && value.byteLength < value.buffer.byteLength
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, isPart(value) ? typedArray.slice.call(value) : value]),
  )
}

async function takeThread(): Promise<Thread> {
  if (idle !== undefined) {
    const { thread, timer } = idle
    idle = undefined
    clearTimeout(timer)
    thread.worker.ref()
    return thread
  }
  const worker = await startThread()
  const thread: Thread = { worker }
  const end = (fact: string, cause?: unknown) => {
    if (idle?.thread === thread) {
      clearTimeout(idle.timer)
      idle = undefined
    }
    thread.ended ??= new SheikhError(
      'stage-failed',
      `Cannot go on: the thread of the training ended (${fact}). Where memory was short, make batches smaller; run again to go on from the last checkpoint.`,
      { cause },
    )
    thread.listener?.end(thread.ended)
  }
  worker.on('message', (answer: ThreadReply) => thread.listener?.answer(answer))
  worker.on('error', (error) => end(error.message, error))
  worker.on('exit', (code) => end(`exit code ${code}`))
  return thread
}

function giveBack(thread: Thread): void {
  thread.listener = undefined
  if (idle !== undefined) {
    void thread.worker.terminate()
    return
  }
  thread.worker.unref()
  const end = () => {
    // First: one that is about to end takes up no other training.
    idle = undefined
    void thread.worker.terminate()
  }
  idle = { thread, timer: setTimeout(end, idleMs).unref() }
}
