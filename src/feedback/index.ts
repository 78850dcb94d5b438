export type {
  Feedback,
  FeedbackContent,
  FeedbackEntry,
  FeedbackRange,
  FeedbackStore,
  LoggedPrediction,
} from './feedback.js'
export { memoryFeedback } from './memory-feedback.js'
