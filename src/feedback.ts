// What people say about the answers of released models.
export type {
  Feedback,
  FeedbackContent,
  FeedbackEntry,
  FeedbackRange,
  FeedbackStore,
  LoggedPrediction,
} from './feedback/index.js'
export { memoryFeedback } from './feedback/index.js'
