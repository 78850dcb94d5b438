// How rows travel to the workers of a data check, and what they found travels back.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  type Digest,
  digest,
  fits,
  list,
  object,
  optional,
  SheikhError,
  shapeOf,
} from '../../core/index.js'
import type { Mark, RowFacts, RowToExamine } from './examine-rows.js'
import { nameBytes } from './text-names.js'
import type { RowTokens } from './token-counter.js'

/** Each block of rows as a line of JSON. */
export const packBlock = (rows: readonly RowToExamine[]): Buffer => Buffer.from(`${JSON.stringify(rows.map(packed))}\n`)

/** The blocks of a shard, one by one. */
export function* unpackBlocks(bytes: Uint8Array): Generator<readonly RowToExamine[]> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start)
    yield (JSON.parse(text.toString('utf8', start, end)) as readonly PackedRow[]).map(unpacked)
    start = end + 1
  }
}

type PackedRow = readonly [
  /** The place in `texts`, or a text of its own. */
  text: number | string,
  json: string | 0,
  flags: number,
  texts: readonly (readonly [string, string])[],
  counted?: readonly unknown[],
]

function packed({ text, json, isCompared, isJudged, texts, counted }: RowToExamine): PackedRow {
  const place = texts.findIndex(([one]) => one === text)
  const flags = (isCompared ? 1 : 0) + (isJudged ? 2 : 0)
  const row = [place < 0 ? text : place, json ?? 0, flags, texts] as const
  return counted === undefined ? row : [...row, counted]
}

const unpacked = ([text, json, flags, texts, counted]: PackedRow): RowToExamine => ({
  ...{ text: typeof text === 'number' ? texts[text]![0] : text, texts },
  ...(json !== 0 && { json }),
  ...{ isCompared: (flags & 1) > 0, isJudged: (flags & 2) > 0 },
  ...(counted !== undefined && { counted: counted as unknown as NonNullable<RowToExamine['counted']> }),
})

const factsFile = 'facts'

/** Which job made the facts, and about how many rows. */
export interface FactsOf {
  readonly job: Digest
  readonly rows: number
}

// A length in the file is one more than that of the list, so that 0 tells that there is none.
const absent = 0

/**
 * Writes the facts of the rows of a shard, as one file: a line of JSON about the rows with something in them, and numbers about all.
 * The file names its job, so no other directory of the store contains it, and it can be removed.
 */
export async function writeFacts(folder: string, job: Digest, facts: readonly RowFacts[]): Promise<void> {
  const marked = facts.flatMap(({ marks, tokens }, row) =>
    marks.length > 0 || tokens !== undefined ? [{ row, marks, ...(tokens && { tokens }) }] : [],
  )
  const head = JSON.stringify({ formatVersion: 1, job, rows: facts.length, marked })
  const lengths = new Uint32Array(2 * facts.length)
  const parts: Uint8Array[] = [Buffer.from(`${head}\n`), bytesOf(lengths)]
  for (const [row, { compared, features }] of facts.entries()) {
    if (compared !== undefined) {
      lengths[2 * row] = compared.sketch.length + 1
      parts.push(Buffer.from(compared.input + compared.name, 'latin1'), bytesOf(compared.sketch))
    }
    if (features !== undefined) {
      lengths[2 * row + 1] = features.length + 1
      parts.push(bytesOf(features))
    }
  }
  await writeFile(join(folder, factsFile), Buffer.concat(parts))
}

const isMark = (value: unknown): value is Mark =>
  Array.isArray(value) && value.length >= 2 && value.length <= 3 && value.every((part) => typeof part === 'string')
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const factsShape = object({
  job: digest,
  rows: shapeOf(isCount),
  marked: list(
    object({
      row: shapeOf(isCount),
      marks: list(shapeOf(isMark)),
      tokens: optional(shapeOf((value): value is RowTokens => typeof value === 'object' && value !== null)),
    }),
  ),
})

/** @throws `artifact-corrupt` for a file that is not that of this job with so many rows. */
export async function readFacts(
  folder: string,
  { job, rows }: FactsOf,
  { signal }: CallContext,
): Promise<readonly RowFacts[]> {
  signal.throwIfAborted()
  const bytes = await readFile(join(folder, factsFile)).catch((error: unknown) => {
    throw corrupt('the file is missing', error)
  })
  const end = bytes.indexOf('\n')
  const read = parsed(bytes.toString('utf8', 0, Math.max(0, end)))
  if (!fits(factsShape, read) || read.rows !== rows) throw corrupt(`it is not about ${rows} rows`)
  if (read.job !== job) throw corrupt('another job made it')
  const facts: RowFacts[] = Array.from({ length: rows }, () => ({ marks: [] }))
  const cursor = new Cursor(bytes.subarray(end + 1))
  const lengths = cursor.take(Uint32Array, 2 * rows)
  for (let row = 0; row < rows; row += 1) {
    const [sketch, features] = [lengths[2 * row]!, lengths[2 * row + 1]!]
    facts[row] = {
      marks: [],
      ...(sketch !== absent && {
        compared: {
          ...{ input: cursor.text(), name: cursor.text() },
          sketch: cursor.take(Uint32Array, sketch - 1),
        },
      }),
      ...(features !== absent && { features: cursor.take(Uint16Array, features - 1) }),
    }
  }
  cursor.end()
  for (const { row, marks, tokens } of read.marked) {
    if (row >= rows) throw corrupt(`it is not about ${rows} rows`)
    facts[row] = { ...facts[row]!, marks, tokens }
  }
  return facts
}

class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take<A extends Uint32Array | Uint16Array>(
    Kind: { new (buffer: ArrayBuffer): A; readonly BYTES_PER_ELEMENT: number },
    length: number,
  ): A {
    // A copy, because numbers must be aligned.
    const copy = new Uint8Array(this.#next(length * Kind.BYTES_PER_ELEMENT))
    return new Kind(copy.buffer)
  }

  text(): string {
    return this.#next(nameBytes).toString('latin1')
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw corrupt('the file has another length')
  }

  #next(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw corrupt('the file has another length')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

const bytesOf = (numbers: Uint32Array | Uint16Array) =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw corrupt('its first line is not JSON', error)
  }
}

const corrupt = (fact: string, cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use what a worker found in the data: ${fact}. Check the data again.`,
    cause === undefined ? {} : { cause },
  )
