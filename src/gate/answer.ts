import type { Finding } from './gate.js'

/** What a check answers, before it says who asked. */
export type Answer = Omit<Finding, 'check' | 'critical'>

/** Level of each one-sided test, unless the evidence asks for a stricter one. */
export const alpha = 0.05
/** Ids that a finding lists. */
export const maximumWorst = 20

/** `95 %`, `99.9 %`: the confidence of a claim at a level. */
export const confidenceOf = (level: number) => `${Number((100 * (1 - level)).toPrecision(4))} %`
