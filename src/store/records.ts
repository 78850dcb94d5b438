// What every store agrees on, wherever it keeps things: names that are safe in a path, and errors in the same words.
import { type Digest, isDigest, type Json, type JsonObject, SheikhError } from '../core/index.js'
import type { KeyRecord } from './store.js'

/** Whether a name is safe in a path: `[a-z0-9-]+`, at most 100 characters. */
export const isName = (name: string): boolean => /^[a-z0-9-]{1,100}$/.test(name)

/** @throws `invalid-options` for a name that is not `[a-z0-9-]+`. */
export function checkName(name: string, what: string): string {
  if (isName(name)) return name
  throw new SheikhError(
    'invalid-options',
    `Cannot use ${JSON.stringify(name)} as ${what}: it is not made of lower-case letters, digits and "-". Choose another.`,
    { facts: { name } },
  )
}

/** @throws `invalid-options` for text that is more than one line. */
export function checkLine(line: string): string {
  if (!/[\r\n]/.test(line)) return line
  throw new SheikhError(
    'invalid-options',
    'Cannot append to a journal: the text holds a line break. Append one line at a time.',
  )
}

/** The key record that a JSON value is; `undefined` where it is none, or belongs to another key. */
export function toKeyRecord(value: Json | undefined, key: Digest): KeyRecord | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { formatVersion, key: itsKey, parts, value: output, files, runId, atMs } = value as JsonObject
  const isRecord =
    formatVersion === 1 &&
    itsKey === key &&
    parts !== undefined &&
    output !== undefined &&
    (files === undefined || isDigest(files)) &&
    typeof runId === 'string' &&
    typeof atMs === 'number'
  return isRecord ? (value as unknown as KeyRecord) : undefined
}

/** @throws `release-conflict` where a journal does not hold the number of lines that its writer saw. */
export function checkLength(name: string, actual: number, expected: number): void {
  if (actual === expected) return
  throw new SheikhError(
    'release-conflict',
    `Cannot append to the journal "${name}": it holds ${actual} lines, not ${expected}. Read it again and decide anew.`,
    { facts: { journal: name, actualLength: actual, expectedLength: expected }, retryable: true },
  )
}

export const objectMissing = (digest: Digest) =>
  new SheikhError(
    'not-found',
    `Cannot read the object ${digest}: the store does not hold it. Run again to make it anew.`,
    {
      facts: { digest },
    },
  )

export const objectCorrupt = (digest: Digest, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust the object ${digest}: ${fact}. It was put aside; run again to make it anew.`,
    { facts: { digest } },
  )

export const notDirectory = (digest: Digest, cause: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read ${digest} as a directory: the object is not a manifest. Use the digest that putDirectory gave.`,
    { facts: { digest }, cause },
  )

export const lockLost = (facts: Readonly<Record<string, unknown>>) =>
  new SheikhError(
    'locked',
    'Cannot go on: the lock is no longer held here; another run has taken it over, or it was released. Start a new run.',
    { facts },
  )
