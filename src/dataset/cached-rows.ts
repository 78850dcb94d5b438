import type { Json } from '../core/index.js'
import type { ValueForm } from '../store/index.js'
import { RowTable } from './row-table.js'

/** Raise this when cached rows change their form. */
export const cachedVersion = 4

/** The rows of a file. */
export interface CachedRows {
  readonly table: RowTable
  /** Numbers of the first row in the table, and of the row behind the last. */
  readonly start: number
  readonly end: number
}

interface Packed {
  readonly rows: Json
  /** How many rows each file has. */
  readonly counts: readonly number[]
}

/** All rows in one table, so that a hundred thousand files are read without an object for each row. */
export const cachedRows: ValueForm<CachedRows> = {
  pack(files) {
    const rows = new RowTable()
    for (const { table, start, end } of files) rows.copy(table, start, end, '')
    return { rows: rows.toJson(), counts: files.map(({ start, end }) => end - start) }
  },
  unpack(packed) {
    const { rows, counts } = packed as unknown as Packed
    const table = RowTable.fromJson(rows)
    if (table === undefined) return undefined
    const ends = new Uint32Array(counts.length)
    let last = 0
    for (let index = 0; index < counts.length; index += 1) {
      last += counts[index]!
      ends[index] = last
    }
    const at = (index: number): CachedRows | undefined =>
      index < ends.length ? { table, start: index === 0 ? 0 : ends[index - 1]!, end: ends[index]! } : undefined
    return { at }
  },
}
