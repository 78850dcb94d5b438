import type { Finding } from './gate.js'

/** What a check answers, before it says who asked. */
export type Answer = Omit<Finding, 'check' | 'critical'>

/** Level of each one-sided test. */
export const alpha = 0.05
/** Ids that a finding lists. */
export const maximumWorst = 20
