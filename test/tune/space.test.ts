import { expect, expectTypeOf, it } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import { categorical, float, gridSampler, int, type ParametersOf, tpeSampler } from '../../src/tune/index.js'

it.each<readonly [string, () => unknown, RegExp]>([
  ['low above high', () => float(2, 1), /the low end 2 is above the high end 1/],
  ['NaN', () => float(Number.NaN, 1), /from NaN to 1 is not finite/],
  ['an infinite end', () => float(0, Number.POSITIVE_INFINITY), /not finite/],
  ['an infinite range', () => float(-1e308, 1e308 * 1.7), /not finite/],
  ['a logarithm of 0', () => float(0, 1, { log: true }), /the low end 0 has no logarithm/],
  ['a logarithm of a negative integer', () => int(-1, 3, { log: true }), /has no logarithm/],
  ['a step of 0', () => float(0, 1, { step: 0 }), /the step 0 is not above 0/],
  ['a step of NaN', () => int(0, 1, { step: Number.NaN }), /the step NaN is not above 0/],
  ['an integer with half an end', () => int(0, 1.5), /not all integers/],
  ['an integer with half a step', () => int(0, 2, { step: 0.5 }), /not all integers/],
  ['no values', () => categorical([]), /has no values/],
  ['equal values', () => categorical(['a', 'b', 'a']), /the value "a" occurs twice/],
  ['a value that is not finite', () => categorical([1, Number.NaN]), /NaN is not text, a finite number/],
  ['a value that is an object', () => categorical([{} as unknown as string]), /is not text/],
  ['half a grid', () => gridSampler({ points: 1.5 }), /1.5 points per parameter/],
  ['no candidates', () => tpeSampler({ candidates: 0 }), /"candidates" is 0/],
])('rejects %s', (_, make, message) => {
  expect(make).toThrow(message)
  try {
    make()
  } catch (error) {
    expect(isSheikhError(error, 'invalid-options')).toBe(true)
  }
})

it('knows the type of every parameter', () => {
  const space = { rate: float(0, 1), kind: categorical(['a', 'b', null]), deep: categorical([true]) }
  expectTypeOf<ParametersOf<typeof space>>().toEqualTypeOf<{
    readonly rate: number
    readonly kind: 'a' | 'b' | null
    readonly deep: true
  }>()
})
