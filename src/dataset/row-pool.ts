import type { Row } from '../model/index.js'

type AnyRow = Row<unknown, unknown>

/** Caches rows in memory, by file. Rows that do not fit are read again when needed. */
export class RowPool {
  readonly #files = new Map<string, { readonly rows: ReadonlyMap<string, AnyRow>; readonly sizeBytes: number }>()
  readonly #maximumBytes: number
  #bytes = 0

  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes
  }

  get(path: string): ReadonlyMap<string, AnyRow> | undefined {
    const found = this.#files.get(path)
    if (found === undefined) return undefined
    // A Map keeps insertion order, so the least recently used file is dropped first.
    this.#files.delete(path)
    this.#files.set(path, found)
    return found.rows
  }

  put(path: string, rows: ReadonlyMap<string, AnyRow>, sizeBytes: number): void {
    this.#drop(path)
    if (sizeBytes > this.#maximumBytes) return
    for (const oldest of this.#files.keys()) {
      if (this.#bytes + sizeBytes <= this.#maximumBytes) break
      this.#drop(oldest)
    }
    this.#files.set(path, { rows, sizeBytes })
    this.#bytes += sizeBytes
  }

  #drop(path: string): void {
    this.#bytes -= this.#files.get(path)?.sizeBytes ?? 0
    this.#files.delete(path)
  }
}
