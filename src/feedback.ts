// What people say about the answers of released models.
export type {
  ExperimentPlace,
  Exposure,
  DirectoryFeedbackOptions,
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
