import {
  canonicalJson,
  digest,
  finite,
  list,
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
import type { Pruner } from './pruner.js'
import type { ParameterValue, Point } from './space.js'

/** What scored and failed trials have in common. */
export interface TrialBase<P = Point> {
  /** From 0, in the order of the suggestions. */
  readonly number: number
  /** What the trainer got last: with a pruner, also the resource. */
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

/** A trial that the pruner ended: `value` is the metric after its last training, which was not a full one. */
export interface PrunedTrial<P = Point> extends TrialBase<P> {
  readonly state: 'pruned'
  readonly value: number
}

/** A finished trial. JSON. */
export type Trial<P = Point> = ScoredTrial<P> | PrunedTrial<P> | FailedTrial<P>

export const parameterValue = shapeOf(
  (value): value is ParameterValue => value === null || ['string', 'number', 'boolean'].includes(typeof value),
)

const base = {
  number: finite,
  parameters: recordOf(parameterValue),
  runId: optional(text),
  duplicateOf: optional(finite),
  // The digest of the trainer's identity, if it has one.
  trainer: optional(digest),
  // The directory in the store with the scores of the items.
  evaluation: optional(digest),
  // With a pruner: the values of the resource that the trial was trained with, the metric after each, and its run. Of a failed trial the
  // last one has none.
  rungs: optional(list(object({ resource: finite, value: optional(finite), runId: optional(text) }))),
}

/** A trial as the journal of a study contains it. */
export const storedTrialShape = union('state', {
  scored: object({ ...base, state: word('scored'), value: finite }),
  pruned: object({ ...base, state: word('pruned'), value: finite }),
  failed: object({ ...base, state: word('failed'), reason: text }),
})
export type StoredTrial = typeof storedTrialShape extends Shape<infer T> ? T : never

/** The trial without what only the journal needs. */
export function publicTrial<P>(stored: StoredTrial, pruner: Pruner | undefined): Trial<P> {
  const { trainer: _trainer, evaluation: _evaluation, rungs, ...trial } = stored
  const parameters = trainedWith(stored.parameters, pruner, rungs?.at(-1)?.resource)
  return { ...trial, parameters } as Trial<P>
}

/** What the trainer gets: the parameters of the space, and with a pruner the resource. */
export const trainedWith = (point: Point, pruner: Pruner | undefined, resource: number | undefined): Point =>
  pruner === undefined || resource === undefined ? point : { ...point, [pruner.resource]: resource }

/** Equal for equal parameters. */
export const parametersKey = (parameters: Point): string => canonicalJson(parameters)

/** Makes a metric a loss: lower is better. */
export const signOf = (direction: Metric['direction']) => (direction === 'lower-is-better' ? 1 : -1)

/** The scored trials, the best one first, the earliest of equal ones before the others. */
export function rankedTrials<T extends Pick<Trial, 'number' | 'state'>>(
  trials: readonly T[],
  direction: Metric['direction'],
): readonly (T & ScoredTrial)[] {
  const sign = signOf(direction)
  const scored = trials.filter((trial): trial is T & ScoredTrial => trial.state === 'scored')
  return scored.sort((one, other) => sign * (one.value - other.value) || one.number - other.number)
}

export const bestOf = (trials: readonly StoredTrial[], { direction }: Metric) => rankedTrials(trials, direction)[0]
