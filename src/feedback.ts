// What people say about the answers of released models.
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
} from './feedback/index.js'
export { memoryFeedback } from './feedback/index.js'
