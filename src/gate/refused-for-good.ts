import type { Finding } from './finding.js'

/** The finding that nobody may override, or `undefined` if a person may override the failures. */
export const refusedForGood = (findings: readonly Finding[]): Finding | undefined =>
  findings.find(({ status, critical, overridable }) => critical && status === 'fail' && overridable === false)
