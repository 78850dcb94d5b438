import type { Finding } from './finding.js'

type Named = 'check' | 'critical' | 'metric' | 'metricKind' | 'against' | 'againstVersion'

/** A finding of one of the kinds, before the names of its check, metric and reference are added. */
export type PartialFinding<K extends Finding['kind'] = Finding['kind']> = K extends unknown
  ? Omit<Extract<Finding, { readonly kind: K }>, Named>
  : never

/** Level of each one-sided test, unless the evidence requires a stricter one. */
export const alpha = 0.05
/** Maximum number of ids that a finding lists. */
export const maximumRegressedIds = 20

/** `95 %`, `99.9 %`: the confidence of a claim at a level. */
export const confidenceOf = (level: number) => `${Number((100 * (1 - level)).toPrecision(4))} %`

/** `2,000 independent items`, or `2,000 items in 400 groups`. */
export const countedItems = (items: number, groups: number) =>
  items === groups ? `${count(items)} independent items` : `${count(items)} items in ${count(groups)} groups`

/** `1 regression and 3 improvements`. */
export const countedChanges = (regressions: number, improvements: number) =>
  `${plural(regressions, 'regression')} and ${plural(improvements, 'improvement')}`

const plural = (value: number, noun: string) => `${count(value)} ${noun}${value === 1 ? '' : 's'}`

const count = (value: number) => value.toLocaleString('en')
