export { type BcaBootstrapOptions, type BcaBootstrapResult, bcaBootstrap } from './bca-bootstrap.js'
export { binomialPmf } from './binomial.js'
export { binomialCdf, binomialUpperTail } from './binomial-tail.js'
export { chiSquareTail, type SampleRatio, type SampleRatioOptions, sampleRatioTest } from './chi-square.js'
export {
  binomialLowerBound,
  binomialUpperBound,
  clopperPearson,
  type Interval,
  type ProportionOptions,
} from './clopper-pearson.js'
export {
  type CriticalScoreOptions,
  criticalScore,
  type ExactNonInferiorityOptions,
  exactNonInferiority,
} from './exact-non-inferiority.js'
export { type GroupedRatio, gaffkeLowerBound, gaffkeTest } from './gaffke.js'
export { holm } from './holm.js'
export { type HomogeneityOptions, type HomogeneityResult, homogeneity } from './homogeneity.js'
export { type HypergeometricOptions, hypergeometricUpperTail } from './hypergeometric.js'
export { regularizedBeta } from './incomplete-beta.js'
export { type KolmogorovSmirnovResult, kolmogorovSmirnov } from './kolmogorov-smirnov.js'
export { type Discordant, type McnemarResult, mcnemar } from './mcnemar.js'
export {
  type MeanDifference,
  type MeanDifferenceOptions,
  type MeanSummary,
  meanDifferenceSequence,
} from './mean-difference-sequence.js'
export { normalCdf, normalQuantile } from './normal.js'
export {
  type FloorPowerOptions,
  type FloorRequiredOptions,
  type FloorThresholdOptions,
  floorPower,
  floorRequired,
  floorThreshold,
} from './plan-floor.js'
export {
  type NonInferiorityEngine,
  type PassRule,
  type PlanOptions,
  passChance,
  planNonInferiority,
  type SampleSizePlan,
} from './plan-non-inferiority.js'
export {
  type DetectableDropOptions,
  type MinimumItemsOptions,
  minimumItemsForMargin,
  type RequiredItemsOptions,
  requiredItems,
  type SmallestMarginOptions,
  smallestDetectableDrop,
  smallestMargin,
} from './plan-size.js'
export {
  type DifferenceSequence,
  type ProportionDifferenceOptions,
  proportionDifferenceSequence,
} from './proportion-difference-sequence.js'
export {
  type Proportion,
  type ProportionSequenceOptions,
  proportionSequence,
  proportionSequenceP,
} from './proportion-sequence.js'
export { type PairedCounts, type TangoOptions, type TangoResult, tango } from './tango.js'
export { wilson } from './wilson.js'
