export { type DirectoryFeedbackOptions, directoryFeedback } from './directory-feedback.js'
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
export { memoryFeedback } from './memory-feedback.js'
export { pseudonyms } from './source-pseudonym.js'
