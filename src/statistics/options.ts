import { SheikhError } from '../core/index.js'

/** @throws `invalid-options` unless `value` is a whole number of at least `minimum`. */
export function checkedCount(name: string, value: number, minimum = 0): number {
  if (Number.isSafeInteger(value) && value >= minimum) return value
  throw invalid(name, value, `a whole number of at least ${minimum}`)
}

/** @throws `invalid-options` unless `low` < `value` < `high`. */
export function checkedBetween(name: string, value: number, low: number, high: number): number {
  if (value > low && value < high) return value
  throw invalid(name, value, `a number strictly between ${low} and ${high}`)
}

/** @throws `invalid-options` unless `low` ≤ `value` ≤ `high`. */
export function checkedWithin(name: string, value: number, low: number, high: number): number {
  if (value >= low && value <= high) return value
  throw invalid(name, value, `a number from ${low} to ${high}`)
}

/** @throws `invalid-options` unless 0 ≤ `margin` < 1: at 1 every outcome is within it. */
export function checkedMargin(margin: number): number {
  if (margin >= 0 && margin < 1) return margin
  throw invalid('margin', margin, 'a proportion from 0 up to, not including, 1 (two points are 0.02)')
}

/** @throws `invalid-options` unless `b` and `c` are counts that fit into `n` pairs. */
export function checkedPairs({ b, c, n }: { readonly b: number; readonly c: number; readonly n: number }): void {
  checkedCount('b', b)
  checkedCount('c', c)
  checkedCount('n', n, 1)
  if (b + c <= n) return
  throw new SheikhError(
    'invalid-options',
    `Cannot compare ${n} pairs: b + c is ${b + c}. Give as "n" all pairs, those that both models answer alike included.`,
    { facts: { b, c, n } },
  )
}

const invalid = (name: string, value: number, wanted: string) =>
  new SheikhError('invalid-options', `Cannot use ${value} as "${name}". Give ${wanted}.`, { facts: { [name]: value } })
