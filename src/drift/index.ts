export { levelOfLook } from './check-options.js'
export { detectDrift, nameOf } from './detect-drift.js'
export type {
  ComparedItems,
  DriftItem,
  DriftItems,
  DriftOptions,
  DriftReport,
  DriftTest,
  ShareChange,
} from './drift.js'
export { driftMetrics } from './drift-metrics.js'
export { type LiveOptions, liveItems, referenceItems } from './items.js'
export { type DriftAtMoment, readDriftReport } from './read-report.js'
