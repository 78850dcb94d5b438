import { homogeneity, kolmogorovSmirnov } from '../statistics/index.js'
import type { Column } from './columns.js'
import type { DriftTest, ShareChange } from './drift.js'

/** A test before the correction for all of them. */
export type Measured = Omit<DriftTest, 'adjusted' | 'isFound'>

const mostChanges = 10

export function compareNumbers({ part, reference, live }: Column & { kind: 'numbers' }): Measured {
  const { statistic, pValue } = kolmogorovSmirnov(reference, live)
  return { part, aspect: 'numbers', effect: statistic, pValue }
}

export function compareCategories(
  { part, reference, live }: Exclude<Column, { kind: 'numbers' }>,
  { seed, isShown }: { readonly seed: string; readonly isShown: boolean },
): Measured {
  const [before, now] = [countsOf(reference), countsOf(live)]
  const names = [...new Set([...before.keys(), ...now.keys()])].sort()
  const counts = (of: ReadonlyMap<string, number>) => names.map((name) => of.get(name) ?? 0)
  const { pValue, totalVariation } = homogeneity({ one: counts(before), other: counts(now), seed })
  const changes = names.map((value) => ({
    value,
    reference: (before.get(value) ?? 0) / reference.length,
    live: (now.get(value) ?? 0) / live.length,
  }))
  return { part, aspect: 'categories', effect: totalVariation, pValue, ...(isShown && { changes: largest(changes) }) }
}

/** The largest changes first. */
export const largest = (changes: readonly ShareChange[]): readonly ShareChange[] =>
  changes
    .filter(({ reference, live }) => reference !== live)
    .sort((one, other) => Math.abs(other.live - other.reference) - Math.abs(one.live - one.reference))
    .slice(0, mostChanges)

/** How often each value occurs. */
export function countsOf(values: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}
