import type { CachedRows } from './cached-rows.js'
import { RowTable, type TableRow } from './row-table.js'

/** Rows of a cache, and rows that were read, in their own tables: a copy of a hundred thousand rows takes 150 ms. */
export class CommonRows {
  #cached = new RowTable()
  /** Numbers of the first row of the cache in each range, and of the row behind its last. */
  readonly #ranges: number[] = []
  #cachedSize = 0
  #read = new RowTable()

  get size(): number {
    return this.#cachedSize + this.#read.size
  }

  /** Adds the rows of a file. Does nothing, and returns false, if they are in another table than those before. */
  add({ table, start, end }: CachedRows): boolean {
    if (this.#cachedSize === 0) this.#cached = table
    if (table !== this.#cached) return false
    if (start === end) return true
    if (this.#ranges.at(-1) === start) this.#ranges[this.#ranges.length - 1] = end
    else this.#ranges.push(start, end)
    this.#cachedSize += end - start
    return true
  }

  /** Adds all rows of a table. Call it once. */
  addRead(table: RowTable): void {
    this.#read = table
  }

  /** Numbers of rows for `row`. */
  byId(): Map<string, number> {
    const numbers = new Map<string, number>()
    for (let range = 0; range < this.#ranges.length; range += 2)
      for (let index = this.#ranges[range]!; index < this.#ranges[range + 1]!; index += 1)
        numbers.set(this.#cached.id(index), index)
    for (let index = 0; index < this.#read.size; index += 1)
      numbers.set(this.#read.id(index), this.#cached.size + index)
    return numbers
  }

  /** A row of the cache has no path. */
  row(number: number): TableRow {
    const cached = this.#cached.size
    return number < cached ? this.#cached.row(number) : this.#read.row(number - cached)
  }

  /** The same rows with their paths. @param visit calls back with the rows that were added, by path. */
  withPaths(
    numbers: readonly number[],
    visit: (take: (path: string, rows: CachedRows | undefined) => void) => void,
  ): readonly TableRow[] {
    if (numbers.length === 0) return []
    const cached = new Set(numbers.filter((number) => number < this.#cached.size))
    const copies = new RowTable()
    if (cached.size > 0)
      visit((path, rows) => {
        if (rows === undefined) return
        for (let number = rows.start; number < rows.end; number += 1)
          if (cached.has(number)) copies.copy(rows.table, number, number + 1, path)
      })
    const read = numbers.filter((number) => number >= this.#cached.size).map((number) => this.row(number))
    return [...Array.from({ length: copies.size }, (_, index) => copies.row(index)), ...read]
  }
}
