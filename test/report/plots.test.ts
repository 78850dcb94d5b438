import { describe, expect, it } from 'vitest'
import type { ComparisonFinding, Finding, ReliabilityBin } from '../../src/gate/index.js'
import { planGate } from '../../src/gate/index.js'
import { approximateChances, decisionChances, exactChances } from '../../src/report/plots/decision-chances.js'
import { intervalRows } from '../../src/report/plots/interval-rows.js'
import { roundTicks, short } from '../../src/report/plots/line-chart.js'
import { lossCurve } from '../../src/report/plots/loss-curve.js'
import { powerCurve } from '../../src/report/plots/power-curve.js'
import { reliabilityDiagram } from '../../src/report/plots/reliability-diagram.js'
import { intervalPlot } from '../../src/report/run/index.js'

const binary = (parts: Partial<ComparisonFinding> = {}): ComparisonFinding => ({
  kind: 'comparison',
  check: 'no-regression(accuracy)',
  status: 'inconclusive',
  critical: true,
  reason: '',
  metric: 'accuracy',
  metricKind: 'binary',
  against: 'baseline',
  againstVersion: '0.1.0',
  margin: 0.02,
  items: parts.groups ?? 600,
  groups: 600,
  regressions: 20,
  improvements: 10,
  regressedIds: [],
  engine: 'told',
  alpha: 0.05,
  pPass: 0.5,
  pFail: 0.5,
  estimate: -0.01,
  lower: -0.03,
  upper: 0.01,
  ...parts,
})
const calibrated = (reliability: readonly ReliabilityBin[]): Finding => ({
  ...({ kind: 'bound', check: 'calibration', status: 'pass', critical: true, reason: '' } as const),
  ...({ side: 'at-most', threshold: 0.1, unit: 'ratio', estimate: 0.05 } as const),
  ...{ items: 81, groups: 81, engine: 'told', alpha: 0.05, reliability },
})
/** All numbers that a plot draws with. */
const coordinates = (markup: string) =>
  [...markup.matchAll(/ (?:x|y|x1|x2|y1|y2|cx|cy|points)="([^"]*)"/g)].flatMap(([, text]) =>
    text!.split(/[ ,]/).map((part) => Number(part.replace('%', ''))),
  )

describe('the plot of differences', () => {
  const slices = Array.from({ length: 200 }, (_, index) =>
    binary({ slice: `kind=${index}`, estimate: index / 1000 - 0.1, status: index === 150 ? 'fail' : 'inconclusive' }),
  )

  it('of many slices shows thirty rows: all items, what failed, then the worst', () => {
    const markup = intervalRows([...slices, binary()])
    const names = [...markup.matchAll(/class="name">([^<]*)</g)].map(([, name]) => name)
    expect(names).toHaveLength(30)
    expect(names.slice(0, 4)).toEqual(['all items', 'kind=150', 'kind=0', 'kind=1'])
    expect(markup).toContain('171 more slices are in the table')
    expect(intervalPlot([...slices, binary()])).toContain('171 more slices')
  })

  it('gives every question an axis of its own', () => {
    const loss = binary({
      check: 'no-regression(loss)',
      metricKind: 'mean',
      estimate: 5,
      lower: -40,
      upper: 60,
      margin: 8,
    })
    const markup = intervalRows([binary(), loss])
    expect(markup.match(/<h3>/g)).toHaveLength(2)
    expect(markup).toContain('−40')
    expect(markup).not.toContain('−4000')
    expect(intervalPlot([binary(), loss])).toMatch(/^no-regression\(loss\) against 0\.1\.0$/m)
  })

  it('tells the answers apart without colour', () => {
    const row = (status: Finding['status']) => intervalRows([binary({ status })]).split('<p class="legend">')[0]!
    expect(row('fail')).toContain('<rect')
    expect(row('pass')).toMatch(/<circle[^>]* fill="currentColor"/)
    expect(row('inconclusive')).toMatch(/<circle[^>]* fill="var\(--paper\)"/)
    expect(row('fail')).toContain('>fail</strong>')
  })
})

describe('the power curve', () => {
  it('is that of gate plan, for sets with and without a limit of uses', () => {
    for (const uses of [1, 5]) {
      const planned = planGate({ items: 800, discordance: 0.06, margin: 0.02, maximumEvaluations: uses })
      const chances = decisionChances({ n: 800, discordance: 0.06, margin: 0.02, alpha: 0.05 / uses })
      for (const verdict of ['pass', 'fail', 'inconclusive'] as const) {
        expect(chances(0)[verdict]).toBeCloseTo(planned.identical[verdict], 9)
        expect(chances(-0.02)[verdict]).toBeCloseTo(planned.worseByTheMargin[verdict], 9)
      }
    }
  })

  it('of large sets is close to the exact sums', () => {
    for (const [discordance, margin] of [
      [0.02, 0.02],
      [0.05, 0.02],
      [0.2, 0.02],
      [0.1, 0.05],
    ] as const) {
      const question = { n: 1001, discordance, margin, alpha: 0.05 }
      const [exact, near] = [exactChances(question), approximateChances(question)]
      for (const change of [-2 * margin, -margin, -margin / 2, 0, margin]) {
        const q = Math.max(discordance, Math.abs(change))
        for (const verdict of ['pass', 'fail', 'inconclusive'] as const)
          expect(Math.abs(near(change, q)[verdict] - exact(change, q)[verdict])).toBeLessThan(0.02)
      }
    }
  })

  it('is drawn of right or wrong answers over all items, at any size and margin', () => {
    for (const groups of [1, 20, 600, 100_000])
      for (const margin of [1e-9, 0.02, 0.6, 0.99]) {
        const markup = powerCurve([binary({ groups, margin, regressions: Math.min(1, groups), improvements: 0 })])
        expect(markup).toContain('<svg')
        expect(coordinates(markup).every(Number.isFinite)).toBe(true)
      }
    expect(powerCurve([binary({ groups: 100_000 })])).toContain('normal approximation')
    for (const none of [
      { metricKind: 'mean' },
      { slice: 'a=b' },
      { margin: 0 },
      { items: 1200 },
      { groups: 0 },
      { groups: 12.5 },
    ] as const)
      expect(powerCurve([binary(none)])).toBe('')
    expect(powerCurve([calibrated([])])).toBe('')
  })
})

describe('the reliability diagram', () => {
  it('has a dot a bin, says their numbers in words, and an axis even where all is right', () => {
    const reliability = [
      { confidence: 0.6, accuracy: 0.55, items: 40 },
      { confidence: 0.9, accuracy: 0.95, items: 41 },
    ]
    const markup = reliabilityDiagram([binary(), calibrated(reliability)])
    expect(markup.split('class="key"')[0]!.match(/<circle/g)).toHaveLength(2)
    expect(markup).toContain('60.0 % sure, 55.0 % right (40 items); 90.0 % sure, 95.0 % right (41 items)')
    const perfect = reliabilityDiagram([calibrated([{ confidence: 1, accuracy: 1, items: 9 }])])
    expect(coordinates(perfect).every(Number.isFinite)).toBe(true)
    expect(perfect).toContain('90 %')
  })

  it('is absent without bins', () => expect(reliabilityDiagram([binary(), calibrated([])])).toBe(''))
})

describe('the loss curve', () => {
  it('is absent without two steps', () => {
    expect(lossCurve([])).toBe('')
    expect(lossCurve([[1, 0]])).toBe('')
    expect(lossCurve([[1, 2], [2, null as unknown as number]])).toBe('') // biome-ignore format: two steps, one lost
  })

  it.each([
    ['a flat one', Array.from({ length: 10 }, (_, step) => [step, 0] as const)],
    ['one below 0', Array.from({ length: 10 }, (_, step) => [step, -step] as const)],
    ['a long one', Array.from({ length: 5000 }, (_, step) => [1000 * step, 1e6 / (1 + step)] as const)],
  ])('draws %s', (_, curve) => {
    const markup = lossCurve(curve)
    expect(coordinates(markup).every(Number.isFinite)).toBe(true)
    expect(markup.length).toBeLessThan(10_000)
  })
})

describe('an axis', () => {
  it('has round numbers', () => {
    expect(roundTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1])
    expect(roundTicks(-6, 2)).toEqual([-6, -4, -2, 0, 2])
    expect(roundTicks(1, 900)).toEqual([200, 400, 600, 800])
    expect(roundTicks(5, 5)).toEqual([5])
  })

  it('says them in few letters', () => {
    expect([-2.5, 0, 0.3, 9999, 250_000, 3e6, 1e-7, 2e20].map(short)).toEqual(
      ['−2.5', '0', '0.3', '9999', '250K', '3M', '1e-7', '2e+20'], // biome-ignore format: side by side
    )
  })
})
