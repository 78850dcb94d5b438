import type { RunEvent } from './events.js'
import type { RunResult } from './run-result.js'

/** A run in progress. Iterate it to receive its events from the first one on. Not thenable: call `result()`. */
export interface Run<R = RunResult> extends AsyncDisposable, AsyncIterable<RunEvent> {
  readonly id: string
  /** Resolves when the run ends. Rejects with a `SheikhError` (an error of host code is its `cause`) or with the reason of the abort. */
  result(): Promise<R>
  /** Stops the run at the next batch; `result()` rejects with the reason. Completed work stays cached. */
  abort(reason?: unknown): void
}

/** Buffers all events, so that any number of readers can start from the first. */
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
