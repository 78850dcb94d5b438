export { type CheckQualityOptions, checkQuality } from './check-quality.js'
export {
  type PersonalData,
  type QualityFinding,
  type QualityFindingBase,
  type QualityKind,
  type QualityPlace,
  type QualityReport,
  qualityKinds,
} from './quality-finding.js'
export type {
  QualityAction,
  QualityOptions,
  QualityOrigin,
  QualitySetting,
  QualitySimilarity,
} from './quality-options.js'
export { qualityReportShape } from './report-shape.js'
export { qualityFailure, qualityWarnings, shortQualityReport } from './report-text.js'
export { SecretScanner } from './secrets.js'
export { eachText } from './text-fields.js'
