import { describe, expect, it } from 'vitest'
import { callContext, digestJson, misfitOf } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import {
  atLeast,
  type Check,
  type ComparisonFinding,
  type Finding,
  type LimitFinding,
  noRegression,
  qualityGate,
  type StatementFinding,
  verdictShape,
  weightIntegrity,
} from '../../src/gate/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { ofKind } from './of-kind.js'

const context = callContext()
const evidence = evidenceOf(evaluationOf({ model: 'new', scores: [1] }))

/** Parts of a finding. Numbers make it a finding of the kind that has them. */
type Parts = Partial<StatementFinding | LimitFinding | ComparisonFinding>

const limit = { kind: 'limit', side: 'at-most', threshold: 2, unit: 'number', estimate: 1 } as const
const compared = {
  ...({ kind: 'comparison', metric: 'accuracy', metricKind: 'binary', against: 'baseline' } as const),
  ...{ againstVersion: '0.1.0', margin: 0.02, estimate: 0, items: 100, groups: 100, regressions: 0, improvements: 0 },
  ...{ regressedIds: [], engine: 'told', alpha: 0.05, pPass: 0.5 },
}

/** A check that answers as it is told. */
const saying = (...findings: readonly Parts[]): Check => ({
  contract: 1,
  name: 'told',
  version: '1',
  metrics: [],
  describe: () => null,
  examine: async () =>
    findings.map(
      (finding) =>
        ({ kind: 'statement', check: 'told', status: 'pass', critical: true, reason: 'so', ...finding }) as Finding,
    ),
})
const statusOf = async (check: Check, ...others: Check[]) =>
  (await qualityGate([check, ...others]).decide(evidence, context)).status

describe('the verdict', () => {
  const [pass, fail, open, none] = (['pass', 'fail', 'inconclusive', 'not-applicable'] as const).map((status) => ({
    status,
  }))
  const slice = 'kind=a'
  it.each([
    ['a pass', [pass], 'pass'],
    ['a fail among passes', [pass, fail, pass], 'fail'],
    ['a fail is stronger than an open question', [open, fail], 'fail'],
    ['an open question among passes', [pass, open], 'inconclusive'],
    ['what does not apply holds nothing', [pass, none], 'pass'],
    ['only what does not apply is silence', [none], 'inconclusive'],
    ['no finding at all is silence', [], 'inconclusive'],
    ['a pass that is not critical is no pass', [{ ...pass, critical: false }], 'inconclusive'],
    ['a fail that is not critical holds nothing', [pass, { ...fail, critical: false }], 'pass'],
    ['an open question that is not critical holds nothing', [pass, { ...open, critical: false }], 'pass'],
    ['a slice can fail a release', [pass, { ...compared, ...fail, slice, pFail: 0.001 }], 'fail'],
    ['a slice holds none by being small', [pass, { ...open, slice }], 'pass'],
    ['NaN is no number to pass on', [{ ...limit, ...pass, estimate: Number.NaN }], 'inconclusive'],
    ['nor is infinity', [pass, { ...compared, ...pass, pFail: Number.POSITIVE_INFINITY }], 'inconclusive'],
    ['nor is a number that its kind does not have', [pass, { ...pass, estimate: 1 }], 'inconclusive'],
    ['nor is a kind without its numbers', [pass, { ...pass, kind: 'limit' }], 'inconclusive'],
    [
      'a malformed finding that is not critical holds nothing',
      [pass, { ...limit, estimate: Number.NaN, critical: false }],
      'pass',
    ],
    ['nor is text that JSON does not have', [pass, { ...pass, reason: 'cut \ud83d' }], 'inconclusive'],
    ['nor is a number of its own that JSON does not have', [pass, { ...pass, own: Number.NaN }], 'inconclusive'],
    ['nor is either in a malformed finding', [{ ...limit, estimate: Number.NaN, reason: '\ud83d' }], 'inconclusive'],
    ['one that does not say whether it is critical is', [pass, { ...pass, critical: null }], 'inconclusive'],
  ] as const)('%s', async (_, findings, expected) => {
    const verdict = await qualityGate([saying(...(findings as readonly Parts[]))]).decide(evidence, context)
    expect(verdict.status).toBe(expected)
    expect(misfitOf(verdictShape, verdict)).toBeUndefined()
    expect(() => digestJson(verdict)).not.toThrow()
  })

  it('a slice that is required holds a release where it is open', async () => {
    const check = saying(pass!, { ...open, slice, required: true })
    expect(await statusOf(check)).toBe('inconclusive')
  })

  it('a check that crashes is never a pass, and says what it crashed on', async () => {
    const crashing = { ...saying(), name: 'crashing', examine: async () => Promise.reject(new Error('out of memory')) }
    const verdict = await qualityGate([saying(pass!), crashing]).decide(evidence, context)
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.summary).toContain('out of memory')
    expect(await statusOf(saying(fail!), crashing)).toBe('fail')
  })

  it('a fail names what failed, and on which slices', async () => {
    const verdict = await qualityGate([
      saying(fail!, ...['kind=a', 'kind=b'].map((slice) => ({ ...compared, ...fail, slice, pFail: 1e-6 }))),
    ]).decide(evidence, context)
    expect(verdict.summary).toMatch(/told: so; by slice it fails on kind=a, kind=b\.$/)
  })
})

describe('slices are one family (Holm)', () => {
  // Twenty slices, one of them with a p that would be rare by itself and is not among twenty.
  const slices = (smallest: number) =>
    saying(
      { status: 'pass' },
      { ...compared, status: 'fail', slice: 'kind=0', pFail: smallest },
      ...Array.from({ length: 19 }, (_, index) => ({
        ...compared,
        status: 'inconclusive' as const,
        slice: `kind=${index + 1}`,
        pFail: 0.5,
      })),
    )

  it.each([
    [0.04, 'pass', 0.8],
    [0.0026, 'pass', 0.052],
    [0.0025, 'fail', 0.05],
  ] as const)('a slice with p = %d of twenty: %s', async (smallest, status, adjusted) => {
    const verdict = await qualityGate([slices(smallest)]).decide(evidence, context)
    expect(verdict.status).toBe(status)
    expect(ofKind('comparison', verdict.findings[1]).pFailAdjusted).toBeCloseTo(adjusted, 12)
  })

  it('the finding over all items stands by itself at 5 %', async () => {
    const check = saying(
      { ...compared, status: 'fail', pFail: 0.04 },
      ...Array.from({ length: 19 }, (_, index) => ({
        ...compared,
        status: 'inconclusive' as const,
        slice: `kind=${index}`,
        pFail: 0.5,
      })),
    )
    expect(await statusOf(check)).toBe('fail')
  })
})

describe('a first release', () => {
  const first = (right: number) =>
    evidenceOf(
      evaluationOf({ model: 'new', scores: Array.from({ length: 100 }, (_, index) => (index < right ? 1 : 0)) }),
    )

  it('has nothing to be worse than: the floor decides', async () => {
    const gate = qualityGate([atLeast(accuracy(), 0.5), noRegression(accuracy())])
    const verdict = await gate.decide(first(90), context)
    expect(verdict.status).toBe('pass')
    expect(verdict.findings.map(({ status }) => status)).toEqual(['pass', 'not-applicable'])
    expect((await gate.decide(first(20), context)).status).toBe('fail')
    expect((await gate.decide(first(50), context)).status).toBe('inconclusive')
  })

  it('with no floor is not waved through', async () => {
    expect((await qualityGate([noRegression(accuracy())]).decide(first(90), context)).status).toBe('inconclusive')
  })

  it('whose weights cannot be read is not waved through by a floor', async () => {
    const gate = qualityGate([atLeast(accuracy(), 0.5), weightIntegrity()])
    expect((await gate.decide(first(90), context)).status).not.toBe('pass')
  })
})

describe('the floor is held by the bound', () => {
  // gate.md, from the exact binomial: the least share right at which the 95 % lower bound reaches 0.15.
  it.each([
    [20, 7],
    [50, 13],
    [100, 22],
    [200, 39],
    [500, 89],
  ])('of %i items, %i right are the fewest that reach 0.15', async (items, least) => {
    const gate = qualityGate([atLeast(accuracy(), 0.15)])
    const verdictOf = async (right: number) =>
      (
        await gate.decide(
          evidenceOf(
            evaluationOf({ model: 'new', scores: Array.from({ length: items }, (_, i) => (i < right ? 1 : 0)) }),
          ),
          context,
        )
      ).status
    expect([await verdictOf(least - 1), await verdictOf(least)]).toEqual(['inconclusive', 'pass'])
  })
})

describe('several losses within the margin', () => {
  const model = (name: string, wrong: number) =>
    evaluationOf({ model: name, scores: Array.from({ length: 1000 }, (_, index) => (index < wrong ? 0 : 1)) })

  it('are not: the best release is asked, too', async () => {
    const gate = qualityGate([noRegression(accuracy(), { margin: 0.02 })])
    const { candidate, baseline } = evidenceOf(model('new', 40), model('old', 30))
    const bundle = candidate.weights.digest
    expect((await gate.decide({ candidate, baseline }, context)).status).toBe('pass')
    const best = { version: '0.0.9', bundle, evaluation: model('best', 0) }
    const verdict = await gate.decide({ candidate, baseline, best }, context)
    expect(verdict.status).toBe('fail')
    expect(verdict.summary).toContain('against 0.0.9')
  })
})
