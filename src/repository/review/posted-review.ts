import { fits, object, type Shape, SheikhError, text, word } from '../../core/index.js'
import type { Review } from './review.js'

/** What is posted of a review. The workflow of a pull request writes it, so its author can change every part of it. */
export interface PostedReview extends Pick<Review, 'formatVersion' | 'verdict' | 'summary'> {
  /** Markdown. */
  readonly report: string
}

const postedReviewShape: Shape<PostedReview> = object({
  formatVersion: word(1),
  verdict: word('pass', 'fail', 'inconclusive'),
  summary: text,
  report: text,
})

/** @throws `artifact-corrupt`. */
export function parsePostedReview(content: string): PostedReview {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    value = undefined
  }
  if (fits(postedReviewShape, value)) return value
  throw new SheikhError(
    'artifact-corrupt',
    'Cannot post the review: the file is not what "sheikh review --out" writes. Run the workflow that reviews the pull request again.',
  )
}
