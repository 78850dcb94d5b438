import { EventEmitter } from 'eventemitter3'
import { messageOf } from '../core/index.js'
import type { RunEvent, RunEventOf, RunEventType } from './events.js'

/** A run waits no longer for its listeners. */
const longestEndMs = 15_000

/** The listeners of a pipeline. One that fails is reported, and stops neither the run nor other listeners. */
export class Listeners {
  readonly #emitter = new EventEmitter()
  readonly #report: (message: string) => void
  /** What listeners of `run-end` still do, by run. */
  readonly #ending = new Map<string, Promise<unknown>[]>()

  constructor(report: (message: string) => void) {
    this.#report = report
  }

  /** @returns a function that removes the listener. */
  on<Type extends RunEventType>(type: Type, listener: (event: RunEventOf<Type>) => void): () => void {
    const failed = (error: unknown) => this.#report(`A listener to "${type}" failed: ${messageOf(error)}`)
    const guarded = (event: RunEventOf<Type>) => {
      try {
        // A listener may be async, and an unhandled rejection would end the process.
        const work = Promise.resolve(listener(event) as unknown).catch(failed)
        if (type === 'run-end') this.#ending.set(event.runId, [...(this.#ending.get(event.runId) ?? []), work])
      } catch (error) {
        failed(error)
      }
    }
    this.#emitter.on(type, guarded)
    return () => {
      this.#emitter.off(type, guarded)
    }
  }

  emit(event: RunEvent): void {
    this.#emitter.emit(event.type, event)
  }

  /** Resolves when the listeners of the run's end have finished, or after 15 s. */
  async settled(runId: string): Promise<void> {
    const working = this.#ending.get(runId) ?? []
    this.#ending.delete(runId)
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, longestEndMs)
    })
    await Promise.race([Promise.all(working), limit])
    clearTimeout(timer)
  }
}
