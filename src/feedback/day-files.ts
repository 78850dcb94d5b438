// One entry per line. `more` counts the lines of the same append that follow, so that a reader can leave out an append
// that a crash cut off. An erased line begins with a space. Lines are never moved, so positions remain valid.
import { createReadStream } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallContext, Json, JsonObject } from '../core/index.js'
import { isAbsent, storageFailed } from '../store/index.js'
import { corrupt } from './entry-shape.js'

export interface DayFile {
  readonly name: string
  /** The length of its complete appends. */
  readonly wholeBytes: number
  /** Its length, with what a crash left or another process is writing. */
  readonly sizeBytes: number
}

export interface Line {
  readonly offset: number
  /** Without `more`. Absent if the line is erased. */
  readonly value: JsonObject | undefined
}

const dayName = /^\d{4}-\d\d-\d\d\.jsonl$/
const latestMs = Date.UTC(9999, 11, 31)

/** The file for entries that are added at this time. */
export const dayFileName = (nowMs: number): string =>
  `${new Date(Math.min(Math.max(nowMs, 0), latestMs)).toISOString().slice(0, 10)}.jsonl`

/** The names of the files with their lengths, in the order in which they were begun. */
export async function dayFilesIn(
  folder: string,
): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]> {
  try {
    const names = (await readdir(folder)).filter((name) => dayName.test(name)).sort()
    const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(unlessAbsent)))
    // A person may move a file away meanwhile.
    return names.flatMap((name, index) => (found[index] === undefined ? [] : { name, sizeBytes: found[index].size }))
  } catch (error) {
    if (isAbsent(error)) return []
    throw storageFailed('list', folder, error)
  }
}

function unlessAbsent(error: unknown): undefined {
  if (!isAbsent(error)) throw error
}

/**
 * Reads the complete appends of a file, one at a time.
 *
 * @param range `from` is the offset of a line.
 * @throws `storage-failed`, `artifact-corrupt`.
 */
export async function* appendsOf(
  path: string,
  { from, until }: { readonly from: number; readonly until: number },
  context: CallContext,
): AsyncGenerator<{ readonly lines: readonly Line[]; readonly end: number }> {
  let lines: Line[] = []
  let remaining = 0
  for await (const { bytes, offset } of linesOf(path, from, until, context)) {
    const value = lineValue(bytes, `${path}, byte ${offset}`)
    // An erased line still counts as one of its append.
    remaining = value === undefined ? Math.max(remaining - 1, 0) : Number(value['more'] ?? 0)
    lines.push({ offset, value: value === undefined ? undefined : withoutMore(value) })
    if (remaining === 0) {
      yield { lines, end: offset + bytes.length + 1 }
      lines = []
    }
  }
}

/** The line at an offset; `undefined` if it is erased. @throws `storage-failed`, `artifact-corrupt`. */
export async function lineAt(path: string, offset: number, context: CallContext): Promise<JsonObject | undefined> {
  for await (const { bytes } of linesOf(path, offset, Number.MAX_SAFE_INTEGER, context)) {
    const value = lineValue(bytes, `${path}, byte ${offset}`)
    return value === undefined ? undefined : withoutMore(value)
  }
  return undefined
}

/**
 * Overwrites lines with spaces, first byte first: a line that a crash leaves half overwritten is erased for readers.
 *
 * @throws `storage-failed`.
 */
export async function blankLines(path: string, offsets: readonly number[], context: CallContext): Promise<void> {
  try {
    const file = await open(path, 'r+')
    try {
      for (const offset of offsets) await file.write(' ', offset)
      await file.sync()
      for (const offset of offsets)
        for await (const { bytes } of linesOf(path, offset, Number.MAX_SAFE_INTEGER, context)) {
          await file.write(Buffer.alloc(bytes.length, ' '), 0, bytes.length, offset)
          break
        }
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw storageFailed('erase lines in', path, error)
  }
}

const newline = 0x0a

async function* linesOf(
  path: string,
  from: number,
  until: number,
  { signal }: CallContext,
): AsyncGenerator<{ readonly bytes: Buffer; readonly offset: number }> {
  if (from >= until) return
  let rest: Buffer[] = []
  let offset = from
  try {
    for await (const piece of createReadStream(path, { start: from, end: until - 1 }) as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      let start = 0
      for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, start)) {
        const bytes = Buffer.concat([...rest, piece.subarray(start, end)])
        yield { bytes, offset }
        rest = []
        offset += bytes.length + 1
        start = end + 1
      }
      rest.push(piece.subarray(start))
    }
  } catch (error) {
    if (isAbsent(error)) return
    throw storageFailed('read', path, error)
  }
}

function lineValue(bytes: Buffer, where: string): JsonObject | undefined {
  if (bytes[0] === 0x20) return undefined
  let value: Json
  try {
    value = JSON.parse(bytes.toString('utf8')) as Json
  } catch {
    throw corrupt(where, 'a line is not JSON')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  throw corrupt(where, 'a line is not an object')
}

function withoutMore({ more: _, ...value }: JsonObject): JsonObject {
  return value
}
