import {
  canonicalJson,
  digest,
  finite,
  object,
  optional,
  recordOf,
  type Shape,
  shapeOf,
  text,
  union,
  word,
} from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import type { ParametersOf, ParameterValue, Point, Space } from './space.js'

/** What scored and failed trials have in common. */
export interface TrialBase<P = Point> {
  /** From 0, in the order of the suggestions. */
  readonly number: number
  readonly parameters: P
  /** The run that trained and scored it. Absent for a duplicate, and for a trial whose run failed. */
  readonly runId?: string | undefined
  /** The earlier trial with the same parameters, whose result this is. */
  readonly duplicateOf?: number | undefined
}

/** A trial with a result: `value` is the metric on the development rows. */
export interface ScoredTrial<P = Point> extends TrialBase<P> {
  readonly state: 'scored'
  readonly value: number
}

/** A trial without a result. The search continues without it. */
export interface FailedTrial<P = Point> extends TrialBase<P> {
  readonly state: 'failed'
  readonly reason: string
}

/** A finished trial. JSON. */
export type Trial<P = Point> = ScoredTrial<P> | FailedTrial<P>

const isParameterValue = (value: unknown): value is ParameterValue =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)

const base = {
  number: finite,
  parameters: recordOf(shapeOf(isParameterValue)),
  runId: optional(text),
  duplicateOf: optional(finite),
  // The digest of the trainer's identity, if it has one.
  trainer: optional(digest),
  // The directory in the store with the scores of the items.
  evaluation: optional(digest),
}

/** A trial as the journal of a study contains it. */
export const storedTrialShape = union('state', {
  scored: object({ ...base, state: word('scored'), value: finite }),
  failed: object({ ...base, state: word('failed'), reason: text }),
})
export type StoredTrial = typeof storedTrialShape extends Shape<infer T> ? T : never

/** The trial without what only the journal needs. */
export function publicTrial<S extends Space>(stored: StoredTrial): Trial<ParametersOf<S>> {
  const { trainer: _trainer, evaluation: _evaluation, ...trial } = stored
  return trial as Trial<ParametersOf<S>>
}

/** Equal for equal parameters. */
export const parametersKey = (parameters: Point): string => canonicalJson(parameters)

/** Makes a metric a loss: lower is better. */
export const signOf = (direction: Metric['direction']) => (direction === 'lower-is-better' ? 1 : -1)

/** The scored trials, the best one first, the earliest of equal ones before the others. */
export function rankedTrials(
  trials: readonly StoredTrial[],
  direction: Metric['direction'],
): readonly (StoredTrial & { state: 'scored' })[] {
  const sign = signOf(direction)
  const scored = trials.filter((trial) => trial.state === 'scored')
  return scored.sort((one, other) => sign * (one.value - other.value) || one.number - other.number)
}

export const bestOf = (trials: readonly StoredTrial[], { direction }: Metric) => rankedTrials(trials, direction)[0]
