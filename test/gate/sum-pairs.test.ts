import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { pairGroups } from '../../src/gate/paired-groups.js'
import { evaluationOf } from '../../src/testing/evidence.js'

describe('items that are groups by themselves', () => {
  const random = seededRandom('sum-pairs')
  const count = 200
  const groups = Array.from({ length: count }, (_, index) => `g${index}`)
  const some = Uint32Array.from({ length: 60 }, (_, index) => 3 * index + 1)

  it.each([
    ['binary', 'higher-is-better', () => random.below(2)],
    ['binary', 'lower-is-better', () => random.below(2)],
    ['mean', 'lower-is-better', () => random.normal()],
    ['ratio', 'higher-is-better', () => random.uniform()],
  ] as const)('are paired as groups of one are: %s, %s', (kind, direction, score) => {
    const column = () => Array.from({ length: count }, () => (random.uniform() < 0.05 ? null : score()))
    const [ours, theirs] = [column(), column()]
    const weigh = (scores: readonly (number | null)[]) => scores.map((one) => (one === null ? null : random.uniform()))
    const weights = kind === 'ratio' ? { ours: weigh(ours), theirs: weigh(theirs) } : undefined
    const pairs = (named: Partial<Parameters<typeof evaluationOf>[0]>) =>
      pairGroups(
        evaluationOf({ model: 'new', scores: ours, kind, direction, weights: weights?.ours, ...named }),
        evaluationOf({ model: 'old', scores: theirs, kind, direction, weights: weights?.theirs, ...named }),
        { name: 'accuracy', kind, direction },
      )
    const plain = (items?: Uint32Array, named = {}) => {
      const { lost, ...pairing } = pairs(named).over(items)
      return { ...pairing, lost: lost.items, lostGroups: lost.groups }
    }
    for (const items of [undefined, some, new Uint32Array(0)]) expect(plain(items)).toEqual(plain(items, { groups }))
    expect(plain().candidate).toHaveLength(count - plain().unanswered)
  })
})
