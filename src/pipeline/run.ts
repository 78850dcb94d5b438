import type { RunEvent } from './events.js'
import type { RunResult } from './run-result.js'

/** A walk down the road, while it is walked. Iterate it for its events, from the first. Not thenable: ask for `result()`. */
export interface Run<R = RunResult> extends AsyncDisposable, AsyncIterable<RunEvent> {
  readonly id: string
  /** Rejects with a `SheikhError`, with what host code threw inside one, or with the reason of the abort. */
  result(): Promise<R>
  /** Stops it at the next batch; `result()` rejects with the reason. What is done stays cached. */
  abort(reason?: unknown): void
}

/** Events as they come, kept from the first, for any number of readers. */
export class EventLog implements AsyncIterable<RunEvent> {
  readonly #events: RunEvent[] = []
  #ended = false
  #wake: (() => void)[] = []

  push(event: RunEvent): void {
    this.#events.push(event)
    this.#notify()
  }

  end(): void {
    this.#ended = true
    this.#notify()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<RunEvent> {
    for (let index = 0; ; index += 1) {
      while (index >= this.#events.length) {
        if (this.#ended) return
        await new Promise<void>((resolve) => this.#wake.push(resolve))
      }
      yield this.#events[index]!
    }
  }

  #notify(): void {
    const waiting = this.#wake
    this.#wake = []
    for (const resolve of waiting) resolve()
  }
}
