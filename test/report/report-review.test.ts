import { describe, expect, it } from 'vitest'
import type { ComparisonFinding } from '../../src/gate/index.js'
import { reportReview, reportReviewHtml } from '../../src/report/index.js'
import type { MeasuredQuality, Review } from '../../src/repository/index.js'

const slice = 'source=```\n# <b>@everyone</b>'

const finding: ComparisonFinding = {
  ...{ kind: 'comparison', check: 'no-regression(accuracy)', status: 'fail', critical: true, reason: 'it is worse' },
  ...{ metric: 'accuracy', metricKind: 'binary', against: 'baseline', againstVersion: 'base', slice },
  ...{ items: 40, groups: 40, regressions: 8, improvements: 0, regressedIds: ['<i>`x`'], margin: 0.02 },
  ...{ estimate: -0.2, lower: -0.3, upper: -0.1, candidateValue: 0.7, referenceValue: 0.9 },
  ...{ engine: 'exact', alpha: 0.05, pPass: 1, pFail: 0.001 },
}

const quality: MeasuredQuality = {
  status: 'measured',
  verdict: {
    ...{ status: 'fail', summary: 'It must not be released', whenInconclusive: 'ask' },
    findings: [finding, { ...finding, slice: undefined }],
  },
  scores: Array.from({ length: 90 }, (_, index) => ({
    ...{ metric: 'accuracy', metricKind: 'binary', slice: index === 0 ? slice : `n=${index}`, items: 40 },
    ...{ base: { value: 0.9, lower: 0.8, upper: 0.95 }, head: { value: 0.7, lower: 0.6, upper: 0.8 } },
    difference: { estimate: -0.2, lower: -0.3, upper: -0.1, status: 'fail' },
  })),
  ...{ items: 40, groups: 30, share: 0.1, trained: { base: 360, head: 400 }, leftOut: { base: 40, head: 1_041 } },
  changedRows: { total: 40, trainedOn: 40 },
}

const review: Review = {
  ...{ formatVersion: 1, head: 'b'.repeat(40), base: 'a'.repeat(40), verdict: 'fail', summary: 'Not safe to merge.' },
  ...{ problems: [], warnings: [], missing: [], notices: [], quality },
  diff: {
    ...{ from: { name: 'a'.repeat(40) }, to: { name: 'b'.repeat(40) } },
    ...{ problems: [], gate: [], files: [], configuration: [], prompts: [] },
  },
}

describe('the report of a review with training', () => {
  it('shows both models and the difference with intervals, overall and by slice', () => {
    const text = reportReview(review)
    expect(text).toContain('| 90.0 % (80.0 to 95.0) | 70.0 % (60.0 to 80.0) | −20.0 points (−30.0 to −10.0) | fail |')
    expect(text).toContain('40 rows in 30 groups of the base, 10.0 % of its training data')
    expect(text).toContain('50 more slices are not listed.')
    expect(text.match(/──●──/g)).not.toBeNull()
  })

  it('names the verdict once', () => {
    const undecided = { ...review, verdict: 'inconclusive', summary: 'Inconclusive: accuracy is between.' } as const
    expect(reportReview(undecided)).toMatch(/^\*\*Inconclusive:\*\* accuracy is between\.\n/)
    expect(reportReview(review)).toMatch(/^\*\*Fail\.\*\* Not safe to merge\.\n/)
  })

  it('lets no name leave its place', () => {
    const text = reportReview(review)
    // One block, which a name could have ended.
    expect(text.match(/```/g)).toHaveLength(2)
    const outside = text.replace(/```text\n[\s\S]*?\n```/, '').replace(/`[^`\n]+`/g, '')
    expect(outside).not.toMatch(/(?<!\\)<[bi]>/)
    expect(outside).not.toMatch(/^# </m)
    const page = reportReviewHtml(review)
    expect(page).not.toMatch(/<b>|<i>/)
    expect(page).toContain('<svg')
  })
})
