import type { Finding } from './gate.js'

/** What a check answers, before it says who asked. */
export type PartialFinding = Omit<Finding, 'check' | 'critical'>

/** Level of each one-sided test, unless the evidence asks for a stricter one. */
export const alpha = 0.05
/** Ids that a finding lists. */
export const maximumWorst = 20

/** `95 %`, `99.9 %`: the confidence of a claim at a level. */
export const confidenceOf = (level: number) => `${Number((100 * (1 - level)).toPrecision(4))} %`

/** `2,000 independent items`, or `2,000 items in 400 groups`. */
export const countedItems = (items: number, groups: number) =>
  items === groups ? `${count(items)} independent items` : `${count(items)} items in ${count(groups)} groups`

const count = (value: number) => value.toLocaleString('en')
