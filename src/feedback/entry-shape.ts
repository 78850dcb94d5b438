import {
  digest,
  finite,
  flag,
  type Json,
  json,
  list,
  misfitOf,
  object,
  optional,
  recordOf,
  type Shape,
  SheikhError,
  shapeOf,
  text,
  union,
  word,
} from '../core/index.js'
import type { Prediction } from '../model/index.js'
import type { FeedbackContent, FeedbackEntry } from './feedback.js'

/** 1 to 300 printable characters of ASCII without spaces, so that ids can be file content, keys and parameters of SQL. */
export const isEntryId = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]{1,300}$/.test(value)

const id = shapeOf(isEntryId)
const prediction = union('kind', {
  label: object({ kind: word('label'), label: text, probabilities: optional(recordOf(finite)) }),
  number: object({ kind: word('number'), value: finite }),
  text: object({ kind: word('text'), text }),
  vector: object({ kind: word('vector'), values: list(finite) }),
})
const place = object({ name: text, variant: word('control', 'treatment'), unit: text, step: finite })
const score = shapeOf((value): value is number => typeof value === 'number' && value >= 0 && value <= 1)

export const feedbackContent: Shape<FeedbackContent> = union('kind', {
  thumb: object({ kind: word('thumb'), isUp: flag }),
  correction: object({ kind: word('correction'), target: json }),
  rating: object({ kind: word('rating'), score }),
  text: object({ kind: word('text'), text }),
})

const feedbackEntry: Shape<FeedbackEntry> = union('kind', {
  prediction: object({
    kind: word('prediction'),
    id,
    timeMs: finite,
    release: object({ version: text, bundle: digest }),
    input: json,
    prediction: prediction as Shape<Prediction>,
    experiment: optional(place),
  }),
  exposure: object({ kind: word('exposure'), id, timeMs: finite, experiment: place }),
  outcome: object({
    kind: word('outcome'),
    id,
    timeMs: finite,
    experiment: object({ name: text, unit: text }),
    metric: text,
    value: finite,
  }),
  feedback: object({
    kind: word('feedback'),
    id,
    prediction: id,
    timeMs: finite,
    source: text,
    content: feedbackContent,
  }),
})

/** An entry that a store kept. @throws `artifact-corrupt`. */
export function parseEntry(value: Json, where: string): FeedbackEntry {
  const misfit = misfitOf(feedbackEntry, value, 'entry')
  if (misfit === undefined) return value as unknown as FeedbackEntry
  throw corrupt(where, `"${misfit}" is missing or invalid`)
}

export const corrupt = (where: string, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read the feedback in ${where}: ${fact}. Restore it from a backup, or remove the damaged part.`,
    { facts: { where } },
  )

/** Checks entries before a store keeps them. @throws `invalid-options`. */
export function checkEntries(entries: readonly FeedbackEntry[]): void {
  for (const [index, entry] of entries.entries()) {
    const misfit = misfitOf(feedbackEntry, entry, `entries.${index}`)
    if (misfit !== undefined)
      throw new SheikhError(
        'invalid-options',
        `Cannot keep feedback: "${misfit}" is missing or invalid. Ids are 1 to 300 printable ASCII characters without spaces.`,
        { facts: { misfit } },
      )
  }
}

/** The entries whose id is new. Of entries with one id, the first is kept. */
export async function newEntries(
  entries: readonly FeedbackEntry[],
  isKnown: (id: string) => boolean | Promise<boolean>,
): Promise<readonly FeedbackEntry[]> {
  const added = new Map<string, FeedbackEntry>()
  for (const entry of entries) if (!added.has(entry.id) && !(await isKnown(entry.id))) added.set(entry.id, entry)
  return [...added.values()]
}

export const isInRange = (
  { timeMs }: FeedbackEntry,
  { fromMs = Number.NEGATIVE_INFINITY, untilMs = Number.POSITIVE_INFINITY },
) => timeMs >= fromMs && timeMs < untilMs
