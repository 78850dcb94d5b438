import fc from 'fast-check'
import { expect, it } from 'vitest'
import { digestBytes } from '../../src/core/index.js'
import { releasesMadeOf } from '../../src/pipeline/named-base.js'
import type { Release } from '../../src/releaser/index.js'

interface Made {
  /** Numbers of the releases that it was made of; those that are not older do not count. */
  readonly parts: readonly number[]
  /** Another release with its bundle. */
  readonly again?: number | undefined
  readonly isWithdrawn: boolean
  readonly isRemoved: boolean
}

/** Newest first. */
const historyOf = (made: readonly Made[]): readonly Release[] => {
  const bundles: string[] = []
  return made
    .map(({ parts, again, isWithdrawn, isRemoved }, number) => {
      const isAgain = again !== undefined && again < number
      const candidate = { trainer: 'fake', releases: parts.map((part) => ({ version: `0.${part}.0` })) }
      if (!isAgain) bundles[number] = digestBytes(String(number))
      else bundles[number] = bundles[again]!
      return {
        version: `0.${number}.0`,
        bundle: bundles[number],
        record: isAgain ? { restoredFrom: `0.${again}.0` } : { candidate },
        ...(isWithdrawn && { withdrawn: { reason: 'poisoned' } }),
        ...(isRemoved && { removedAtMs: 1 }),
      } as unknown as Release
    })
    .reverse()
}

const release = fc.record({
  parts: fc.array(fc.nat(8), { maxLength: 3 }),
  again: fc.option(fc.nat(8), { nil: undefined }),
  isWithdrawn: fc.boolean(),
  isRemoved: fc.boolean(),
})

it('the releases that were made of a withdrawn one are those that have it as an ancestor', () => {
  fc.assert(
    fc.property(fc.array(release, { minLength: 1, maxLength: 9 }), fc.nat(8), (made, chosen) => {
      const number = chosen % made.length
      const history = historyOf(made)
      const withdrawn = history.find(({ version }) => version === `0.${number}.0`)!
      const sourceOf = (at: number): number => {
        const { again } = made[at]!
        return again !== undefined && again < at ? sourceOf(again) : at
      }
      const isMadeOf = (at: number): boolean =>
        made[sourceOf(at)]!.parts.some((part) => part < at && (sourceOf(part) === sourceOf(number) || isMadeOf(part)))
      const expected = history.filter(
        (one, at) => one.withdrawn === undefined && one.removedAtMs === undefined && isMadeOf(history.length - 1 - at),
      )
      expect(releasesMadeOf(history, withdrawn)).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})

it('a chain of a thousand releases is followed once', () => {
  const history = historyOf(
    Array.from({ length: 1000 }, (_, number) => ({
      ...{ parts: number === 0 ? [] : [number - 1, Math.floor(number / 2)] },
      ...{ isWithdrawn: number === 0, isRemoved: false },
    })),
  )
  expect(releasesMadeOf(history, history.at(-1)!)).toHaveLength(999)
})
