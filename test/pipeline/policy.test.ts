import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import {
  atLeast,
  type Check,
  noRegression,
  policyChanges,
  qualityGate,
  storeLedger,
  weightIntegrity,
} from '../../src/gate/index.js'
import { reportComparison } from '../../src/report/run/index.js'
import { gate, pinned, poison, samples, world } from './harness.js'

const floor = (value = 0.15) => atLeast(accuracy(), value)
const compare = (margin = 0.05) => noRegression(accuracy(), { margin })
const bad = poison('apple', 'pear')

describe('a gate that is loosened together with the data', () => {
  it.each([
    ['a check is removed', qualityGate([floor(), weightIntegrity()]), 'the check no-regression(accuracy) was removed'],
    [
      'a margin widens',
      qualityGate([floor(), compare(0.9), weightIntegrity()]),
      'the margin of no-regression(accuracy) is now 0.9, was 0.05',
    ],
  ])('%s: nothing is released without a person', async (_, loosened, change) => {
    const { pipeline, store } = world()
    await pipeline().run()
    const open = () => pipeline(bad, { gate: loosened })
    const result = await open().run()
    expect(result.status).toBe('awaiting-approval')
    const verdict = 'verdict' in result ? result.verdict : undefined
    expect(verdict?.summary).toMatch(
      /^What decides is looser than for the current release: since the release 0\.1\.0, /,
    )
    expect(verdict?.policyChanges).toContainEqual({ change, looser: true, check: 'no-regression(accuracy)' })
    expect(reportComparison(verdict!)).toContain('**Policy changed.**')
    const entries = await storeLedger(store).read(callContext())
    expect(entries.at(-1)).toMatchObject({ type: 'verdict', policyChanges: [change] })
    // A person may take it; from then on it is the policy.
    const approved = await open().approve(result.runId, { by: 'Ada', reason: 'the comparison is made elsewhere' })
    expect(approved).toMatchObject({
      status: 'released',
      release: { record: { verdict: { policyChanges: [{ change }] } } },
    })
    const next = await pipeline(samples, { gate: loosened }).run()
    expect(next.status).toBe('released')
    expect(next).not.toHaveProperty('verdict.policyChanges')
  })

  it('releases a candidate that passes the earlier checks, too, and names the change', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple')).run()
    const result = await pipeline(samples, { gate: qualityGate([floor(0.1), weightIntegrity()]) }).run()
    expect(result).toMatchObject({ status: 'released' })
    expect('verdict' in result && result.verdict?.policyChanges?.map(({ change }) => change)).toEqual([
      'the floor of at-least(accuracy) is now 0.1, was 0.15',
      'the check no-regression(accuracy) was removed',
    ])
  })

  it('asks where an inconclusive verdict used to ask', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate: gate('ask', 0.03) }).run()
    const result = await pipeline(poison('fig'), { gate: gate('release', 0.03) }).run()
    expect(result).toMatchObject({ status: 'awaiting-approval' })
  })

  it('says nothing of a gate that is the same or stricter', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple')).run()
    const same = await pipeline(poison()).run()
    expect('verdict' in same && same.verdict?.policyChanges).toBe(undefined)
    const change = 'the floor of at-least(accuracy) is now 0.2, was 0.15'
    const stricter = await pipeline(poison('fig'), {
      gate: qualityGate([floor(0.2), compare(), weightIntegrity()]),
    }).run()
    expect('verdict' in stricter && stricter.verdict?.policyChanges).toEqual([
      { change, looser: false, check: 'at-least(accuracy)' },
    ])
  })
})

describe('an evaluation set that changes together with the data', () => {
  const setOf = async (data: typeof samples, keep: (id: string) => boolean) => {
    const source = memorySamples(data)
    const all = await new Dataset({ source, input: 'text', target: 'label' }).identities()
    const proposed = proposePinnedSet(all, { salt: 'pipeline', share: 0.5 })
    const evaluation = pinnedSet({ ...proposed, items: proposed.items.filter(({ id }) => keep(id)) })
    return new Dataset({ source, input: 'text', target: 'label', evaluation }) as Dataset<string, string>
  }

  it('with fewer items, or other targets, is left to a person', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple')).run()
    const first = pinned.items[0]!.id
    const fewer = await pipeline(samples, { dataset: await setOf(samples, (id) => id !== first) }).run()
    expect(fewer).toMatchObject({ status: 'awaiting-approval' })
    expect('verdict' in fewer && fewer.verdict?.summary).toContain(
      `1 of ${pinned.items.length} evaluation items are removed`,
    )
    const turned = samples.map((sample) =>
      sample.id === first ? { ...sample, label: sample.label === 'fruit' ? 'vehicle' : 'fruit' } : sample,
    )
    const relabelled = await pipeline(turned, { dataset: await setOf(turned, () => true) }).run()
    expect('verdict' in relabelled && relabelled.verdict?.policyChanges?.map(({ change }) => change)).toContain(
      `1 of ${pinned.items.length} evaluation items have another target`,
    )
    expect(relabelled.status).not.toBe('released')
  })

  it('is kept with the release without ids or texts', async () => {
    const { pipeline } = world()
    const result = await pipeline().run()
    const policy = JSON.stringify('release' in result && result.release?.record.policy)
    expect(policy).toContain('no-regression(accuracy)')
    for (const { id } of pinned.items.slice(0, 20)) expect(policy).not.toContain(id)
  })
})

describe('policyChanges', () => {
  const of = (...checks: Parameters<typeof qualityGate>[0]) => qualityGate(checks).describe()

  it.each([
    ['a floor that sank', of(floor(0.5)), of(floor(0.4)), [true]],
    ['a floor that rose', of(floor(0.4)), of(floor(0.5)), [false]],
    ['a margin that widened', of(compare(0.02)), of(compare(0.05)), [true]],
    ['a new check', of(floor()), of(floor(), weightIntegrity()), [false]],
    ['nothing', of(floor()), of(floor()), []],
    ['a gate of another kind', of(floor()), { rules: 3 }, [true]],
    [
      'a set for any number of candidates',
      qualityGate([floor()], { maximumEvaluations: 5 }).describe(),
      of(floor()),
      [true],
    ],
    [
      'fewer required slices',
      of(noRegression(accuracy(), { requiredSlices: ['a=1', 'a=2'] })),
      of(noRegression(accuracy(), { requiredSlices: ['a=1'] })),
      [true],
    ],
  ])('%s', (_, before, after, looser) => {
    expect(policyChanges(before, after).map((change) => change.looser)).toEqual(looser)
  })
})

it('a check that only reports now, under the same name, loosens the policy; one that reported may go', () => {
  const check = (name: string, purpose: 'decide' | 'report'): Check => ({ ...floor(), name, purpose })
  const described = (...checks: readonly Check[]) => qualityGate([floor(), ...checks]).describe()
  const [deciding, reporting] = [described(check('own', 'decide')), described(check('own', 'report'))]
  expect(policyChanges(deciding, reporting)).toEqual([{ change: 'own only reports now', looser: true, check: 'own' }])
  expect(policyChanges(reporting, deciding)).toEqual([{ change: 'own decides now', looser: false, check: 'own' }])
  expect(policyChanges(reporting, described())).toMatchObject([{ looser: false }])
  expect(policyChanges(deciding, described())).toMatchObject([{ looser: true }])
})

it('a secret in the description of a gate is no change of the policy', async () => {
  const { pipeline } = world()
  const own: Check = { ...floor(), name: 'own', describe: () => ({ server: 'https://ada:opensesame@models.example' }) }
  const options = { gate: qualityGate([floor(), own, compare(), weightIntegrity()]), secrets: ['opensesame'] }
  await pipeline(samples, options).run()
  const next = await pipeline(samples, { ...options, seed: 1 }).run({ retrain: true })
  const worse = await pipeline(bad, options).run()
  expect([next, worse].map((result) => 'verdict' in result && result.verdict.policyChanges)).not.toContainEqual(
    expect.arrayContaining([expect.anything()]),
  )
  expect(worse).toHaveProperty('verdict')
})
