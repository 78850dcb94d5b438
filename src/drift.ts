// Live traffic compared with the data that a release was trained on.
export {
  type ComparedItems,
  type DriftAtMoment,
  type DriftItem,
  type DriftItems,
  type DriftOptions,
  type DriftReport,
  type DriftTest,
  detectDrift,
  driftMetrics,
  type LiveOptions,
  levelOfLook,
  liveItems,
  readDriftReport,
  referenceItems,
  type ShareChange,
} from './drift/index.js'
