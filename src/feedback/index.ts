export {
  type BatchRecord,
  type FeedbackBatch,
  type FeedbackSample,
  formatBatchRecord,
  formatSamples,
  type LabelChange,
  type LeftOutFeedback,
  type LeftOutReason,
  parseBatchRecord,
  type SampleOrigin,
} from './batch.js'
export {
  type ChooseForLabellingOptions,
  chooseForLabelling,
  type LabellingChoice,
} from './choose-for-labelling.js'
export { type DirectoryFeedbackOptions, directoryFeedback } from './directory-feedback.js'
export { checkEntries } from './entry-shape.js'
export { type ErasePlan, type EraseSelection, eraseFeedback, planErase } from './erase.js'
export type { EvidenceOptions } from './evidence.js'
export type {
  ExperimentPlace,
  Exposure,
  Feedback,
  FeedbackContent,
  FeedbackEntry,
  FeedbackRange,
  FeedbackStore,
  LoggedPrediction,
  Outcome,
} from './feedback.js'
export { type FeedbackStats, feedbackStats } from './feedback-stats.js'
export { labelStudioTasks } from './label-studio-tasks.js'
export type { SampleFields } from './make-samples.js'
export { memoryFeedback } from './memory-feedback.js'
export type { FeedbackFormat, SkippedReason } from './readers/foreign.js'
export { isLabelStudioTask, labelStudioAnswers } from './readers/label-studio.js'
export { type ReadFeedback, type ReadFeedbackOptions, readFeedback } from './readers/read-feedback.js'
export { s3Feedback } from './s3-feedback.js'
export { pseudonyms } from './source-pseudonym.js'
export { type SqlFeedbackOptions, type SqlQuery, sqlFeedback } from './sql-feedback.js'
export { type ToSamplesOptions, toSamples } from './to-samples.js'
