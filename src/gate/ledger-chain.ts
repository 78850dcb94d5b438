import {
  canonicalJson,
  type Digest,
  digestBytes,
  fits,
  isDigest,
  nonEmptyList,
  object,
  optional as optionalMember,
  type Shape,
  SheikhError,
  shapeOf,
  text,
  word,
} from '../core/index.js'
import type { LedgerEntry, LedgerEvent, PlannedExperiment } from './ledger.js'

/** Verified ledger lines, each checked against the previous one. */
export interface LedgerChain {
  readonly entries: readonly LedgerEntry[]
  /** The digest of the last line; `null` if there is none. */
  readonly last: Digest | null
}

/** Checks every line and every link. @throws `artifact-corrupt` with the `line` in `facts`. */
export function parseChain(lines: readonly string[]): LedgerChain {
  let last: Digest | null = null
  const entries: LedgerEntry[] = []
  for (const [index, line] of lines.entries()) {
    const entry = parseEntry(line, index)
    if (entry.sequence !== index || entry.previous !== last)
      throw broken(index, 'it does not match the digest of the previous line')
    entries.push(entry)
    last = digestBytes(line)
  }
  return { entries, last }
}

/** The next line of a chain. @throws `invalid-options` for an event that `parseChain` would reject. */
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
  // Each entry has exactly one valid text: if a key appeared twice, readers could disagree about its value.
  if (!isCanonical(entry, line)) throw broken(index, 'it is not canonical JSON')
  return entry as LedgerEntry
}

type Test = (value: unknown) => boolean

const isText: Test = (value) => typeof value === 'string'
const isTexts: Test = (value) => Array.isArray(value) && value.every(isText)
const isNumber: Test = (value) => Number.isFinite(value)
// What a Date can hold (ECMA-262, 21.4.1.1).
const isTime: Test = (value) => isNumber(value) && Math.abs(value as number) <= 8.64e15
const time = shapeOf((value): value is number => isTime(value))
const isCount: Test = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const isPositiveCount: Test = (value) => isCount(value) && (value as number) >= 1
const isLevel: Test = (value) => isNumber(value) && (value as number) > 0 && (value as number) <= 1
const optional =
  (test: Test): Test =>
  (value) =>
    value === undefined || test(value)

const within = (from: number, to: number) =>
  shapeOf((value): value is number => isNumber(value) && (value as number) >= from && (value as number) <= to)
const positive = within(0, Number.MAX_VALUE)

// With the limits of `planOf`, because reports compute with these numbers.
const plannedExperiment: Shape<PlannedExperiment> = object({
  steps: nonEmptyList(object({ share: within(0.001, 0.9), units: positive, atLeastMs: positive })),
  metrics: nonEmptyList(
    object({
      ...{ name: text, kind: word('binary', 'mean'), direction: word('higher-is-better', 'lower-is-better') },
      ...{ margin: positive, reads: optionalMember(word('thumbs', 'ratings', 'agreement', 'tracked')) },
    }),
  ),
  ...{ confidence: within(0.5, 1 - 2 ** -53), untilMs: optionalMember(time) },
})
const isPlanned: Test = (value) => fits(plannedExperiment, value)

const common = { runId: isText, atMs: isTime, sequence: isNumber }
const members: Readonly<Record<LedgerEvent['type'], Readonly<Record<string, Test>>>> = {
  verdict: {
    evaluationDigest: isDigest,
    status: isText,
    verdict: isDigest,
    bundle: optional(isDigest),
    candidate: optional(isText),
    candidates: optional(isPositiveCount),
    unlisted: optional(isPositiveCount),
    passAlpha: optional(isLevel),
    against: optional(isTexts),
    sourceKey: optional(isDigest),
    policyChanges: optional(isTexts),
  },
  approval: { by: isText, reason: isText },
  override: { by: isText, reason: isText, untilMs: isTime, checks: isTexts, bundle: optional(isDigest) },
  release: { version: isText, bundle: isDigest, sourceKey: optional(isDigest), commit: optional(isText) },
  run: { commit: isText, status: isText },
  promotion: { version: isText, channel: isText, by: isText },
  loss: { versions: isTexts, by: isText, reason: isText },
  withdrawal: { version: isText, reason: isText, by: optional(isText) },
  experiment: {
    ...{ name: isText, action: isText, control: isText, treatment: isText, step: isCount, share: isNumber },
    ...{
      reason: isText,
      plan: optional(isDigest),
      planned: optional(isPlanned),
      result: optional(isText),
      by: optional(isText),
    },
  },
}

/** Describes what is wrong with an entry's shape. */
function faultOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return 'it is not an object'
  const entry = value as Readonly<Record<string, unknown>>
  const type = entry['type']
  if (entry['formatVersion'] !== 1) return 'its format version is unknown'
  if (typeof type !== 'string' || !Object.hasOwn(members, type)) return 'its type is unknown'
  const tests = { ...common, ...members[type as LedgerEvent['type']] }
  const wrong = Object.entries(tests).find(
    ([name, test]) => !test(Object.hasOwn(entry, name) ? entry[name] : undefined),
  )
  return wrong && `its "${wrong[0]}" is missing or has the wrong type`
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
    `Cannot trust the ledger: line ${index + 1} was edited, dropped or reordered (${fact}). Restore the ledger from a backup.`,
    { facts: { line: index + 1 } },
  )
