import { type Described, SheikhError } from '../core/index.js'

/** Ends the training of poor trials early. */
export interface Pruner<R extends string = string> extends Described {
  /**
   * The name of the number that says how much a trial is trained, such as `epochs`. The trainer receives it beside the
   * parameters of the space.
   */
  readonly resource: R
  /** The values of this number, ascending: a trial is trained with the first, and with each next one as long as it continues. */
  readonly rungs: readonly number[]
  /** Whether a trial continues to the next rung. A pure function. */
  readonly continues: (request: PruneRequest) => boolean
}

export interface PruneRequest {
  /** Index in `rungs`, of all but the last. */
  readonly rung: number
  /** The trial's result at this rung. Lower is better, whatever the metric. */
  readonly loss: number
  /** The results at this rung of the trials up to `n - parallel`, where `n` is this trial, and whether they continued. */
  readonly others: readonly { readonly loss: number; readonly continued: boolean }[]
}

export interface AshaOptions<R extends string> {
  /** The name of the number that says how much a trial is trained, such as `epochs`. */
  readonly resource: R
  /** The least value at the first rung; above 0. */
  readonly min: number
  /** Its value for a full training; at least `reduction` times `min`. */
  readonly max: number
  /** Each rung trains a trial so many times as much as the one before, and one in so many trials continues. @default 3 */
  readonly reduction?: number | undefined
}

/**
 * Asynchronous successive halving: trains each trial a little, and continues with the best of `reduction` trials. One in
 * `reduction` of the trials at a rung, rounded down, has a place, and at least one. A trial continues if the better ones, and the
 * equally good ones that continued, leave a place. This is decided when the trial reaches the rung (the stopping variant), so no
 * trial waits for another.
 *
 * Each rung is a training of its own, from the beginning. So it works with every trainer, learning rates are scheduled for
 * the length of the rung, and a `Pipeline` finds the weights of the winner.
 *
 * Source: L. Li et al., A system for massively parallel hyperparameter tuning (MLSys 2020, arXiv 1810.05934).
 *
 * The rungs are `max`, `max / reduction`, … down to `min`; rounded, if `min` and `max` are integers.
 *
 * @throws `invalid-options` if `min` is not above 0, `max` is below `reduction` times `min`, or `reduction` is not an integer of at
 * least 2.
 */
export function asha<const R extends string>({ resource, min, max, reduction = 3 }: AshaOptions<R>): Pruner<R> {
  const problem = problemOf({ resource, min, max, reduction })
  if (problem !== undefined) throw new SheikhError('invalid-options', `Cannot make an ASHA pruner: ${problem}`)
  const isCount = Number.isSafeInteger(min) && Number.isSafeInteger(max)
  const rounded = isCount ? Math.round : plain
  const rungs: number[] = []
  // 2, 1, 0.5: rounded, the last two are equal.
  for (let value = max; rounded(value) >= min && rounded(value) !== rungs[0]; value /= reduction)
    rungs.unshift(rounded(value))
  return {
    contract: 1,
    name: 'asha',
    version: '1',
    describe: () => ({ resource, rungs, reduction }),
    resource,
    rungs,
    continues({ loss, others }) {
      const places = Math.max(1, Math.floor((others.length + 1) / reduction))
      const taken = others.filter((other) => other.loss < loss || (other.loss === loss && other.continued))
      return taken.length < places
    },
  }
}

/** 3 × 0.1 is 0.30000000000000004; a person means 0.3. */
const plain = (value: number) => Number(value.toPrecision(15))

function problemOf({ resource, min, max, reduction = 3 }: AshaOptions<string>): string | undefined {
  if (typeof resource !== 'string' || resource === '')
    return 'the option "resource" is not a name. Give the name of a number that the trainer takes, such as "epochs".'
  if (!(Number.isFinite(min) && min > 0)) return `the option "min" is ${min}, which is not above 0. Give one such as 1.`
  if (!(Number.isSafeInteger(reduction) && reduction >= 2))
    return `the option "reduction" is ${reduction}, which is not an integer of at least 2. Give one such as 3.`
  if (!(Number.isFinite(max) && max >= plain(reduction * min)))
    return `the option "max" is ${max}, which is less than ${reduction} times "min", ${min}. Give one such as ${plain(reduction ** 2 * min)}.`
  return undefined
}
