import { readFileSync } from 'node:fs'

type Numbers = readonly number[]
type PlanRow = readonly [number, number, number, number, 'score' | 'score-and-exact', number, number, number]

/** Values from SciPy, statsmodels and brute enumeration; `make_reference.py` says how each was made. */
export const reference = JSON.parse(readFileSync(new URL('reference.json', import.meta.url), 'utf8')) as {
  readonly normalCdf: readonly Numbers[]
  readonly normalQuantile: readonly Numbers[]
  readonly logGamma: readonly Numbers[]
  readonly regularizedBeta: readonly Numbers[]
  readonly inverseBeta: readonly Numbers[]
  readonly binomialPmf: readonly Numbers[]
  readonly clopperPearson: readonly Numbers[]
  readonly mcnemar: readonly Numbers[]
  readonly tango: readonly Numbers[]
  readonly exactNonInferiority: readonly Numbers[]
  readonly holm: readonly (readonly [Numbers, Numbers])[]
  readonly plan: readonly PlanRow[]
}

/** The larger of the absolute and the relative error decides for neither: the smaller one does. */
export function closeness(actual: number, wanted: number): number {
  const error = Math.abs(actual - wanted)
  return wanted === 0 ? error : Math.min(error, error / Math.abs(wanted))
}

/** Columns of a row as numbers, where a table has more than a destructuring could type. */
export const columns = (row: Numbers) => row as [number, number, number, number, number, number, number]
