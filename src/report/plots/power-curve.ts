import type { Finding } from '../../gate/index.js'
import type { SampleSizePlan } from '../../statistics/index.js'
import { count, percent, points } from '../markdown.js'
import { type DecisionQuestion, decisionChances, mostExact } from './decision-chances.js'
import { lineChart, roundTicks, short } from './line-chart.js'

const steps = 24

/**
 * Plots the chances of the results for each true change on a set of this size. Empty if no binary metric was compared.
 */
export function powerCurve(findings: readonly Finding[]): string {
  const question = findings.map(questionOf).find((found) => found !== undefined)
  if (question === undefined) return ''
  const { n, margin, discordance, observed } = question
  const from = Math.min(-Math.min(1, 3 * margin), observed)
  const to = Math.max(margin, observed)
  const changes = Array.from({ length: steps + 1 }, (_, index) => from + (index / steps) * (to - from))
  const chances = decisionChances(question)
  const plans = changes.map((change) => ({ change, ...chances(change) }))
  const curve = (name: keyof SampleSizePlan) => plans.map((plan) => [100 * plan.change, 100 * plan[name]] as const)
  const inWords = (change: number) => {
    const { pass, fail } = chances(change)
    return `${times(pass)} and fails ${times(fail)}`
  }
  const said = `On ${count(n)} independent items, with ${percent(discordance)} answered differently by the two models, a model of the same quality passes ${inWords(0)}; one that is worse by the margin of ${points(margin).replace('+', '')} passes ${inWords(-margin)}. Otherwise the result is inconclusive.`
  return lineChart({
    title: 'Results by true change',
    description: said,
    curves: [
      { name: 'passes', points: curve('pass'), colour: 'var(--pass)' },
      { name: 'fails', points: curve('fail'), colour: 'var(--fail)', dashes: '7 3' },
      { name: 'is inconclusive', points: curve('inconclusive'), colour: 'var(--open)', dashes: '2 3' },
      { name: 'observed change', points: [[100 * observed, 0]], colour: 'var(--mark)', dots: true },
    ],
    x: {
      name: 'true change, in points',
      from: 100 * from,
      to: 100 * to,
      ticks: roundTicks(100 * from, 100 * to),
      format: short,
    },
    y: { name: 'chance', from: 0, to: 100, ticks: [0, 25, 50, 75, 100], format: (value) => `${value} %` },
    marks: [-100 * margin, 0],
    caption: `${said} The vertical lines mark the margin and no change.${n > mostExact ? ' By the normal approximation.' : ''}`,
  })
}

/** `40 times in 100`. */
function times(chance: number): string {
  const share = Math.round(100 * chance)
  if (share === 0) return 'almost never'
  return share === 100 ? 'almost always' : `${share} ${share === 1 ? 'time' : 'times'} in 100`
}

function questionOf(finding: Finding): (DecisionQuestion & { readonly observed: number }) | undefined {
  if (finding.kind !== 'comparison' || finding.metricKind !== 'binary' || finding.slice !== undefined) return undefined
  const { margin, items, groups: n, regressions, improvements, alpha } = finding
  // The curve is for the exact tests, which need one answer per group. A host's check may give any number of groups.
  if (items !== n || !Number.isSafeInteger(n) || n < 1 || !isWithin(margin, 1) || !isWithin(alpha, 0.5))
    return undefined
  // No disagreement in n groups is no proof that there is none: half a group is assumed.
  const discordance = Math.min(1, Math.max(regressions + improvements, 0.5) / n)
  return { n, margin, alpha, discordance, observed: (improvements - regressions) / n }
}

const isWithin = (value: number, most: number) => value > 0 && value < most
