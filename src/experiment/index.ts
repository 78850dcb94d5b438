export { type AbTest, type AbTestOptions, type Assignment, abTest, type ExperimentReport } from './ab-test.js'
export type { LivePipeline } from './act.js'
export { unitPosition, variantOf } from './assign.js'
export type { Decision } from './decide.js'
export {
  type ExperimentHistory,
  type ExperimentLine,
  type ExperimentMoment,
  experimentHistory,
  type HistoryOptions,
} from './history.js'
export type { Division, MetricComparison, VariantValue } from './judge.js'
export { agreement, type LiveMetric, ratings, thumbs, tracked } from './live-metric.js'
export {
  type OpenFeatureContext,
  type OpenFeatureProvider,
  type OpenFeatureResolution,
  openFeatureProvider,
} from './openfeature.js'
export type { CanaryStep, ExperimentOptions, Guardrail } from './plan.js'
export { type Shadow, type ShadowOptions, type ShadowReport, shadowRelease } from './shadow.js'
export { type ExperimentState, experimentsOf } from './state.js'
export { stopExperiment } from './stop.js'
