import { SheikhError } from '../core/index.js'
import { binomialUpperTail } from './binomial-tail.js'
import { checkedBetween, checkedCount } from './options.js'

interface FloorOptions {
  /** What the exact one-sided lower bound has to reach, between 0 and 1. */
  readonly floor: number
  /** @default 0.05 */
  readonly alpha?: number
}
export interface FloorPowerOptions extends FloorOptions {
  readonly n: number
  /** True share right, in 0..1. */
  readonly truth: number
}
export interface FloorRequiredOptions extends FloorOptions {
  /** True share right, above the floor. */
  readonly truth: number
  /** @default 0.8 */
  readonly power?: number
}

/** The fewest right answers of n that certify the floor; n + 1 where not even all do. @throws `invalid-options` */
export function floorThreshold({ n, floor, alpha = 0.05 }: FloorOptions & { readonly n: number }): number {
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

/** Whether the exact lower bound of `right` of n reaches the floor: the same as that so many are unlikely at the floor. */
const certifies = (right: number, n: number, floor: number, alpha: number) =>
  binomialUpperTail(right, n, floor) <= alpha

/** The exact chance that a model of this true quality certifies the floor on n items. @throws `invalid-options` */
export function floorPower({ truth, ...options }: FloorPowerOptions): number {
  const least = floorThreshold(options)
  return least > options.n ? 0 : binomialUpperTail(least, options.n, truth)
}

/**
 * How many items certify the floor with this power, and more items do, too: the exact power saws up and down with n, by one
 * tooth for each right answer more that is asked for.
 *
 * @throws `invalid-options` where the truth is not above the floor, or a million items do not do.
 */
export function floorRequired({ truth, floor, alpha = 0.05, power = 0.8 }: FloorRequiredOptions): number {
  checkedBetween('power', power, 0, 1)
  checkedBetween('floor', floor, 0, 1)
  const impossible = (fact: string) =>
    new SheikhError('invalid-options', `Cannot certify a floor of ${floor} for a true share of ${truth}: ${fact}.`)
  if (!(truth > floor && truth <= 1)) throw impossible('the truth is not above it. Lower the floor')
  const tooth = Math.ceil(1 / floor) + 1
  let least = floorThreshold({ n: 1, floor, alpha })
  for (let n = 1, run = 0; n <= maximumItems; n += 1) {
    // One item more asks for as many right answers, or for one more.
    if (!certifies(least, n, floor, alpha)) least += 1
    run = least <= n && binomialUpperTail(least, n, truth) >= power ? run + 1 : 0
    if (run > tooth) return n - run + 1
  }
  throw impossible(`${maximumItems} items do not do. Lower the floor`)
}

const maximumItems = 1_000_000
