import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { messageOf, SheikhError } from '../core/index.js'
import { startWorker } from '../store/index.js'
import type { RenderAnswer, ToRenderThread } from './render-messages.js'

// Beside this file in `src`, and beside the bundle that this file is part of.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const entry = new URL(`./render-thread.${extension}`, import.meta.url)

/** Whether this package's files are where they were installed: not so in a bundle of the host's. */
export const canOpenRenderThread = (): boolean => existsSync(fileURLToPath(entry))

/** How long an idle thread waits for other work. */
const idleMs = 5000

/** A thread that took longer for one sample than the limit. It was ended. */
export class Stuck extends Error {
  /** Number of the sample among those that were asked for. */
  readonly index: number
  /** Offset in the template where the thread was. */
  readonly offset: number

  constructor(index: number, offset: number) {
    super('the thread took too long')
    this.index = index
    this.offset = offset
  }
}

export interface RenderThread {
  /** One call at a time. @throws Stuck */
  render(
    samples: readonly Readonly<Record<string, unknown>>[],
    limits: { readonly steps: number; readonly characters: number; readonly seconds: number },
  ): Promise<RenderAnswer>
  /** An idle thread waits for other work. A busy one is ended. */
  close(): void
}

let idle: { readonly worker: Worker; readonly timer: NodeJS.Timeout } | undefined

/** Opens a thread that renders one template. It keeps the process alive only while it works. */
export function openRenderThread(text: string, file: string): RenderThread {
  const worker = takeWorker()
  let isBusy = false
  let isEnding = false
  let ended: unknown
  const end = () => {
    isEnding = true
    void worker.terminate()
  }
  const onEnd = (cause: unknown) => {
    ended ??= cause
  }
  worker.on('error', onEnd)
  worker.on('exit', onEnd)
  worker.postMessage({ kind: 'template', text, file } satisfies ToRenderThread)
  return {
    async render(samples, { seconds, ...limits }) {
      const endedError = () =>
        new SheikhError(
          'stage-failed',
          `Cannot render ${JSON.stringify(file)}: the thread that renders ended (${ended instanceof Error ? messageOf(ended) : `exit code ${String(ended)}`}). Run again, or give the process more memory.`,
          { cause: ended },
        )
      if (ended !== undefined) throw endedError()
      const progress = new Int32Array(new SharedArrayBuffer(8)).fill(-1, 0, 1)
      isBusy = true
      worker.ref()
      let watch: NodeJS.Timeout | undefined
      let stop = () => {}
      try {
        return await new Promise<RenderAnswer>((resolve, reject) => {
          const onExit = () => reject(endedError())
          worker.once('message', resolve)
          worker.once('exit', onExit)
          stop = () => {
            worker.off('message', resolve)
            worker.off('exit', onExit)
          }
          watch = watchProgress(progress, seconds, (index, offset) => {
            end()
            reject(new Stuck(index, offset))
          })
          worker.postMessage({ kind: 'render', samples, limits, progress } satisfies ToRenderThread)
        })
      } finally {
        stop()
        clearInterval(watch)
        isBusy = false
        worker.unref()
      }
    },
    close() {
      worker.off('error', onEnd)
      worker.off('exit', onEnd)
      // No other work gets a thread that is about to end.
      if (isBusy || isEnding || ended !== undefined || idle !== undefined) end()
      else giveBack(worker)
    },
  }
}

/**
 * Calls back once if the number of samples that are done is the same for so many seconds. It is below 0 until the thread has
 * started.
 */
function watchProgress(
  progress: Int32Array,
  seconds: number,
  onStuck: (index: number, offset: number) => void,
): NodeJS.Timeout {
  const ticks = 4
  let [last, same] = [0, 0]
  return setInterval(
    () => {
      const done = Atomics.load(progress, 0)
      same = done >= 0 && done === last ? same + 1 : 0
      last = done
      if (same === ticks) onStuck(done, Atomics.load(progress, 1))
    },
    Math.max(1, (seconds * 1000) / ticks),
  )
}

function takeWorker(): Worker {
  if (idle === undefined) {
    const worker = startWorker(entry)
    // An error without a listener ends the process. Whoever uses the thread sees that it ended.
    worker.on('error', () => {})
    worker.unref()
    return worker
  }
  const { worker, timer } = idle
  idle = undefined
  clearTimeout(timer)
  return worker
}

function giveBack(worker: Worker): void {
  const end = () => {
    // First, so that no other work gets a thread that is about to end.
    if (idle?.worker === worker) idle = undefined
    void worker.terminate()
  }
  idle = { worker, timer: setTimeout(end, idleMs).unref() }
  worker.once('exit', () => {
    if (idle?.worker !== worker) return
    clearTimeout(idle.timer)
    idle = undefined
  })
}
