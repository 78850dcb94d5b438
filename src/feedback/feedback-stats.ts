import type { CallContext } from '../core/index.js'
import type { FeedbackContent, FeedbackRange, FeedbackStore } from './feedback.js'

/** What a store contains, in numbers. */
export interface FeedbackStats {
  readonly predictions: number
  readonly feedback: number
  /** Predictions with at least one feedback. */
  readonly predictionsWithFeedback: number
  readonly byKind: Readonly<Record<FeedbackContent['kind'], number>>
  /** Thumbs that are up, of all thumbs. Absent without thumbs. */
  readonly thumbsUp?: number | undefined
  readonly sources: number
  /** The most feedback from one source. */
  readonly mostFromOneSource: number
}

/** Counts the entries of a store. @throws `storage-failed`, `artifact-corrupt`. */
export async function feedbackStats(
  store: FeedbackStore,
  range: FeedbackRange,
  context: CallContext,
): Promise<FeedbackStats> {
  const byKind = { thumb: 0, correction: 0, rating: 0, text: 0 }
  const bySource = new Map<string, number>()
  const about = new Set<string>()
  let predictions = 0
  let up = 0
  for await (const entry of store.read(range, context)) {
    if (entry.kind === 'prediction') {
      predictions += 1
      continue
    }
    if (entry.kind !== 'feedback') continue
    const { content, prediction, source } = entry
    byKind[content.kind] += 1
    if (content.kind === 'thumb' && content.isUp) up += 1
    about.add(prediction)
    bySource.set(source, (bySource.get(source) ?? 0) + 1)
  }
  return {
    predictions,
    feedback: Object.values(byKind).reduce((sum, count) => sum + count, 0),
    predictionsWithFeedback: about.size,
    byKind,
    ...(byKind.thumb > 0 && { thumbsUp: up / byKind.thumb }),
    sources: bySource.size,
    mostFromOneSource: [...bySource.values()].reduce((most, count) => Math.max(most, count), 0),
  }
}
