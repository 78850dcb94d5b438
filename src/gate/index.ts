export { atLeast, atMost } from './checks/at-least.js'
export { beatsMajority } from './checks/beats-majority.js'
export { type Benchmark, benchmarks } from './checks/benchmarks.js'
export { type CalibrationOptions, calibration } from './checks/calibration.js'
export { improves } from './checks/improves.js'
export { type LatencyOptions, latency } from './checks/latency.js'
export { type NoNewFailuresOptions, noNewFailures } from './checks/no-new-failures.js'
export { type NoRegressionOptions, noRegression } from './checks/no-regression.js'
export { reportOnly } from './checks/report-only.js'
export { type SizeOptions, size } from './checks/size.js'
export { weightIntegrity } from './checks/weight-integrity.js'
export { type CompareOptions, compareEvaluations } from './compare-evaluations.js'
export { notPassedBefore } from './earlier-checks.js'
export type {
  BoundFinding,
  ComparisonFinding,
  Finding,
  FindingBase,
  FindingStatus,
  LimitFinding,
  RegressionsFinding,
  ReliabilityBin,
  StatementFinding,
  ValueFinding,
} from './finding.js'
export { foreseenText } from './foreseen-text.js'
export type {
  Check,
  EvaluationSetUse,
  Evidence,
  EvidenceNeed,
  Gate,
  InconclusivePolicy,
  Prospect,
  Reference,
  Verdict,
  VerdictStatus,
} from './gate.js'
export {
  disagreementPool,
  judgePool,
  type Pool,
  type PoolItem,
  type PoolQuestion,
  type PoolVerdict,
} from './label-pool.js'
export {
  type ExperimentDecision,
  type ExperimentEvent,
  type Ledger,
  type LedgerEntry,
  type LedgerEvent,
  ledgerJournal,
  type PlannedExperiment,
  storeLedger,
} from './ledger.js'
export { type LedgerChain, nextLine, parseChain } from './ledger-chain.js'
export { marginOf } from './margin-of.js'
export { alpha, confidenceOf, countedChanges } from './partial-finding.js'
export { type GatePlan, type GatePlanOptions, planGate } from './plan-gate.js'
export { checkIdentities, type PolicyChange, policyChanges } from './policy-changes.js'
export { type QualityGateOptions, qualityGate } from './quality-gate.js'
export { refusedForGood } from './refused-for-good.js'
export { type ScoreBounds, scoreBounds } from './score-bounds.js'
export { type Rate, type SelfTest, type SelfTestOptions, type SelfTestPoint, selfTest } from './self-test.js'
export { type Slice, slicesOf } from './slices.js'
export { findingShape, verdictShape } from './verdict-shape.js'
