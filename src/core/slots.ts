import { untilAborted } from './until-aborted.js'

/** Lets a number of calls work at the same time. */
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(free: number) {
    this.#free = free
  }

  /**
   * @param signal ends the waiting, and not the work. @default none
   * @throws the signal's reason while the call waits; what `work` throws.
   */
  async use<R>(work: () => Promise<R>, signal?: AbortSignal): Promise<R> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free -= 1
    else await this.#turn(signal)
    try {
      return await work()
    } finally {
      this.#pass()
    }
  }

  #pass(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    let take = () => {}
    const turn = new Promise<void>((resolve) => {
      take = resolve
      this.#waiting.push(resolve)
    })
    if (signal === undefined) return turn
    try {
      await untilAborted(turn, signal)
    } catch (error) {
      const place = this.#waiting.indexOf(take)
      if (place >= 0) this.#waiting.splice(place, 1)
      // The turn came at the same time: the next call takes it.
      else this.#pass()
      throw error
    }
  }
}
