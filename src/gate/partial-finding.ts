import type { Finding } from './gate.js'

/** A finding before its check's name is added. */
export type PartialFinding = Omit<Finding, 'check' | 'critical'>

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
