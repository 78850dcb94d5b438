import { SheikhError } from '../core/index.js'
import { binomialUpperTail } from './binomial-tail.js'
import { checkedBetween, checkedCount } from './options.js'

export interface FloorThresholdOptions {
  /** Items. */
  readonly n: number
  /** The floor that the exact one-sided lower bound must reach, between 0 and 1. */
  readonly floor: number
  /** @default 0.05 */
  readonly alpha?: number
}

export interface FloorPowerOptions extends FloorThresholdOptions {
  /** The true share of correct answers, in 0..1. */
  readonly truth: number
}

export interface FloorRequiredOptions extends Omit<FloorPowerOptions, 'n'> {
  /** @default 0.8 */
  readonly power?: number
}

/**
 * The fewest correct answers of n that certify the floor; n + 1 if not even n do.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * floorThreshold({ n: 200, floor: 0.8 }) // 170
 * ```
 */
export function floorThreshold({ n, floor, alpha = 0.05 }: FloorThresholdOptions): number {
  checkedCount('n', n, 1)
  checkedBetween('floor', floor, 0, 1)
  checkedBetween('alpha', alpha, 0, 1)
  let low = 0
  let high = n + 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (certifies(middle, n, floor, alpha)) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * Whether the exact lower bound of `right` of n reaches the floor, that is, whether so many are unlikely at the floor.
 */
const certifies = (right: number, n: number, floor: number, alpha: number) =>
  binomialUpperTail(right, n, floor) <= alpha

/**
 * The exact chance that a model with this true share of correct answers certifies the floor on n items.
 *
 * @throws `invalid-options`
 *
 * @example
 * ```ts
 * floorPower({ n: 200, floor: 0.8, truth: 0.87 }) // 0.829
 * ```
 */
export function floorPower({ truth, ...options }: FloorPowerOptions): number {
  const least = floorThreshold(options)
  return least > options.n ? 0 : binomialUpperTail(least, options.n, truth)
}

/**
 * The fewest items that certify the floor with this power, such that every larger number of items also does.
 *
 * The exact power rises with n in saw teeth: a smaller n may reach the power and larger ones miss it. The search therefore
 * starts at a size from which Chernoff's bound proves the power for all sizes, and walks down.
 *
 * Source: H. Chernoff, Annals of Mathematical Statistics 23 (1952) 493–507, for P(X ≥ nx) ≤ exp(−n D(x‖p)).
 *
 * @throws `invalid-options` if the truth is not above the floor, or a million items are not enough.
 *
 * @example
 * ```ts
 * floorRequired({ floor: 0.8, truth: 0.9 }) // 94
 * ```
 */
export function floorRequired({ truth, floor, alpha = 0.05, power = 0.8 }: FloorRequiredOptions): number {
  checkedBetween('power', power, 0, 1)
  checkedBetween('floor', floor, 0, 1)
  checkedBetween('alpha', alpha, 0, 1)
  const impossible = (fact: string) =>
    new SheikhError('invalid-options', `Cannot certify a floor of ${floor} for a true share of ${truth}: ${fact}.`)
  if (!(truth > floor && truth <= 1)) throw impossible('the truth is not above it. Lower the floor')
  const tooMany = () => impossible(`${maximumItems} items are not enough. Lower the floor`)
  const proven = provenSize(truth, floor, alpha, power)
  // Chernoff's bound asks for three to five times as many items as are needed.
  if (proven > 5 * maximumItems) throw tooMany()
  let n = proven
  for (let least = floorThreshold({ n, floor, alpha }); n > 1; n -= 1) {
    // One item fewer needs as many right answers, or one fewer.
    if (least > 0 && certifies(least - 1, n - 1, floor, alpha)) least -= 1
    if (least > n - 1 || binomialUpperTail(least, n - 1, truth) < power) break
  }
  if (n > maximumItems) throw tooMany()
  return n
}

/**
 * A size from which, by Chernoff's bound, some share x between floor and truth is reached with probability below `alpha` at
 * the floor, and is missed with probability below 1 − `power` at the truth.
 */
function provenSize(truth: number, floor: number, alpha: number, power: number): number {
  const [certified, missed] = [Math.log(1 / alpha), Math.log(1 / (1 - power))]
  const sizeAt = (x: number) => Math.max(certified / divergence(x, floor), missed / divergence(x, truth))
  let [low, high] = [floor, truth]
  for (let round = 0; round < 100; round += 1) {
    const middle = (low + high) / 2
    if (certified / divergence(middle, floor) > missed / divergence(middle, truth)) low = middle
    else high = middle
  }
  return Math.ceil(Math.min(sizeAt(low), sizeAt(high)))
}

/** D(x‖p): the Kullback-Leibler divergence of two proportions, in nats. */
function divergence(x: number, p: number): number {
  const part = (share: number, of: number) => (share === 0 ? 0 : share * Math.log(share / of))
  return part(x, p) + part(1 - x, 1 - p)
}

const maximumItems = 1_000_000
