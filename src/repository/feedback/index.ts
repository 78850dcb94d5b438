export {
  type FeedbackProject,
  type FeedbackProposal,
  type ProposeFeedbackOptions,
  proposeFeedback,
} from './propose-feedback.js'
export { type KeptSample, type UndoFeedbackOptions, type UndoneBatch, undoFeedback } from './undo-feedback.js'
