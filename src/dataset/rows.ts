import { type Digest, inParallel, SheikhError } from '../core/index.js'
import type { Row, Rows } from '../model/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContext, RowWithSample } from './dataset-types.js'
import { type DatasetIssue, issuesError, maximumIssues, someOf } from './issues.js'
import { type ReadRow, readEntry } from './read-entry.js'
import { openPartsPass } from './row-projection.js'
import type { RowList } from './row-table.js'
import { readConcurrency, type Scan } from './scan.js'
import type { SampleSchema } from './schema/sample-schema.js'

const rowsPerBatch = 256

type AnyRow = Row<unknown, unknown>

/** Provides the rows of a scan. Rows that are not kept are read again, and must be unchanged. */
export class RowReader {
  readonly #scan: Scan
  readonly #options: AnyDatasetOptions
  readonly #schema: SampleSchema
  readonly #context: DatasetContext

  constructor(scan: Scan, options: AnyDatasetOptions, schema: SampleSchema, context: DatasetContext) {
    this.#scan = scan
    this.#options = options
    this.#schema = schema
    this.#context = context
  }

  /** Rows that can be read repeatedly, in the given order. */
  rows(list: RowList): Rows<unknown, unknown> {
    const load = (indices: Uint32Array) => this.#load(indices)
    const { signal } = this.#context
    return {
      size: list.length,
      digest: list.digest(),
      async *[Symbol.asyncIterator]() {
        for (let start = 0; start < list.length; start += rowsPerBatch) {
          signal.throwIfAborted()
          yield* await load(list.indices.subarray(start, start + rowsPerBatch))
        }
      },
    }
  }

  async #load(indices: Uint32Array): Promise<readonly AnyRow[]> {
    const { pool, rows } = this.#scan
    const paths = new Set<string>()
    for (const index of indices) if (!pool.has(index)) paths.add(rows.table.path(index))
    await inParallel([...paths], readConcurrency, async (path) => {
      for await (const { index, row, textLength } of this.#again(path)) await pool.put(index, row, textLength)
    })
    return pool.get([...indices])
  }

  /** The samples with these ids, read again. */
  async samples(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, unknown>> {
    const found = new Map<string, unknown>()
    await this.#find(ids, ({ row: { id }, sample }) => found.set(id, sample))
    return found
  }

  /** The digests of the files that samples with these ids name, read again. */
  async files(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, NonNullable<AnyRow['files']>>> {
    const found = new Map<string, NonNullable<AnyRow['files']>>()
    if (this.#scan.named === undefined) return found
    await this.#find(ids, ({ row: { id, files } }) => files !== undefined && found.set(id, files))
    return found
  }

  async #find(ids: ReadonlySet<string>, take: (found: RowWithSample) => void): Promise<void> {
    const paths = new Set<string>()
    const { table, indices } = this.#scan.rows
    for (const index of indices) if (ids.has(table.id(index))) paths.add(table.path(index))
    await inParallel([...paths], readConcurrency, async (path) => {
      for await (const one of this.#again(path)) if (ids.has(one.row.id)) take(one)
    })
  }

  /** The rows of the scan with their samples and their places in the scan, file after file. */
  async *withSamples(): AsyncGenerator<RowWithSample & { readonly place: number }> {
    const { table, indices } = this.#scan.rows
    const places = new Int32Array(table.size).fill(-1)
    const paths = new Set<string>()
    for (const [place, index] of indices.entries()) {
      places[index] = place
      paths.add(table.path(index))
    }
    for (const path of [...paths].sort())
      for await (const { index, row, sample } of this.#again(path)) {
        const place = places[index]!
        if (place >= 0) yield { row, sample, place }
      }
  }

  /** Reads a file again. @throws `dataset-changed` if a row differs from the scan. */
  async *#again(path: string): AsyncGenerator<{
    readonly index: number
    readonly row: AnyRow
    readonly textLength: number
    readonly sample: unknown
  }> {
    const { ranges, rows } = this.#scan
    const { signal } = this.#context
    signal.throwIfAborted()
    const [start, end] = ranges.get(path)!
    const issues: DatasetIssue[] = []
    let index = start
    for await (const batch of this.#read(path, issues))
      for (const { scanned, row, textLength, sample } of batch) {
        const isSame =
          index < end && scanned.digest === rows.table.digest(index, 0) && scanned.id === rows.table.id(index)
        if (!isSame) throw await this.#changed(path)
        yield { index, row, textLength, sample }
        index += 1
      }
    if (index < end || issues.length > 0) throw await this.#changed(path)
  }

  async *#read(path: string, issues: DatasetIssue[]): AsyncGenerator<readonly ReadRow[]> {
    const pass = openPartsPass(this.#options, this.#context)
    const given = { options: this.#options, schema: this.#schema, issues, pass, named: this.#scan.named }
    try {
      yield* readEntry(this.#scan.entries.get(path)!, given, this.#context)
    } finally {
      pass.close()
    }
  }

  /** The error that names the ids of rows that changed, were added or are gone. */
  async #changed(path: string): Promise<SheikhError> {
    const { ranges, rows } = this.#scan
    const [start, end] = ranges.get(path)!
    const expected = new Map<string, Digest>()
    for (let index = start; index < end; index += 1) expected.set(rows.table.id(index), rows.table.digest(index, 0))
    const ids = new Set<string>()
    const issues: DatasetIssue[] = []
    for await (const batch of this.#read(path, issues))
      for (const { scanned } of batch) {
        if (expected.get(scanned.id) !== scanned.digest) ids.add(scanned.id)
        expected.delete(scanned.id)
      }
    const all = [...new Set([...expected.keys(), ...ids])]
    return new SheikhError(
      'dataset-changed',
      `Cannot continue: ${JSON.stringify(path)} changed during the run${all.length > 0 ? ` (${someOf(all)})` : ''}. Run again while nothing writes to the samples.`,
      {
        facts: { path, ids: all.slice(0, maximumIssues) },
        ...(issues.length > 0 ? { cause: issuesError(issues) } : {}),
      },
    )
  }
}
