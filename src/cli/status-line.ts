/** Returns the line to show. @param columns how many characters fit. */
export type DrawLine = (columns: number) => string

const redrawMs = 120

/** The last line of a terminal, redrawn in place while work is in progress. Print other text only after `hide`. */
export class StatusLine {
  readonly #write: (text: string) => void
  readonly #columns: () => number
  #draw: DrawLine | undefined
  #shown = false
  #timer: NodeJS.Timeout | undefined

  /** @param columns the current width of the terminal, read at each drawing, so that the line follows a resized window. */
  constructor(write: (text: string) => void, columns: () => number) {
    this.#write = write
    this.#columns = columns
  }

  /** Shows a line until the next `show` or `stop`. It is drawn again several times per second. */
  show(draw: DrawLine): void {
    this.#draw = draw
    // A timer must not keep the process alive.
    this.#timer ??= setInterval(() => this.redraw(), redrawMs).unref()
    this.redraw()
  }

  redraw(): void {
    if (this.#draw === undefined) return
    // A terminal breaks the line if the last column is used.
    this.#write(`\r${this.#draw(Math.max(1, this.#columns() - 1))}\u001b[K`)
    this.#shown = true
  }

  /** Removes the line from the terminal. `redraw` brings it back. */
  hide(): void {
    if (this.#shown) this.#write('\r\u001b[K')
    this.#shown = false
  }

  stop(): void {
    this.hide()
    this.#draw = undefined
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
