import { readFile, stat } from 'node:fs/promises'
import {
  type CallContext,
  callContext,
  type Digest,
  digest,
  digestBytes,
  digestJson,
  fits,
  isSheikhError,
  type Json,
  list,
  messageOf,
  object,
  plainPath,
  SheikhError,
  text,
  word,
} from '../../core/index.js'
import { lfsPointerOf } from '../../store/index.js'
import { hashText } from '../hash-text.js'
import { parseJsonText } from '../json-text.js'
import { type LargeFiles, largeFileAt } from '../sources/large-files.js'
import { describeJoin, type FeatureJoin } from './feature-join.js'
import type { TimeUnit } from './feature-time.js'

/** The type of the values of a feature. `null`: every value is null. */
export type FeatureType = 'number' | 'string' | 'boolean' | 'list' | 'object' | 'null'

export interface SnapshotLine {
  /** Entities and time, as `keyOf` writes them. */
  readonly key: string
  readonly values: readonly Json[]
}

/** The first line of a snapshot. */
export interface SnapshotHeader {
  readonly formatVersion: 1
  /** Digest of `describeJoin`: the settings that the values were joined by. */
  readonly settings: Digest
  /** The field with the time of a sample. */
  readonly timestamp: string
  /** Of times that are numbers; `null` if they are text. */
  readonly timestampUnit: TimeUnit | null
  /** Of times without a zone; `null` if each has one. */
  readonly timeZone: 'UTC' | null
  /** The fields that name entities. */
  readonly entities: readonly string[]
  readonly features: readonly { readonly name: string; readonly type: FeatureType }[]
}

const headerShape = object({
  formatVersion: word(1),
  settings: digest,
  timestamp: text,
  timestampUnit: word('s', 'ms', 'us', 'ns', null),
  timeZone: word('UTC', null),
  entities: list(text),
  features: list(object({ name: text, type: word('number', 'string', 'boolean', 'list', 'object', 'null') })),
})

/** Node.js reads no larger text. */
const maximumBytes = 400_000_000
const updateHint = 'Update it with: sheikh data features'

/** @throws `invalid-options` for values that take more than 400 MB. */
export function formatSnapshot(
  { given, entities }: { readonly given: FeatureJoin; readonly entities: readonly string[] },
  features: SnapshotHeader['features'],
  lines: readonly SnapshotLine[],
): string {
  const { timestamp, timestampUnit = null, timeZone = null } = given
  const settings = digestJson(describeJoin(given))
  const header = { formatVersion: 1, settings, timestamp, timestampUnit, timeZone, entities, features }
  const sorted = [...lines].sort((one, other) => (one.key < other.key ? -1 : 1))
  const texts = [JSON.stringify(header)]
  let size = Buffer.byteLength(texts[0]!) + 1
  for (const { key, values } of sorted) {
    const line = `[${[key, ...values.map((value) => JSON.stringify(value))].join()}]`
    size += Buffer.byteLength(line) + 1
    if (size > maximumBytes)
      throw new SheikhError(
        'invalid-options',
        `Cannot write the features of ${lines.length} samples: they take more than ${maximumBytes} bytes. Take fewer features.`,
      )
    texts.push(line)
  }
  return `${texts.join('\n')}\n`
}

/** A snapshot that was read. */
export interface LoadedSnapshot {
  readonly header: SnapshotHeader
  /** Of the bytes of the file. */
  readonly digest: Digest
  /** The values for a key, in the order of the features; `undefined` if the snapshot has none. @throws `dataset-invalid`. */
  find(key: string): readonly Json[] | undefined
  /** Every line. @throws `dataset-invalid`. */
  lines(): Iterable<SnapshotLine>
  /** Number of lines. */
  size(): number
}

/**
 * @param parts.largeFiles gets the file of a Git LFS pointer. @default a pointer is an error
 * @throws `dataset-invalid` for a file that is absent, or no snapshot.
 */
export async function loadSnapshot(
  path: string,
  { largeFiles, ...parts }: Partial<CallContext> & { readonly largeFiles?: LargeFiles | undefined } = {},
): Promise<LoadedSnapshot> {
  plainPath(path, 'the path of a snapshot of features')
  const refuse = (fact: string, remedy = updateHint, line?: number) =>
    new SheikhError('dataset-invalid', `Cannot read the features ${JSON.stringify(path)}: ${fact}. ${remedy}`, {
      facts: { path, ...(line !== undefined && { line }) },
    })
  let bytes: Buffer
  try {
    const stats = await stat(path)
    // A pipe would be read without end.
    if (!stats.isFile()) throw refuse('it is not a file')
    if (stats.size > maximumBytes) throw refuse(`it has ${stats.size} bytes, but the maximum is ${maximumBytes}`)
    bytes = await readFile(path)
    const pointer = lfsPointerOf(bytes)
    if (pointer !== undefined && largeFiles !== undefined) {
      const problem = (fact: string) => refuse(fact, 'Or make the file: sheikh data features')
      const fetching = { largeFiles, maximumBytes, problem }
      bytes = await readFile(await largeFileAt(pointer, path, fetching, callContext(parts)))
    }
  } catch (error) {
    if (isSheikhError(error)) throw error
    const isAbsent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw isAbsent ? refuse('it does not exist', 'Make it with: sheikh data features') : refuse(messageOf(error))
  }
  const parse = (start: number, line: number): unknown => {
    const end = bytes.indexOf(10, start)
    const parsed = parseJsonText(bytes.toString('utf8', start, end < 0 ? bytes.length : end))
    if ('problem' in parsed) throw refuse(`line ${line}: ${parsed.problem.message}`, updateHint, line)
    return parsed.value
  }
  if (bytes.toString('latin1', 0, 11) === 'version htt') throw refuse('it is a Git LFS pointer', 'Run: git lfs pull')
  const header = parse(0, 1)
  if (!fits(headerShape, header)) throw refuse('its first line does not describe a snapshot of features')
  const width = header.entities.length + 1
  const lineAt = (start: number, line: number): SnapshotLine => {
    const value = parse(start, line)
    if (!Array.isArray(value) || value.length !== width + header.features.length)
      throw refuse(`line ${line} does not have ${width + header.features.length} values`, updateHint, line)
    return { key: JSON.stringify(value.slice(0, width)).slice(1, -1), values: value.slice(width) as Json[] }
  }
  function* places(): Iterable<readonly [start: number, line: number]> {
    let line = 2
    for (let feed = bytes.indexOf(10); feed >= 0 && feed + 1 < bytes.length; feed = bytes.indexOf(10, feed + 1)) {
      yield [feed + 1, line]
      line += 1
    }
  }
  /** Starts of lines by the hash of their key. Values stay in the bytes until they are needed. */
  let index: Map<number, readonly number[] | number> | undefined
  const startsOf = (found: readonly number[] | number | undefined) => (found === undefined ? [] : [found].flat())
  const indexed = () => {
    if (index !== undefined) return index
    index = new Map()
    for (const [start, line] of places()) {
      const { key } = lineAt(start, line)
      const hash = hashText(key)
      const others = startsOf(index.get(hash))
      if (others.some((other) => lineAt(other, line).key === key))
        throw refuse(`line ${line} repeats the entities and time of an earlier line`, updateHint, line)
      index.set(hash, others.length === 0 ? start : [...others, start])
    }
    return index
  }
  return {
    header,
    digest: digestBytes(bytes),
    find(key) {
      const starts = startsOf(indexed().get(hashText(key)))
      return starts.map((start) => lineAt(start, 0)).find((line) => line.key === key)?.values
    },
    *lines() {
      for (const [start, line] of places()) yield lineAt(start, line)
    },
    size: () => [...places()].length,
  }
}

/** The features of a snapshot and their types, to compare served features with. @throws `dataset-invalid` for a file that is none. */
export async function featureTypes(path: string): Promise<Readonly<Record<string, FeatureType>>> {
  return typesIn((await loadSnapshot(path)).header)
}

export const typesIn = ({ features }: SnapshotHeader): Readonly<Record<string, FeatureType>> =>
  Object.fromEntries(features.map(({ name, type }) => [name, type]))
