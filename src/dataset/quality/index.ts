export { type CheckQualityOptions, checkQuality } from './check-quality.js'
export { type CountTokensOptions, countTokens } from './count-tokens.js'
export { type DataCheckKindOptions, dataCheckKind } from './data-check-kind.js'
export type { DataCheckWorkers } from './examine-on-workers.js'
export type { ReleasedData } from './findings-about.js'
export { Histogram } from './histogram.js'
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
export { qualitySettings } from './quality-options.js'
export type { LabelMove, LabelMoves } from './relabelled.js'
export { distributionShape, qualityReportShape } from './report-shape.js'
export { qualityFailure, qualityWarnings, shortQualityReport } from './report-text.js'
export { type LabelledRow, packLabels, unpackLabels } from './row-labels.js'
export { SecretScanner } from './secrets.js'
export { eachText } from './text-fields.js'
export type { RowTokenCounter, RowTokens, TokenCounter, TokenCounts, TokenDistribution } from './token-counter.js'
