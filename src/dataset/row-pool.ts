import type { Digest } from '../core/index.js'
import type { Row } from '../model/index.js'
import { RowSpool } from './row-spool.js'

type AnyRow = Row<unknown, unknown>

/** A row costs about this much besides its text. */
const overheadBytes = 400

/**
 * Keeps rows between their first and their later uses, by their number in the table: in memory while they fit, then in a
 * temporary file.
 */
export class RowPool {
  readonly #rows = new Map<number, { readonly row: AnyRow; readonly bytes: number }>()
  readonly #maximumBytes: number
  readonly #digestOf: (index: number) => Digest
  #spool: RowSpool | undefined
  #bytes = 0

  /** @param digestOf the digest of the row with a number, which a row from the file must have. */
  constructor(maximumBytes: number, digestOf: (index: number) => Digest) {
    this.#maximumBytes = maximumBytes
    this.#digestOf = digestOf
  }

  has(index: number): boolean {
    return this.#rows.has(index) || this.#spool?.has(index) === true
  }

  /** Whether rows with this much canonical text may fit in memory. */
  mayKeep(textLength: number): boolean {
    return this.#bytes + 2 * textLength <= this.#maximumBytes
  }

  /** Keeps a row in memory, if it fits. @param textLength of the row's canonical text. */
  keep(index: number, row: AnyRow, textLength: number): boolean {
    const bytes = 2 * textLength + overheadBytes
    if (this.#bytes + bytes > this.#maximumBytes) return false
    this.#bytes += bytes
    this.#rows.set(index, { row, bytes })
    return true
  }

  /** Frees the memory of rows from one number up to another: a file that does not fit is read again as a whole. */
  drop(start: number, end: number): void {
    for (let index = start; index < end; index += 1) {
      const kept = this.#rows.get(index)
      if (kept === undefined) continue
      this.#rows.delete(index)
      this.#bytes -= kept.bytes
    }
  }

  /** Keeps a row in memory or in the file. */
  async put(index: number, row: AnyRow, textLength: number): Promise<void> {
    if (this.has(index) || this.keep(index, row, textLength)) return
    this.#spool ??= new RowSpool(this.#digestOf)
    await this.#spool.put(index, row)
  }

  /** The rows with these numbers, in their order. All must be kept. */
  async get(indices: readonly number[]): Promise<readonly AnyRow[]> {
    const spooled = indices.filter((index) => !this.#rows.has(index))
    const read = spooled.length === 0 ? undefined : await this.#spool!.get(spooled)
    return indices.map((index) => this.#rows.get(index)?.row ?? read!.get(index)!)
  }
}
