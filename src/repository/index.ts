export { type ActionsReport, type ReportPlace, reportStep, reportToActions } from './actions/index.js'
export type {
  AuditedCommit,
  AuditProblem,
  ChangedFiles,
  ChangedKind,
  CommitFacts,
  ForgetPlan,
  ForgetStep,
  FoundFile,
  RegistryState,
  ReleaseCommits,
  ReleaseLog,
  ReleaseOrigin,
  ReleaseWithSample,
  SampleBlame,
  SampleBlob,
  SampleContent,
  SampleEvent,
  SampleFile,
  SamplePlace,
  SampleRelease,
  SampleUse,
} from './audit/index.js'
export {
  type AcceptBaselineOptions,
  acceptBaseline,
  type Baseline,
  type BaselineCompareOptions,
  type BaselineComparison,
  type BaselineFacts,
  type BaselineOptions,
  compareScores,
  type ReadBaselineOptions,
  readBaseline,
  type ScoredItem,
  whichBaseline,
} from './baseline/index.js'
export {
  type ConfigurationFile,
  configurationSchemas,
  defineConfig,
  durationMsOf,
  type HostConfiguration,
  type LearnAction,
  type Notice,
  type Retention,
  type TriggerAction,
} from './config/index.js'
export type {
  DiffOptions,
  EvaluationSetDifference,
  FileChange,
  ProjectDiff,
  PromptChange,
  PromptExample,
  RenderedDifference,
  RenderedText,
  SettingChange,
  StateName,
  StateProblem,
} from './diff/index.js'
export type { ProjectDrift, ProjectDriftOptions } from './drift.js'
export type { EvaluationStatus, Pinned } from './evaluation-set.js'
export type { JoinedFeatures } from './features.js'
export type {
  FeedbackProposal,
  KeptSample,
  ProposeFeedbackOptions,
  UndoFeedbackOptions,
  UndoneBatch,
} from './feedback/index.js'
export { type FindProjectsOptions, type FoundProject, findProjects } from './find-projects.js'
export {
  type Author,
  type EnvironmentVariables,
  type GitOptions,
  type Head,
  initGitRepository,
  type ProposedBranch,
} from './git/index.js'
export {
  type DataImport,
  type DataImportPlan,
  type FieldChoice,
  type GivenFields,
  type ImportDataOptions,
  type ImportedData,
  type ImportFormat,
  type ImportSplit,
  importData,
  type LeftOutRecord,
  type LeftOutSample,
  type ProposedProjection,
} from './import-data/index.js'
export { type Initialised, type InitOptions, initRepository, isProject } from './init/init-repository.js'
export { type ProjectTemplate, projectTemplates } from './init/templates.js'
export type { Inspection } from './inspect-project.js'
export type { LearnResult, LearnStep } from './learn.js'
export { type GitLfsOptions, gitLfs, type LfsProgress } from './lfs/index.js'
export { type LfsPointers, lfsPointersIn, type PointerCount } from './lfs-pointers.js'
export type { MissingAccess } from './missing-access.js'
export type { InputReader } from './model-inputs.js'
export type { ProjectNotifiers } from './notifications.js'
export type { OnlineStore } from './online-features.js'
export type { RepositoryOptions } from './opened-project.js'
export type { PinnedData } from './pin-hub-data.js'
export type { ProjectExecutorOptions } from './project-executor.js'
export type { LoadedProject, LoadOptions, ProjectPlan } from './project-pipeline.js'
export type { Proposed } from './propose.js'
export type { Quarantined, QuarantineOptions } from './quarantine.js'
export type { FileTransfer } from './release-targets.js'
export { openRepository, type Repository } from './repository.js'
export {
  type AfterMerge,
  type MeasuredQuality,
  type MeasureOptions,
  type PlannedRun,
  type PostedReview,
  parsePostedReview,
  type Review,
  type ReviewOptions,
  type ReviewPlace,
  type ReviewProblem,
  type ReviewQuality,
  type ReviewWarning,
  type ScorePair,
  type UnmeasuredQuality,
} from './review/index.js'
export type { ProjectServing, ServingOptions } from './serving.js'
export type { FiredTrigger, TriggerDecision, TriggerOptions } from './triggers/index.js'
export type { TunedProject, TuneProjectOptions } from './tune-project.js'
export { checkHolds, type Verification, verifyElsewhere } from './verify.js'
export { type WatchEvent, type WatchObstacle, type WatchOptions, watchProject } from './watch/index.js'
export { type WorkflowOptions, type WrittenWorkflows, writeWorkflows } from './workflows/write-workflows.js'
