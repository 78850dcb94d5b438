export { type CandidateKindOptions, candidateKind } from './candidate-kind.js'
export type { GcPlan } from './collect-garbage.js'
export { type ComparedTrainings, compareTrainings, type TrainingState } from './compare-trainings.js'
export { type EvaluateInShardsOptions, evaluateInShards } from './evaluate-in-shards.js'
export { type EvaluationKindOptions, evaluationKind } from './evaluation-kind.js'
export type { RunEvent, RunEventBase, RunEventBody, RunEventOf, RunEventType } from './events.js'
export { aboutText, type ExpectedDuration, type ExpectedRun, expectedText, roundedText } from './expected-duration.js'
export { foreseen } from './foresee.js'
export { isModelFile } from './import-model.js'
export type { RunEvaluations } from './kept-evaluations.js'
export type { Difference } from './keys.js'
export type { LabelledPool, LabelPoolOptions } from './label-pool.js'
export { checkAnchor } from './ledger-anchor.js'
export { commitOfRelease } from './lookup.js'
export { type NamedBase, withdrawnAncestor } from './named-base.js'
export { commitOf } from './note-commit.js'
export type {
  AcceptLossOptions,
  ApproveOptions,
  AwaitingRun,
  CallOptions,
  ExportOptions,
  GcOptions,
  ImportOptions,
  OverrideOptions,
  PayloadFile,
  PipelineOptions,
  PromoteOptions,
  Provenance,
  ReleaseOptions,
  RepublishOptions,
  RollbackOptions,
  RunOptions,
  RunPlanOptions,
  WithdrawOptions,
} from './options.js'
export { Pipeline } from './pipeline.js'
export type { RunPlan } from './plan.js'
export type { PlannedStage } from './plan-stages.js'
export { type LabelSources, releasedLabels } from './released-labels.js'
export type { Run } from './run.js'
export type {
  Collected,
  Imported,
  KeptEvaluations,
  LeftOut,
  Promoted,
  Reproduction,
  RunRecord,
  RunResult,
  RunStatus,
  StageRecord,
  Withdrawn,
} from './run-result.js'
export { runTrial, type TrialParts } from './run-trial.js'
export { RunningTrainings } from './running-trainings.js'
export type { Artifact, Stage, StageContext, StageInput, StageOutput } from './stage.js'
export { evaluationFile } from './stages/score-model.js'
export { trainByJobs } from './train-by-jobs.js'
export { type TrainingJobs, trainingKind } from './training-kind.js'
export { type CandidateVariant, checkCandidates } from './variants.js'
export type { ChangedPart, ReleaseChange, Versioning } from './versioning.js'
