import { randomUUID } from 'node:crypto'
import { closeSync, openSync, read, unlinkSync, write } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Digest, digestBytes, messageOf, SheikhError } from '../core/index.js'
import type { Row } from '../model/index.js'
import { rowText } from './row-projection.js'

type AnyRow = Row<unknown, unknown>

const readAt = promisify(read)
const writeAt = promisify(write)
const pendingBytes = 1024 * 1024
/** Rows that are this close in the file are read together. */
const gapBytes = 16 * 1024

/**
 * Rows in a temporary file that only this process can open. The file is deleted at once, and lives until it is closed.
 * A row that is read back is compared with its digest.
 */
export class RowSpool {
  readonly #file: number
  readonly #digestOf: (index: number) => Digest
  /** Start and length by number of the row; a length of 0 is an absent row. */
  #places = new Float64Array(2 * 4096)
  #pending: Buffer[] = []
  #pendingBytes = 0
  #size = 0
  /** Rejects after a failed write, so that no later read trusts the file. */
  #written: Promise<void> = Promise.resolve()

  constructor(digestOf: (index: number) => Digest) {
    this.#digestOf = digestOf
    const path = join(tmpdir(), `sheikh-rows-${randomUUID()}`)
    try {
      this.#file = openSync(path, 'wx+', 0o600)
      unlinkSync(path)
    } catch (error) {
      throw failed(error)
    }
    closing.register(this, this.#file)
  }

  has(index: number): boolean {
    return this.#lengthOf(index) > 0
  }

  async put(index: number, row: AnyRow): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(row))
    if (2 * index >= this.#places.length) {
      const larger = new Float64Array(4 * Math.max(index + 1, this.#places.length / 2))
      larger.set(this.#places)
      this.#places = larger
    }
    this.#places.set([this.#size + this.#pendingBytes, bytes.length], 2 * index)
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes >= pendingBytes) await this.#flush()
  }

  async get(indices: readonly number[]): Promise<ReadonlyMap<number, AnyRow>> {
    await this.#flush()
    const found = new Map<number, AnyRow>()
    const places = indices
      .map((index) => ({ index, start: this.#places[2 * index]!, length: this.#lengthOf(index) }))
      .sort((one, other) => one.start - other.start)
    for (let first = 0; first < places.length; ) {
      const { start } = places[first]!
      let last = first
      const endOf = (at: number) => places[at]!.start + places[at]!.length
      while (last + 1 < places.length && places[last + 1]!.start - endOf(last) <= gapBytes) last += 1
      const bytes = Buffer.allocUnsafe(endOf(last) - start)
      const { bytesRead } = await readAt(this.#file, bytes, 0, bytes.length, start).catch((error: unknown) => {
        throw failed(error)
      })
      if (bytesRead !== bytes.length) throw failed(new Error('it is too short'))
      for (; first <= last; first += 1) {
        const { index, start: at, length } = places[first]!
        found.set(index, this.#checked(index, bytes.toString('utf8', at - start, at - start + length)))
      }
    }
    return found
  }

  #lengthOf(index: number): number {
    return this.#places[2 * index + 1] ?? 0
  }

  #checked(index: number, text: string): AnyRow {
    try {
      const row = JSON.parse(text) as AnyRow
      if (digestBytes(rowText(row)) === this.#digestOf(index)) return row
    } catch (error) {
      throw corrupt(error)
    }
    throw corrupt()
  }

  /** Writes what is pending. Waits for earlier writes too, which another caller may have started. */
  #flush(): Promise<void> {
    if (this.#pendingBytes > 0) {
      const bytes = Buffer.concat(this.#pending)
      const start = this.#size
      this.#pending = []
      this.#pendingBytes = 0
      this.#size += bytes.length
      this.#written = this.#written.then(() => this.#write(bytes, start))
      // Whoever waits for the file receives the error.
      this.#written.catch(() => {})
    }
    return this.#written
  }

  async #write(bytes: Buffer, start: number): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await writeAt(this.#file, bytes, at, bytes.length - at, start + at).catch(
        (error: unknown) => {
          throw failed(error)
        },
      )
      at += bytesWritten
    }
  }
}

const closing = new FinalizationRegistry<number>((file) => closeSync(file))

const failed = (error: unknown) =>
  new SheikhError(
    'storage-failed',
    `Cannot keep rows in a temporary file in ${JSON.stringify(tmpdir())}: ${messageOf(error)}. Free space there, or set TMPDIR to another folder.`,
    { cause: error },
  )

const corrupt = (cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use a row from a temporary file in ${JSON.stringify(tmpdir())}: its content is not what was written. Run again; if it happens again, check the disk, or set TMPDIR to another folder.`,
    { cause },
  )
