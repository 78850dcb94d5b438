import { expect, it } from 'vitest'
import type { Json } from '../../src/core/index.js'
import { changesSince, policyOf } from '../../src/pipeline/release-policy.js'
import type { Release } from '../../src/releaser/index.js'
import { type EvaluationParts, evaluationOf } from '../../src/testing/evidence.js'
import { gate } from './harness.js'

const evaluation = (ids: readonly string[], more: Pick<EvaluationParts, 'slices'> = {}) =>
  evaluationOf({ model: 'm', scores: ids.map(() => 1), ids, ...more })
const since = (before: ReturnType<typeof evaluation>, now: ReturnType<typeof evaluation>) => {
  const policy = JSON.parse(JSON.stringify(policyOf(gate(), before))) as Json
  return changesSince({ record: { policy } } as unknown as Release, gate().describe(), now)
}
const ids = (count: number) => Array.from({ length: count }, (_, index) => `item ${index}`)

it('a slice that the evaluation of the release had, and no item has now, is named', () => {
  const all = ids(6)
  const before = evaluation(all, { slices: { language: all.map((_, index) => (index === 5 ? 'fr' : 'en')) } })
  const now = evaluation(all, { slices: { language: all.map(() => 'en') } })
  expect(since(before, now)).toEqual([
    { change: 'the evaluation set has no item in language=fr any more', looser: true },
  ])
  expect(since(now, before)).toEqual([])
})

it('a change among more items than a release keeps digests of is told, and that nobody can say which', () => {
  const many = ids(20_001)
  const change = expect.stringContaining('which were removed or relabelled is not known')
  expect(since(evaluation(many), evaluation(many.toReversed()))).toEqual([])
  expect(since(evaluation(many), evaluation(many.slice(1)))).toEqual([{ change, looser: true }])
  expect(since(evaluation(many), evaluation(many.with(7, 'another')))).toEqual([{ change, looser: true }])
})
