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
export { memoryFeedback } from './memory-feedback.js'
