import { checkedWithin } from './options.js'

/**
 * Adjusts p-values so that the chance of any false rejection in the family is at most the level that they are compared
 * with.
 *
 * Keeps the given order. Source: S. Holm, Scand. J. Statist. 6 (1979) 65–70.
 *
 * @throws `invalid-options` for a p-value outside 0..1 or not a number.
 *
 * @example
 * ```ts
 * holm([0.01, 0.04, 0.03]) // [0.03, 0.06, 0.06]
 * ```
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues
    .map((p, index) => ({ p: checkedWithin('p', p, 0, 1), index }))
    .sort((one, other) => one.p - other.p)
  const adjusted = pValues.map(() => 1)
  let running = 0
  order.forEach(({ p, index }, rank) => {
    running = Math.max(running, Math.min(1, p * (order.length - rank)))
    adjusted[index] = running
  })
  return adjusted
}
