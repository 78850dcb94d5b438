// hyparquet decodes runs and deltas without limits: five bytes can announce a run of 2^31 values. These walk over the
// encoded values first (github.com/apache/parquet-format, Encodings.md).
import { damaged } from './damaged.js'

export interface Cursor {
  readonly view: DataView
  offset: number
}

const wrong = () => damaged('a page has runs that do not match its number of values')

/** Checks the hybrid of runs and bit-packed groups with `count` values, which ends at `end`. */
export function checkRuns(view: DataView, start: number, end: number, width: number, count: number): void {
  if (end > view.byteLength || end < start || width > 32) throw wrong()
  const cursor = { view, offset: start }
  const bytesOfValue = (width + 7) >> 3
  let seen = 0
  while (seen < count) {
    if (cursor.offset >= end) throw wrong()
    const header = varint(cursor, 5)
    if (header % 2 === 1) {
      const groups = Math.floor(header / 2)
      // The last group of a page may be cut off behind its last value.
      const bytes = Math.min(groups * width, Math.ceil(((count - seen) * width) / 8))
      if (groups === 0 || groups > count + 8 || cursor.offset + bytes > end) throw wrong()
      cursor.offset += bytes
      seen += groups * 8
    } else {
      const run = header / 2
      if (run > count - seen) throw wrong()
      cursor.offset += bytesOfValue
      seen += run
    }
  }
}

/** Checks values in DELTA_BINARY_PACKED. @returns the offset behind them. */
export function checkDelta(view: DataView, start: number, count: number): number {
  const cursor = { view, offset: start }
  const blockSize = varint(cursor, 5)
  const miniblocks = varint(cursor, 5)
  const total = varint(cursor, 5)
  varint(cursor, 10)
  const perMiniblock = blockSize / miniblocks
  if (total !== count || !(perMiniblock >= 8 && Number.isInteger(perMiniblock)) || blockSize > 2 ** 24) throw wrong()
  for (let seen = 1; seen < count; ) {
    varint(cursor, 10)
    const widths = cursor.offset
    cursor.offset += miniblocks
    for (let index = 0; index < miniblocks && seen < count; index += 1) {
      const width = byteAt(view, widths + index)
      if (width > 64) throw wrong()
      // The last miniblock is padded; those behind it have no bytes.
      cursor.offset += (perMiniblock * width) / 8
      if (cursor.offset > view.byteLength) throw wrong()
      seen += perMiniblock
    }
  }
  return cursor.offset
}

function varint(cursor: Cursor, longest: number): number {
  let value = 0
  for (let length = 0; ; length += 1) {
    if (length === longest) throw wrong()
    const next = byteAt(cursor.view, cursor.offset)
    cursor.offset += 1
    value += (next & 0x7f) * 2 ** (7 * length)
    if (next < 0x80) return value
  }
}

function byteAt(view: DataView, offset: number): number {
  if (offset >= view.byteLength) throw wrong()
  return view.getUint8(offset)
}
