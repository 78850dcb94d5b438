import type { SchemaTree } from 'hyparquet'
import { messageOf } from '../../../core/index.js'
import type { SourceSample } from '../../dataset-types.js'
import { issuesError, someOf } from '../../issues.js'
import type { InexactNumber } from '../../json-text.js'
import { type Limits, UnpackMeter } from '../limits.js'
import { ColumnReader, loadPageCode, type PageCode } from './column-reader.js'
import { damaged, Unreadable } from './damaged.js'
import { openParquet, type ParquetFile, type ReadPart, type RowGroup } from './open-parquet.js'
import { type ParquetOptions, type ToJson, textOf, toJsonOf } from './to-json.js'

/** Rows that are converted at a time. */
const rowsPerBatch = 256
/** All columns together read ahead this much. */
const readAheadBytes = 16 * 1024 * 1024
const mostReadAheadBytes = 1024 * 1024

export interface ParquetInput extends ParquetOptions {
  readonly path: string
  readonly sizeBytes: number
  readonly read: ReadPart
  readonly limits: Limits
  readonly signal: AbortSignal
}

/**
 * Reads the samples of a Parquet file, one per row, in batches. Only the pages of the current rows are in memory.
 *
 * @throws `dataset-invalid` for a file that cannot be read, with the row group and the row.
 */
export async function* readParquet(input: ParquetInput): AsyncIterable<readonly SourceSample[]> {
  const { path, read, sizeBytes, limits, signal } = input
  const at = { position: '' }
  try {
    const file = await openParquet(read, sizeBytes)
    const columns = wanted(file.schema.children, input.columns).map((tree) => {
      const pointer = `/${tree.element.name.replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (tree.element.name === '__proto__') throw new Unreadable('it has a column "__proto__"; rename it')
      return { tree, pointer, toJson: toJsonOf(tree, file.annotations, input) }
    })
    const code = await loadPageCode()
    const meter = new UnpackMeter(limits)
    for (const [index, group] of file.groups.entries()) {
      at.position = `row group ${index + 1}`
      const reader = new GroupReader(group, file, { input, code })
      for (let row = 0; row < group.rows; row += rowsPerBatch) {
        signal.throwIfAborted()
        const count = Math.min(rowsPerBatch, group.rows - row)
        const values: (readonly unknown[])[] = []
        for (const { tree } of columns) values.push(await reader.take(tree, count))
        const samples = samplesOf(columns, values, { group: index + 1, row, count })
        const problem = meter.add(sizeOf(values), sizeBytes)
        if (problem !== undefined) throw new Unreadable(problem)
        yield samples
      }
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    throw issuesError([{ path, position: at.position, message: error.message }], error)
  }
}

function wanted(columns: readonly SchemaTree[], names: readonly string[] | undefined): readonly SchemaTree[] {
  if (names === undefined) return columns
  return names.map((name) => {
    const found = columns.find(({ element }) => element.name === name)
    if (found !== undefined) return found
    const present = columns.map(({ element }) => element.name)
    throw new Unreadable(`it has no column ${JSON.stringify(name)}, but ${someOf(present, 20)}`)
  })
}

/** Reads the columns of a row group side by side. */
class GroupReader {
  readonly #leaves = new Map<SchemaTree, ColumnReader>()
  readonly #code: PageCode

  constructor(
    { columns }: RowGroup,
    { sizeBytes }: ParquetFile,
    { input, code }: Readonly<{ input: ParquetInput; code: PageCode }>,
  ) {
    const windowBytes = Math.min(sizeBytes, mostReadAheadBytes, Math.ceil(readAheadBytes / Math.max(1, columns.length)))
    this.#code = code
    for (const chunk of columns)
      this.#leaves.set(
        chunk.path.at(-1)!,
        new ColumnReader(chunk, { read: input.read, limits: input.limits, code, parsers, windowBytes }),
      )
  }

  /** The values of a column that may be nested, by row. */
  async take(column: SchemaTree, count: number): Promise<readonly unknown[]> {
    const leaf = this.#leaves.get(column)
    if (leaf !== undefined) return leaf.take(count)
    const parts = new Map<string, unknown[]>()
    for (const tree of leavesBelow(column))
      parts.set(tree.path.join('.'), [...(await this.#leaves.get(tree)!.take(count))])
    try {
      this.#code.assembleNested(parts as never, column, parsers)
      const values = parts.get(column.path.join('.'))
      if (values?.length !== count) throw damaged('the columns of a struct have different numbers of rows')
      return values
    } catch (error) {
      const fact = error instanceof Unreadable ? error.message : damaged(messageOf(error)).message
      throw new Unreadable(`column ${JSON.stringify(column.path.join('.'))}: ${fact}`)
    }
  }
}

function leavesBelow(tree: SchemaTree): readonly SchemaTree[] {
  return tree.children.length === 0 ? [tree] : tree.children.flatMap(leavesBelow)
}

const unused = () => {
  throw damaged('a column has an unexpected type')
}

// Only text and INT96 are converted before the values are assembled.
const parsers = {
  stringFromBytes: textOf,
  timestampFromNanoseconds: (nanoseconds: bigint) => nanoseconds,
  ...{ timestampFromMilliseconds: unused, timestampFromMicroseconds: unused, dateFromDays: unused },
  ...{ jsonFromBytes: unused, geometryFromBytes: unused, geographyFromBytes: unused, uuidFromBytes: unused },
} as never

interface Column {
  readonly tree: SchemaTree
  readonly pointer: string
  readonly toJson: ToJson
}

/**
 * A class, because V8 places the objects of a literal into the old generation once many of them were alive during collections. Rows
 * and their values would then stay in memory until the heap is full.
 */
class ReadSample implements SourceSample {
  readonly value: unknown
  readonly position: string

  constructor(value: unknown, position: string) {
    this.value = value
    this.position = position
  }
}

function samplesOf(
  columns: readonly Column[],
  values: readonly (readonly unknown[])[],
  { group, row, count }: { readonly group: number; readonly row: number; readonly count: number },
): readonly SourceSample[] {
  const samples: SourceSample[] = []
  // Most rows have no such numbers, and share what would receive them: objects for each value would fill the memory.
  let inexact: InexactNumber[] = []
  let places = columns.map(({ pointer }) => ({ pointer, inexact }))
  for (let index = 0; index < count; index += 1) {
    const value: Record<string, unknown> = {}
    const position = `row group ${group}, row ${row + index + 1}`
    let problem: string | undefined
    for (let at = 0; at < columns.length; at += 1) {
      const { tree, toJson } = columns[at]!
      try {
        value[tree.element.name] = toJson(values[at]![index], places[at]!)
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error
        problem = `column ${JSON.stringify(tree.element.name)}: ${error.message}`
        break
      }
    }
    if (problem !== undefined) samples.push({ value: undefined, position, problem })
    else if (inexact.length === 0) samples.push(new ReadSample(value, position))
    else samples.push({ value, position, inexact })
    if (inexact.length === 0) continue
    inexact = []
    places = columns.map(({ pointer }) => ({ pointer, inexact }))
  }
  return samples
}

/** About how many bytes values have as text. */
function sizeOf(values: readonly (readonly unknown[])[]): number {
  let size = 0
  for (const column of values)
    for (const value of column)
      size += typeof value === 'string' || value instanceof Uint8Array || Array.isArray(value) ? value.length : 1
  return size
}
