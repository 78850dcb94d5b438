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
