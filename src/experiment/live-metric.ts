import { canonicalJson, type Json } from '../core/index.js'
import type { Feedback, Outcome } from '../feedback/index.js'
import { answerOf, type Prediction } from '../model/index.js'

/** A number that is measured for units of a live test. */
export interface LiveMetric {
  readonly name: string
  /**
   * `binary`: 0 or 1. The first outcome of a unit counts, and the comparison is exact. `mean`: any number. The mean of all
   * outcomes of a unit counts, and the comparison is asymptotic.
   */
  readonly kind: 'binary' | 'mean'
  readonly direction: 'higher-is-better' | 'lower-is-better'
  /** The outcome in an entry; `undefined` if it has none. `answer`: the prediction that feedback is about. */
  readonly outcome: (entry: Feedback | Outcome, answer: Prediction | undefined) => number | undefined
}

/** The share of units whose first thumb is up. */
export const thumbs = (): LiveMetric => ({
  name: 'thumbs',
  kind: 'binary',
  direction: 'higher-is-better',
  outcome: (entry) => (entry.kind === 'feedback' && entry.content.kind === 'thumb' ? +entry.content.isUp : undefined),
})

/** The mean rating, from 0 to 1. */
export const ratings = (): LiveMetric => ({
  name: 'ratings',
  kind: 'mean',
  direction: 'higher-is-better',
  outcome: (entry) => (entry.kind === 'feedback' && entry.content.kind === 'rating' ? entry.content.score : undefined),
})

/** The share of units whose first correction equals the answer, for hosts that learn the true answer of each prediction. */
export const agreement = (): LiveMetric => ({
  name: 'agreement',
  kind: 'binary',
  direction: 'higher-is-better',
  outcome(entry, answer) {
    if (entry.kind !== 'feedback' || entry.content.kind !== 'correction' || answer === undefined) return undefined
    return +(canonicalJson(entry.content.target) === canonicalJson(answerOf(answer) as Json))
  },
})

/** What the host measures with `track`. */
export const tracked = (
  name: string,
  { kind, direction = 'higher-is-better' }: Pick<LiveMetric, 'kind'> & Partial<Pick<LiveMetric, 'direction'>>,
): LiveMetric => ({
  name,
  kind,
  direction,
  outcome: (entry) => (entry.kind === 'outcome' && entry.metric === name ? entry.value : undefined),
})
