export { type PostedReview, parsePostedReview } from './posted-review.js'
export type { Review, ReviewPlace, ReviewProblem } from './review.js'
export { reviewProject } from './review-project.js'
