export {
  type CallContext,
  type Clock,
  type Described,
  type Digest,
  type ErrorCode,
  isSheikhError,
  type Json,
  type Log,
  SheikhError,
} from './core/index.js'
export {
  Dataset,
  type DatasetSummary,
  jsonFiles,
  jsonSchemaFile,
  memorySamples,
  type PinnedSet,
  type Projection,
  pinnedFile,
  pinnedSet,
  proposePinnedSet,
  type Source,
} from './dataset/index.js'
export { accuracy, type Evaluation, evaluate, f1, logLoss, type Metric, precision, recall } from './evaluation/index.js'
export {
  atLeast,
  type Check,
  type Evidence,
  type Finding,
  type Gate,
  type Ledger,
  noRegression,
  qualityGate,
  storeLedger,
  type Verdict,
  weightIntegrity,
} from './gate/index.js'
export {
  type Model,
  type Prediction,
  type Row,
  type Rows,
  readWeightsDirectory,
  type WeightsDirectory,
} from './model/index.js'
export {
  type Artifact,
  Pipeline,
  type PipelineOptions,
  type Plan,
  type Run,
  type RunEvent,
  type RunRecord,
  type RunResult,
  type Stage,
} from './pipeline/index.js'
export { prompt } from './prompts/index.js'
export { directoryRegistry } from './releaser/directory/index.js'
export { type Bundle, loadRelease, type Release, type Releaser } from './releaser/index.js'
export { reportComparison, reportRun } from './report/index.js'
export { directoryStore } from './store/directory/index.js'
export type { Store } from './store/index.js'
export { memoryStore } from './store/memory/index.js'
export type { Candidate, FitContext, FitRequest, Trainer } from './trainer/index.js'
