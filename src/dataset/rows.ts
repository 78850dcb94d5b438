import { type Digest, inParallel, merkleRoot, SheikhError } from '../core/index.js'
import type { Row, Rows } from '../model/index.js'
import type { AnyDatasetOptions } from './dataset-options.js'
import type { DatasetContext } from './dataset-types.js'
import { issuesError, someOf } from './issues.js'
import { type EntryRead, readEntry, type ScannedRow } from './read-entry.js'
import { readConcurrency, type Scan } from './scan.js'
import type { SampleSchema } from './schema/sample-schema.js'

const rowsPerBatch = 256

type AnyRow = Row<unknown, unknown>

/** Provides the rows of a scan. Rows that are not in memory are read again, and must be unchanged. */
export class RowReader {
  readonly #scan: Scan
  readonly #options: AnyDatasetOptions
  readonly #schema: SampleSchema
  readonly #context: DatasetContext
  #expected: ReadonlyMap<string, ReadonlyMap<string, Digest>> | undefined

  constructor(scan: Scan, options: AnyDatasetOptions, schema: SampleSchema, context: DatasetContext) {
    this.#scan = scan
    this.#options = options
    this.#schema = schema
    this.#context = context
  }

  /** Rows that can be read repeatedly, in the given order. */
  rows(scanned: readonly ScannedRow[]): Rows<unknown, unknown> {
    const batchesOf = (batch: readonly ScannedRow[]) => this.#load(batch)
    const { signal } = this.#context
    return {
      size: scanned.length,
      digest: merkleRoot(scanned.map(({ digest }) => digest)),
      async *[Symbol.asyncIterator]() {
        for (let start = 0; start < scanned.length; start += rowsPerBatch) {
          signal.throwIfAborted()
          yield* await batchesOf(scanned.slice(start, start + rowsPerBatch))
        }
      },
    }
  }

  async #load(batch: readonly ScannedRow[]): Promise<readonly AnyRow[]> {
    const files = new Map<string, ReadonlyMap<string, AnyRow> | undefined>()
    for (const { path } of batch) if (!files.has(path)) files.set(path, this.#scan.pool.get(path))
    const absent = [...files.keys()].filter((path) => files.get(path) === undefined)
    await inParallel(absent, readConcurrency, async (path) => {
      const read = await this.#read(path)
      this.#scan.pool.put(path, read.rows, read.sizeBytes)
      files.set(path, read.rows)
    })
    return batch.map(({ id, path }) => files.get(path)!.get(id)!)
  }

  /** The samples with these ids, read again. */
  async samples(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, unknown>> {
    const found = new Map<string, unknown>()
    const paths = new Set(this.#scan.rows.filter(({ id }) => ids.has(id)).map(({ path }) => path))
    await inParallel([...paths], readConcurrency, async (path) => {
      const { samples } = await this.#read(path, ids)
      for (const [id, sample] of samples) found.set(id, sample)
    })
    return found
  }

  async #read(path: string, keep?: ReadonlySet<string>): Promise<EntryRead> {
    this.#context.signal.throwIfAborted()
    const read = await readEntry(this.#scan.entries.get(path)!, this.#options, this.#schema, this.#context, keep)
    this.#checkUnchanged(path, read)
    return read
  }

  #checkUnchanged(path: string, { scanned, issues }: EntryRead): void {
    this.#expected ??= digestsByPath(this.#scan.rows)
    const expected = this.#expected.get(path) ?? new Map<string, Digest>()
    const now = new Map(scanned.map(({ id, digest }) => [id, digest]))
    const ids = [...new Set([...expected.keys(), ...now.keys()])].filter((id) => expected.get(id) !== now.get(id))
    if (ids.length === 0 && issues.length === 0) return
    throw new SheikhError(
      'dataset-changed',
      `Cannot continue: ${JSON.stringify(path)} changed during the run${ids.length > 0 ? ` (${someOf(ids)})` : ''}. Run again while nothing writes to the samples.`,
      { facts: { path, ids }, ...(issues.length > 0 ? { cause: issuesError(issues) } : {}) },
    )
  }
}

function digestsByPath(rows: readonly ScannedRow[]): ReadonlyMap<string, ReadonlyMap<string, Digest>> {
  const byPath = new Map<string, Map<string, Digest>>()
  for (const { path, id, digest } of rows) {
    const known = byPath.get(path)
    if (known === undefined) byPath.set(path, new Map([[id, digest]]))
    else known.set(id, digest)
  }
  return byPath
}
