import { holm, homogeneity } from '../../statistics/index.js'
import type { DatasetSummary } from '../dataset-types.js'
import type { QualitySettings } from './quality-options.js'

type Counts = Readonly<Record<string, number>>

export interface DriftedValue {
  readonly of: string
  readonly value: string
  readonly change: 'more' | 'fewer'
  /** How many more or fewer rows have the value. */
  readonly rows: number
  /** Of all rows that came or went. */
  readonly changed: number
  readonly pValue: number
  readonly effect: number
}

/** Random divisions per test, if counts are small. Enough for the smallest level that makes sense for a warning. */
const permutations = 1_999

/**
 * Whether the rows that came since a release, or went, have the labels and slices of the release: χ² tests of homogeneity,
 * corrected by Holm's method. The numbers of rows tell the net change per value: a batch that was relabelled shows as rows that
 * came with one label and went with another, however large the rest is.
 */
export function driftOf(
  released: Pick<DatasetSummary, 'labels' | 'slices'>,
  now: Pick<DatasetSummary, 'labels' | 'slices'>,
  { level, minimumEffect, minimumRows }: QualitySettings['drift'],
): readonly DriftedValue[] {
  const tests = [...dimensions(released, now)].flatMap(([of, counts]) => {
    const values = [...new Set([...Object.keys(counts.before), ...Object.keys(counts.after)])].sort()
    const before = values.map((value) => countIn(counts.before, value))
    if (before.every((count) => count === 0)) return []
    const difference = values.map((value, index) => countIn(counts.after, value) - before[index]!)
    return (['more', 'fewer'] as const).flatMap((change) => {
      const moved = difference.map((count) => Math.max(0, change === 'more' ? count : -count))
      const changed = moved.reduce((sum, count) => sum + count, 0)
      if (changed < Math.max(1, minimumRows)) return []
      const { pValue, totalVariation: effect } = homogeneity({ one: moved, other: before, permutations, seed: of })
      const total = before.reduce((sum, count) => sum + count, 0)
      const excess = moved.map((count, index) => count / changed - before[index]! / total)
      const at = excess.indexOf(excess.reduce((largest, share) => Math.max(largest, share)))
      return [{ of, value: values[at]!, change, rows: moved[at]!, changed, pValue, effect }]
    })
  })
  const adjusted = holm(tests.map(({ pValue }) => pValue))
  return tests
    .map((test, index) => ({ ...test, pValue: adjusted[index]! }))
    .filter(({ pValue, effect }) => pValue <= level && effect >= minimumEffect)
}

function dimensions(
  released: Pick<DatasetSummary, 'labels' | 'slices'>,
  now: Pick<DatasetSummary, 'labels' | 'slices'>,
) {
  const found = new Map<string, { before: Counts; after: Counts }>()
  if (released.labels !== undefined && now.labels !== undefined)
    found.set('label', { before: released.labels.training, after: now.labels.training })
  const [earlier, later] = [byKind(released.slices.training), byKind(now.slices.training)]
  for (const [kind, before] of earlier) if (later.has(kind)) found.set(kind, { before, after: later.get(kind)! })
  return found
}

/** `category=spam` is the value `spam` of the kind `category`. */
function byKind(slices: Counts): ReadonlyMap<string, Counts> {
  const kinds = new Map<string, Record<string, number>>()
  for (const [name, count] of Object.entries(slices)) {
    const at = name.indexOf('=')
    const kind = kinds.get(name.slice(0, at)) ?? (Object.create(null) as Record<string, number>)
    kind[name.slice(at + 1)] = count
    kinds.set(name.slice(0, at), kind)
  }
  return kinds
}

const countIn = (counts: Counts, value: string) => (Object.hasOwn(counts, value) ? counts[value]! : 0)
