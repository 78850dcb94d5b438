import { canonicalJson, type Digest, digestBytes, isDigest, SheikhError } from '../core/index.js'
import type { LedgerEntry, LedgerEvent } from './ledger.js'

/** Lines that were checked, each against the one before. */
export interface LedgerChain {
  readonly entries: readonly LedgerEntry[]
  /** The digest of the last line; `null` where there is none. */
  readonly last: Digest | null
}

/** Checks every line and every link. @throws `artifact-corrupt` with the `line` in `facts`. */
export function parseChain(lines: readonly string[]): LedgerChain {
  let last: Digest | null = null
  const entries: LedgerEntry[] = []
  for (const [index, line] of lines.entries()) {
    const entry = parseEntry(line, index)
    if (entry.sequence !== index || entry.previous !== last)
      throw broken(index, 'it does not follow from the line before')
    entries.push(entry)
    last = digestBytes(line)
  }
  return { entries, last }
}

/** The line that comes after a chain. @throws `invalid-options` for an event that no reader would take. */
export function nextLine(
  event: LedgerEvent,
  { entries, last }: LedgerChain,
  atMs: number,
): { readonly line: string; readonly entry: LedgerEntry } {
  const entry = { ...event, formatVersion: 1, sequence: entries.length, atMs, previous: last } as LedgerEntry
  const fault = faultOf(entry)
  if (fault !== undefined)
    throw new SheikhError('invalid-options', `Cannot write into the ledger: ${fault}. Correct the event.`)
  return { line: canonicalJson(entry), entry }
}

function parseEntry(line: string, index: number): LedgerEntry {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    throw broken(index, 'it is not JSON')
  }
  const fault = faultOf(entry)
  if (fault !== undefined) throw broken(index, fault)
  // One text for one meaning: of a name that stands there twice, readers may see one or the other.
  if (!isCanonical(entry, line)) throw broken(index, 'it is not written as it was')
  return entry as LedgerEntry
}

type Test = (value: unknown) => boolean

const isText: Test = (value) => typeof value === 'string'
const isTexts: Test = (value) => Array.isArray(value) && value.every(isText)
const isNumber: Test = (value) => Number.isFinite(value)
// What a Date can hold (ECMA-262, 21.4.1.1).
const isTime: Test = (value) => isNumber(value) && Math.abs(value as number) <= 8.64e15
const optional =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value)

const common = { runId: isText, atMs: isTime, sequence: isNumber }
const members: Readonly<Record<LedgerEvent['type'], Readonly<Record<string, Test>>>> = {
  verdict: {
    evaluationDigest: isDigest,
    status: isText,
    verdict: isDigest,
    bundle: optional(isDigest),
    against: optional(isTexts),
    sourceKey: optional(isDigest),
    policyChanges: optional(isTexts),
  },
  approval: { by: isText, reason: isText },
  override: { by: isText, reason: isText, untilMs: isTime, checks: isTexts },
  release: { version: isText, bundle: isDigest, sourceKey: optional(isDigest) },
  promotion: { version: isText, channel: isText, by: isText },
  loss: { versions: isTexts, by: isText, reason: isText },
  withdrawal: { version: isText, reason: isText, by: optional(isText) },
}

/** What is wrong with an entry's shape. */
function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it is not an object'
  const entry = value as Readonly<Record<string, unknown>>
  const type = entry['type']
  if (entry['formatVersion'] !== 1) return 'it has no known format version'
  if (typeof type !== 'string' || !Object.hasOwn(members, type)) return 'it is of no known type'
  const tests = { ...common, ...members[type as LedgerEvent['type']] }
  const wrong = Object.entries(tests).find(
    ([name, test]) => !test(Object.hasOwn(entry, name) ? entry[name] : undefined),
  )
  return wrong && `its "${wrong[0]}" is missing or of another kind`
}

function isCanonical(entry: unknown, line: string): boolean {
  try {
    return canonicalJson(entry) === line
  } catch {
    return false
  }
}

const broken = (index: number, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust the ledger: line ${index + 1} was edited, dropped or reordered (${fact}). Restore it from a copy.`,
    { facts: { line: index + 1 } },
  )
