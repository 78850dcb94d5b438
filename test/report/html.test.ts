import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import {
  atLeast,
  calibration,
  type Finding,
  latency,
  noRegression,
  qualityGate,
  size,
  type Verdict,
} from '../../src/gate/index.js'
import type { RunRecord } from '../../src/pipeline/index.js'
import { reportComparison, reportComparisonHtml, reportRunHtml } from '../../src/report/run/index.js'
import { evaluationOf, evidenceOf } from '../../src/testing/evidence.js'
import { anyText } from '../any-text.js'
import { anyFinding } from '../gate/any-finding.js'
import { rounds, sampleOf } from '../whole.js'

const context = callContext()

/** Every tag closes what was opened last; attributes are quoted. Enough of a parser for markup of our own. */
function checkMarkup(page: string): void {
  const open: string[] = []
  const style = page.indexOf('<style>')
  const markup = page.slice(0, style) + page.slice(page.indexOf('</style>') + 8)
  for (const [tag, closing, name, rest, empty] of markup.matchAll(
    /<(\/?)([a-z!][a-z0-9]*)((?:\s+[a-zA-Z0-9-]+(?:="[^"<>]*")?)*)\s*(\/?)>/g,
  )) {
    if (name === '!doctype' || ['meta', 'br'].includes(name!) || empty === '/') continue
    if (closing === '/') expect(open.pop(), `${tag} in ${rest}`).toBe(name)
    else open.push(name!)
  }
  expect(open).toEqual([])
  // Whatever is left of "<" once the tags are taken away was not escaped.
  expect(markup.replace(/<\/?[a-z!][^<>]*>/g, '')).not.toContain('<')
  expect(page).not.toMatch(/undefined|NaN|Infinity|\[object/)
  expect(page).not.toMatch(/<script|javascript:|https?:|src=|@import|url\(/)
  // Marks that reorder text, and controls.
  expect(page).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u061c]|(?!\n)\p{Cc}/u)
  for (const [plot] of page.matchAll(/<svg .*?<\/svg>/g)) expect(plot).toMatch(/ role="img"><title>.*<desc>/)
}

const scores = (wrong: (index: number) => boolean) => Array.from({ length: 600 }, (_, index) => (wrong(index) ? 0 : 1))
const old = scores((index) => index % 10 === 0)
const category = Array.from({ length: 600 }, (_, index) => `kind ${index % 40}`)

async function verdictOf(wrong: (index: number) => boolean, name = 'new'): Promise<Verdict> {
  const base = evaluationOf({ model: name, scores: scores(wrong), slices: { category } })
  const predictions = scores(wrong).map((_, index) => {
    const sure = 0.6 + (index % 40) / 100
    return { kind: 'label' as const, label: 'a', probabilities: { a: sure, b: 1 - sure } }
  })
  const evidence = evidenceOf(
    { ...base, predictions },
    evaluationOf({ model: 'old', scores: old, slices: { category } }),
  )
  const latenciesMs = Array.from({ length: 300 }, (_, index) => 1 + index / 300)
  const checks = [atLeast(accuracy(), 0.15), noRegression(accuracy()), calibration(), latency({ maximumMs: 5 })]
  return qualityGate([...checks, size({ maximumBytes: 10 })]).decide(
    { ...evidence, evaluationCount: 3, candidate: { ...evidence.candidate, latenciesMs } },
    context,
  )
}

const worlds = {
  fail: (index: number) => index % 10 === 0 || index % 6 === 1,
  pass: (index: number) => index % 10 === 0,
  inconclusive: (index: number) => (index % 10 === 0 && index % 100 !== 0) || index % 50 === 3,
} as const

describe('a page', () => {
  it.each(sampleOf(Object.entries(worlds), 1))(
    'of a comparison that is %s stands by itself, and shows the plots',
    async (_, wrong) => {
      const page = reportComparisonHtml(await verdictOf(wrong), { title: 'new against old' })
      checkMarkup(page)
      expect(page).toContain("default-src 'none'")
      for (const heading of [
        'Changes and their confidence intervals',
        'What this evaluation set can detect',
        'Calibration',
        'All checks',
      ])
        expect(page).toContain(`<h2>${heading}</h2>`)
      for (const heading of ['How certain is this?', 'What would change it?'])
        expect(page).toContain(`<h3>${heading}</h3>`)
      // Forty slices and all items: the worst thirty rows, and the rest in the table.
      expect(page.match(/<li /g)).toHaveLength(30)
      expect(page).toContain('11 more slices are in the table')
      expect(page).toContain('≤ 5 ms')
      expect(page).toContain('≤ 10 bytes')
    },
  )

  it('without anything to plot has no plot', () => {
    const finding: Finding = {
      ...({ kind: 'statement', check: 'mine', status: 'pass', critical: true } as const),
      reason: 'it is as it should be',
    }
    const verdict: Verdict = { status: 'pass', findings: [finding], summary: 'fine', whenInconclusive: 'ask' }
    const page = reportComparisonHtml(verdict, { title: 'mine' })
    checkMarkup(page)
    expect(page).not.toContain('<svg')
    expect(page).toContain('Mine: it is as it should be.')
  })

  it('has no gap where a number is absent', () => {
    const finding = fc.oneof(...Object.values(anyFinding(fc.constantFrom('it is so', 'accuracy', 'a=b'))))
    const status = fc.constantFrom('pass' as const, 'fail' as const, 'inconclusive' as const)
    fc.assert(
      fc.property(fc.array(finding, { maxLength: 3 }), status, (findings, verdictStatus) => {
        const verdict = { status: verdictStatus, findings, summary: '', whenInconclusive: 'ask' } as Verdict
        checkMarkup(reportComparisonHtml(verdict, { title: 'mine' }))
        expect(reportComparison(verdict)).not.toMatch(/undefined|NaN|Infinity|null/)
      }),
      { numRuns: rounds(300) },
    )
  })

  it('shows what data are called, whatever they are called, and obeys none of it', () => {
    const hostile = fc.oneof(
      anyText({ maxLength: 30 }),
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img onerror=x>',
        "' onload='x",
        '</style>',
        '\u202eevil\u2066\u061c',
        '\u0000\u001b[2J',
        '&lt;',
        '<!--',
      ),
    )
    const findings = fc.oneof(...Object.values(anyFinding(hostile)))
    fc.assert(
      fc.property(fc.array(findings, { minLength: 1, maxLength: 4 }), hostile, hostile, (given, title, id) => {
        // Names that hold these words would look like mistakes of ours.
        fc.pre(
          !/undefined|NaN|Infinity|\[object|https?:|src=|javascript:|@import|url\(/.test(
            JSON.stringify([given, title, id]),
          ),
        )
        const verdict = {
          status: given[0]!.status,
          findings: given,
          summary: title,
          whenInconclusive: 'ask',
        } as unknown as Verdict
        checkMarkup(reportComparisonHtml(verdict, { title }))
        const record = {
          runId: id,
          status: 'held',
          reason: 'fail',
          startedAtMs: 0,
          stages: [],
          verdict,
          metrics: { [id]: 0.5 },
        }
        checkMarkup(reportRunHtml(record as unknown as RunRecord))
      }),
      { numRuns: rounds(60) },
    )
  })

  it('of a run shows how the loss fell', () => {
    const lossCurve = Array.from({ length: 5000 }, (_, index) => [index + 1, 1 / (1 + index)] as const)
    const record = {
      formatVersion: 1,
      runId: '01kdvdna005274r5p1r5',
      command: 'run',
      status: 'released',
      version: '0.1.0',
      startedAtMs: 0,
      stages: [{ name: 'train', cached: false, durationMs: 3000 }],
      candidate: {
        weights: 'sha256:0',
        record: { trainer: { name: 't', describe: null }, seed: 0, trainingDigest: 'sha256:0', lossCurve },
      },
    } as unknown as RunRecord
    const page = reportRunHtml(record)
    checkMarkup(page)
    expect(page).toContain('<h2>Training</h2>')
    expect(page.match(/polyline[^>]*points="([^"]*)"/)![1]!.split(' ')).toHaveLength(400)
  })
})
