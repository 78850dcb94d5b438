import { canonicalJson, type Json } from '../core/index.js'
import type { Feedback, Outcome } from '../feedback/index.js'
import type { PlannedExperiment } from '../gate/index.js'
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

type ReadOutcome = LiveMetric['outcome']

const thumb: ReadOutcome = (entry) =>
  entry.kind === 'feedback' && entry.content.kind === 'thumb' ? +entry.content.isUp : undefined

const rating: ReadOutcome = (entry) =>
  entry.kind === 'feedback' && entry.content.kind === 'rating' ? entry.content.score : undefined

const correctness: ReadOutcome = (entry, answer) => {
  if (entry.kind !== 'feedback' || entry.content.kind !== 'correction' || answer === undefined) return undefined
  return +(canonicalJson(entry.content.target) === canonicalJson(answerOf(answer) as Json))
}

/** By function: what it reads, so that a report can read the same without the code of the host. */
const builtIn = new WeakMap<ReadOutcome, { readonly reads: string; readonly name?: string }>([
  [thumb, { reads: 'thumbs' }],
  [rating, { reads: 'ratings' }],
  [correctness, { reads: 'agreement' }],
])

type PlannedMetric = PlannedExperiment['metrics'][number]

/** The built-in function that reads the outcomes of a metric; `undefined` for a host's own. */
export function readsOf({ name, outcome }: LiveMetric): PlannedMetric['reads'] {
  const found = builtIn.get(outcome)
  return found === undefined || (found.name ?? name) !== name ? undefined : (found.reads as PlannedMetric['reads'])
}

/** A planned metric with the function that reads its outcomes; `undefined` if only the host has it. */
export function metricOf({ name, kind, direction, reads }: PlannedMetric): LiveMetric | undefined {
  if (reads === undefined) return undefined
  const made = { thumbs, ratings, agreement, tracked: () => tracked(name, { kind, direction }) }[reads]()
  return { ...made, name, kind, direction }
}

/** The share of units whose first thumb is up. */
export const thumbs = (): LiveMetric => ({
  name: 'thumbs',
  kind: 'binary',
  direction: 'higher-is-better',
  outcome: thumb,
})

/** The mean rating, from 0 to 1. */
export const ratings = (): LiveMetric => ({
  name: 'ratings',
  kind: 'mean',
  direction: 'higher-is-better',
  outcome: rating,
})

/** The share of units whose first correction equals the answer, for hosts that learn the true answer of each prediction. */
export const agreement = (): LiveMetric => ({
  name: 'agreement',
  kind: 'binary',
  direction: 'higher-is-better',
  outcome: correctness,
})

/** What the host measures with `track`. */
export function tracked(
  name: string,
  { kind, direction = 'higher-is-better' }: Pick<LiveMetric, 'kind'> & Partial<Pick<LiveMetric, 'direction'>>,
): LiveMetric {
  const outcome: ReadOutcome = (entry) => (entry.kind === 'outcome' && entry.metric === name ? entry.value : undefined)
  builtIn.set(outcome, { reads: 'tracked', name })
  return { name, kind, direction, outcome }
}
