import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy, type Metric } from '../../src/evaluation/index.js'
import {
  atLeast,
  type Check,
  type Evidence,
  improves,
  noNewFailures,
  noRegression,
  qualityGate,
  size,
  type Verdict,
} from '../../src/gate/index.js'
import { explainVerdict } from '../../src/report/run/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'

const scores = (isWrong: (index: number) => boolean, n = 600) =>
  Array.from({ length: n }, (_, index) => (isWrong(index) ? 0 : 1))
const old = scores((index) => index % 10 === 0)
const worse = scores((index) => index % 10 === 0 || index % 10 === 3)

const explained = async (checks: readonly Check[], evidence: Evidence) =>
  explainVerdict(await qualityGate(checks).decide(evidence, callContext()))
const between = (candidate: readonly number[], baseline: readonly number[] = old, slices = {}) =>
  evidenceOf(
    evaluationOf({ model: 'new', scores: candidate, slices }),
    evaluationOf({ model: 'old', scores: baseline, slices }),
  )

describe('an explanation', () => {
  it('of a fail says what was lost, how likely chance is, and where else', async () => {
    const slices = { kind: old.map((_, index) => (index % 10 === 3 ? 'threes' : 'others')) }
    const said = await explained([noRegression(accuracy())], { ...between(worse, old, slices), evaluationCount: 3 })
    expect(said).toEqual({
      decided: 'The new model must not be released.',
      why: 'On 600 independent items, the new model has 60 regressions and 0 improvements compared with version 0.1.0. That is a loss of 10.0 points in accuracy (90.0 % before, 80.0 % now). It also failed: kind=threes.',
      howSure:
        'If the new model were equally good, a loss this large would happen by chance fewer than 1 time in 10,000. This evaluation set has judged 3 candidates: the chance that a bad one has passed is at most 15.0 %.',
      whatWouldChangeIt: expect.stringMatching(/^A different model\./),
    })
  })

  it('of a fail in one slice counts in how many were looked at', async () => {
    const slices = { kind: old.map((_, index) => String(index % 20)) }
    const candidate = old.map((score, index) => (index % 20 === 3 ? 0 : index % 20 === 10 ? 1 : score))
    const { why, howSure } = await explained([noRegression(accuracy())], between(candidate, old, slices))
    expect(why).toMatch(/^On 30 independent items of kind=3, the new model has 30 regressions/)
    expect(howSure).toContain('in any of the 20 slices')
  })

  it('of a pass says how rarely a bad model would look this good', async () => {
    const said = await explained(
      [noRegression(accuracy())],
      between(old.map((score, index) => (index === 1 ? 0 : score))),
    )
    expect(said.decided).toBe('The new model may be released.')
    expect(said.why).toContain('That is a loss of 0.2 points in accuracy')
    expect(said.howSure).toMatch(
      /^If it were truly worse by the margin of 2\.0 points, it would look this good by chance/,
    )
    expect(said.howSure).toContain('the limit is 1 time in 20')
  })

  it('of what is open says who decides, and how many items would do', async () => {
    const [one, other] = [scores((index) => index % 20 === 0), scores((index) => index % 20 === 1)]
    const said = await explained([noRegression(accuracy())], between(one, other))
    expect(said.decided).toMatch(/does not show .*: a person decides\.$/)
    expect(said.why).toContain('That is no change in accuracy')
    expect(said.howSure).toMatch(/may be as low as −\d\.\d points, and the largest tolerated loss is 2\.0 points/)
    expect(said.whatWouldChangeIt).toMatch(/^More items: with about [\d,]+ independent items instead of 600/)
  })

  it('of a first release says that there was nothing to compare it with, and of a floor its bound', async () => {
    const first = evidenceOf(evaluationOf({ model: 'new', scores: old }))
    const said = await explained([atLeast(accuracy(), 0.15), noRegression(accuracy())], first)
    expect(said.why).toBe(
      "On 600 independent items, the new model's accuracy is 90.0 %; it must be at least 15.0 %. No earlier release exists to compare it with.",
    )
    expect(said.howSure).toMatch(/^With 95 % confidence the true value is at least 87\.\d %\.$/)
    expect((await explained([atLeast(accuracy(), 0.95)], first)).howSure).toMatch(/the true value is at most 91\.\d %/)
    expect((await explained([atLeast(accuracy(), 0.9)], first)).howSure).toMatch(
      /from 87\.\d % to 91\.\d %, which includes the threshold 90\.0 %/,
    )
  })

  it('of a mean is in its own unit, whichever way is better', async () => {
    const loss = { ...accuracy(), name: 'loss', kind: 'mean', direction: 'lower-is-better' } as unknown as Metric
    const parts = { metric: 'loss', kind: 'mean', direction: 'lower-is-better' } as const
    const losses = (by: number) => old.map((_, index) => 1 + Math.sin(index) / 10 + by * (1 + Math.cos(index)))
    const evidence = (by: number) =>
      evidenceOf(
        evaluationOf({ ...parts, model: 'new', scores: losses(by) }),
        evaluationOf({ ...parts, model: 'old', scores: losses(0) }),
      )
    const fail = await explained([noRegression(loss)], evidence(0.1))
    expect(fail.why).toMatch(/loss is worse by 0\.\d+ than version 0\.1\.0 \(1\.\d+ before, 1\.\d+ now\)/)
    const better = await explained([improves(loss)], evidence(-0.1))
    expect(better.why).toMatch(/loss is better by 0\.\d+ than .* It must be better\.$/)
    expect(better.howSure).toMatch(/^If it were truly no better, it would look this good by chance fewer than/)
    expect((await explained([improves(loss)], evidence(1e-9))).decided).toMatch(/must not|does not show/)
  })

  it('of what was counted speaks of no chance', async () => {
    const lost = await explained([noNewFailures(accuracy())], between(worse))
    expect(lost.why).toBe('No-new-failures(accuracy): 60 of 600 items are regressions; 0 are allowed.')
    expect(lost.howSure).toContain('Chance plays no role')
    expect((await explained([size({ maximumBytes: 1 })], between(worse))).howSure).toContain('Chance plays no role')
  })

  it('of a question without an answer does not say how sure it is', async () => {
    const unscorable = { version: '0.1.0', bundle: between(old).baseline!.bundle, unscorable: 'its weights are gone' }
    const said = await explained([noRegression(accuracy())], { ...between(worse), baseline: unscorable })
    expect(said.howSure).toBe('Nothing can be concluded: the check gave no answer.')
    expect(said.whatWouldChangeIt).toMatch(/^A result: fix what prevented the check/)
  })

  it('of weights that are not whole leaves no way round, whatever else failed', () => {
    const finding = { check: 'no-regression(accuracy)', status: 'fail', critical: true, reason: 'worse' } as const
    const broken = { ...finding, check: 'weight-integrity', reason: 'a file is cut short', overridable: false } as const
    const verdict = { status: 'fail', findings: [finding, broken], summary: '', whenInconclusive: 'ask' } as const
    const said = explainVerdict(verdict as unknown as Verdict)
    expect(said.why).toBe('Weight-integrity: a file is cut short. It also failed: no-regression(accuracy).')
    expect(said.whatWouldChangeIt).toContain('cannot be overridden')
  })

  it('of no findings at all is no pass', () => {
    const verdict = { status: 'inconclusive', findings: [], summary: '', whenInconclusive: 'hold' } as const
    const { why, decided } = explainVerdict(verdict)
    expect(why).toContain('No critical check passed')
    expect(decided).toContain('holds it back')
  })
})
