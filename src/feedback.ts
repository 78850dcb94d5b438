// What people say about the answers of released models.
export type {
  DirectoryFeedbackOptions,
  ExperimentPlace,
  Exposure,
  Feedback,
  FeedbackContent,
  FeedbackEntry,
  FeedbackRange,
  FeedbackStats,
  FeedbackStore,
  LoggedPrediction,
  Outcome,
} from './feedback/index.js'
export { directoryFeedback, feedbackStats, memoryFeedback } from './feedback/index.js'
