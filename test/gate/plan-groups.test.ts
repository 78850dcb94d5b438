import { describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { planGate } from '../../src/gate/index.js'
import { statusJudge } from '../../src/gate/judge.js'
import { pairGroups } from '../../src/gate/paired-groups.js'
import { evaluationOf } from '../../src/testing/evidence.js'
import { largestShare, rounds } from '../whole.js'

const judge = statusJudge(0.02)
const simulations = rounds(200)
/** Three standard errors of a share that is a half, and of one that is 5 %. */
const close = 1.5 / Math.sqrt(simulations)
const closeToNone = largestShare(simulations) - 0.05

/** How often the gate passes and fails an equal model, or one that is worse by two points. */
function simulated(sizes: readonly number[], correlation: number, discordance: number, change: number) {
  const random = seededRandom(`plan ${sizes.length} ${correlation} ${discordance} ${change}`)
  const groups = sizes.flatMap((size, group) => Array<string>(size).fill(`g${group}`))
  const counts = { pass: 0, fail: 0 }
  for (let simulation = 0; simulation < simulations; simulation += 1) {
    const changes = sizes.flatMap((size) => changesOf(random, size, Math.sqrt(correlation), discordance, change))
    const scores = (wrong: number) => changes.map((answer) => (answer === wrong ? 0 : 1))
    const status = judge(
      pairGroups(
        evaluationOf({ model: 'new', scores: scores(-1), groups }),
        evaluationOf({ model: 'old', scores: scores(1), groups }),
        accuracy(),
      ).over(),
    )
    if (status === 'pass' || status === 'fail') counts[status] += 1
  }
  return { pass: counts.pass / simulations, fail: counts.fail / simulations }
}

function changesOf(random: Random, size: number, repeats: number, discordance: number, change: number) {
  const draw = () => {
    const at = random.uniform()
    return at < (discordance - change) / 2 ? -1 : at < discordance ? 1 : 0
  }
  const shared = draw()
  return Array.from({ length: size }, () => (random.uniform() < repeats ? shared : draw()))
}

describe('a plan for items in groups', () => {
  const unequal = Array.from({ length: 300 }, (_, group) => 1 + (group % 8))

  it.each([
    ['equal groups', Array<number>(400).fill(5), 0.3, 0.1],
    ['unequal groups', unequal, 0.3, 0.05],
    ['groups of twenty, nearly alike', Array<number>(300).fill(20), 0.7, 0.1],
  ])('says what the gate does: %s', (_, sizes, correlation, discordance) => {
    const items = sizes.reduce((sum, size) => sum + size, 0)
    const planned = planGate({ items, groups: sizes, correlation, discordance })
    const equal = simulated(sizes, correlation, discordance, 0)
    expect(Math.abs(planned.identical.pass - equal.pass)).toBeLessThan(close)
    expect(Math.abs(planned.identical.fail - equal.fail)).toBeLessThan(closeToNone)
    const worse = simulated(sizes, correlation, discordance, -0.02)
    expect(Math.abs(planned.worseByTheMargin.fail - worse.fail)).toBeLessThan(close)
    expect(planned.worseByTheMargin.pass).toBeLessThanOrEqual(0.05)
  })

  it('needs more of correlated items and of unequal groups, and never fewer than 149 groups', () => {
    const asked = { items: 2000, discordance: 0.1 }
    const single = planGate(asked)
    const mild = planGate({ ...asked, groups: 400, correlation: 0.1 })
    const strong = planGate({ ...asked, groups: 400, correlation: 0.7 })
    expect(single.identical.pass).toBeGreaterThan(mild.identical.pass)
    expect(mild.identical.pass).toBeGreaterThan(strong.identical.pass)
    expect(mild.smallestMargin).toBeLessThan(strong.smallestMargin)
    expect(mild.itemsNeeded).toBeLessThan(strong.itemsNeeded)
    expect(mild).toMatchObject({ groups: 400, fewestGroups: 149, fewestItems: 745, correlation: 0.1 })
    const sizes = [...Array<number>(380).fill(3), ...Array<number>(20).fill(43)]
    expect(planGate({ ...asked, groups: sizes, correlation: 0.1 }).fewestGroups).toBeGreaterThan(400)
    expect(planGate({ items: 700, groups: 140 }).identical.pass).toBe(0)
  })

  it('is passed four times in five at the margin and the size that it names', () => {
    const planned = planGate({ items: 2000, groups: 400, correlation: 0.2, discordance: 0.1 })
    const { smallestMargin: margin, groupsNeeded } = planned
    expect(planGate({ ...planned, groups: 400, margin }).identical.pass).toBeCloseTo(0.8, 3)
    const larger = planGate({ ...planned, items: 5 * groupsNeeded, groups: groupsNeeded })
    expect(larger.identical.pass).toBeGreaterThanOrEqual(0.8)
    expect(larger.identical.pass).toBeLessThan(0.81)
  })

  it('is the exact one if every group is one item, or changes as one', () => {
    const single = planGate({ items: 400, discordance: 0.04 })
    expect(planGate({ items: 400, groups: 400, discordance: 0.04 })).toEqual(single)
    const alike = planGate({ items: 2000, groups: 400, correlation: 1, discordance: 0.04 })
    expect(alike.identical).toEqual(single.identical)
    expect(alike).toMatchObject({ items: 2000, groups: 400, itemsNeeded: 5 * single.itemsNeeded })
  })

  it.each([
    [{ groups: 0 }, /0 groups/],
    [{ groups: 101 }, /101 groups/],
    [{ groups: [50, 49] }, /99 items, but there are 100/],
    [{ groups: [100.5, -0.5] }, /100.5 items/],
    [{ groups: 10, correlation: 1.1 }, /correlation is 1.1/],
    [{ groups: 10, discordance: 0 }, /discordance is 0/],
    [{ groups: 10, margin: 1 }, /margin is 1/],
  ])('refuses %j', (wrong, message) => {
    expect(() => planGate({ items: 100, ...wrong })).toThrow(message)
  })
})
