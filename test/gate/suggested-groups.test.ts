import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { compareEvaluations } from '../../src/gate/index.js'
import { suggestedGroups } from '../../src/gate/suggested-groups.js'
import { evaluationOf } from '../../src/testing/evidence.js'

const ids = (count: number, name: (index: number) => string) => Array.from({ length: count }, (_, index) => name(index))
const suggested = (names: readonly string[], groups?: readonly string[]) =>
  suggestedGroups(evaluationOf({ model: 'm', scores: names.map(() => 1), ids: names, groups }))

describe('ids that suggest groups nobody declared', () => {
  it.each([
    ['thread-7-1', 50, ids(200, (index) => `thread-${Math.floor(index / 4)}-${(index % 4) + 1}`)],
    ['doc7/0', 20, ids(200, (index) => `doc${Math.floor(index / 10)}/${index % 10}`)],
    ['q7_a', 20, ids(60, (index) => `q${Math.floor(index / 3)}_${'abc'[index % 3]}`)],
    ['user.7:01', 100, ids(200, (index) => `user.${Math.floor(index / 2)}:0${(index % 2) + 1}`)],
  ])('such as %s are found', (_, prefixes, names) => {
    expect(suggested(names)).toMatchObject({ prefixes })
    expect(
      suggested(
        names,
        names.map((name) => name.slice(0, -1)),
      ),
    ).toBeUndefined()
  })

  it.each([
    ['q17', ids(2000, (index) => `q${index}`)],
    ['mail-017', ids(999, (index) => `mail-${String(index).padStart(3, '0')}`)],
    ['spam-017', ids(400, (index) => `${index % 2 === 0 ? 'spam' : 'ham'}-${Math.floor(index / 2)}`)],
    ['batch-03-0017', ids(2000, (index) => `batch-${Math.floor(index / 100)}-${String(index).padStart(4, '0')}`)],
    ['2024-01-17', ids(360, (index) => `2024-${1 + Math.floor(index / 30)}-${1 + (index % 30)}`)],
    ['17', ids(500, String)],
    ['a hash', ids(500, (index) => `${(index * 2654435761) >>> 0}`)],
    ['a UUID', ids(500, (index) => `550e8400-e29b-41d4-a716-${String(index * 7919).padStart(12, '0')}`)],
    ['10.5.3', ids(300, (index) => `10.${index}.${(index * 7) % 13}`)],
  ])('such as %s are not', (_, names) => {
    expect(suggested(names)).toBeUndefined()
  })

  it('are named by the comparison', async () => {
    const names = ids(200, (index) => `thread-${Math.floor(index / 4)}-${(index % 4) + 1}`)
    const of = (model: string) => evaluationOf({ model, scores: names.map(() => 1), ids: names })
    const verdict = await compareEvaluations(of('new'), of('old'), {}, callContext())
    expect(verdict.findings[0]!.reason).toContain('the ids suggest groups')
  })
})
