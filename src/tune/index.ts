export type { CorrectedEstimate } from './corrected-estimate.js'
export type { TrialParameters, TuneEvent, TuneOptions, TuneResult } from './options.js'
export { type AshaOptions, asha, type PruneRequest, type Pruner } from './pruner.js'
export { readOptunaJournal } from './read-optuna-journal.js'
export {
  type GridOptions,
  gridSampler,
  randomSampler,
  type SampledTrial,
  type Sampler,
  type SuggestRequest,
} from './sampler.js'
export {
  type CategoricalParameter,
  categorical,
  float,
  int,
  type NumericOptions,
  type NumericParameter,
  type Parameter,
  type ParametersOf,
  type ParameterValue,
  type Point,
  type Space,
} from './space.js'
export { bestTrials, readStudy, type StudyRecord, type StudyTrial, studyImportance } from './study-record.js'
export { type TpeOptions, tpeSampler } from './tpe-sampler.js'
export type { TrainedTrial } from './train-trial.js'
export type { FailedTrial, PrunedTrial, ScoredTrial, Trial, TrialBase } from './trial.js'
export { type TrialInput, type TrialKindOptions, trialKind } from './trial-kind.js'
export { tune } from './tune.js'
export { toOptunaJournal } from './write-optuna-journal.js'
