// Live traffic compared with the data that a release was trained on.
export {
  type ComparedItems,
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
  referenceItems,
  type ShareChange,
} from './drift/index.js'
