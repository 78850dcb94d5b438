import type { Finding } from '../../gate/index.js'
import { planNonInferiority } from '../../statistics/index.js'
import { percent, points } from '../markdown.js'
import { lineChart, roundTicks } from './line-chart.js'

/** Beyond this many groups the sums take seconds. */
const mostGroups = 5000

/** What a true change of quality would lead to on a set of this size; empty where no right or wrong answers were compared. */
export function powerChart(findings: readonly Finding[]): string {
  const overall = findings.find(
    ({ kind, slice, margin, groups }) => kind === 'binary' && slice === undefined && margin && groups,
  )
  const { groups: n = 0, margin = 0, lost = 0, won = 0, alpha = 0.05 } = overall ?? {}
  if (overall === undefined || n > mostGroups) return ''
  // No disagreement in n groups is no proof that there is none.
  const discordance = Math.max((lost + won) / n, 0.5 / n)
  const changes = Array.from({ length: 25 }, (_, index) => margin * (-3 + index / 6))
  const plans = changes.map((change) => {
    const options = { n, discordance: Math.max(discordance, Math.abs(change)), trueDifference: change, margin }
    return { change, ...planNonInferiority({ ...options, alpha, engine: 'score' }) }
  })
  const curve = (name: 'pass' | 'fail' | 'inconclusive') =>
    plans.map((plan) => [100 * plan.change, 100 * plan[name]] as const)
  return lineChart({
    title: 'What a true change would lead to',
    curves: [
      { name: 'passes', points: curve('pass'), colour: 'var(--pass)' },
      { name: 'fails', points: curve('fail'), colour: 'var(--fail)', dashes: '6 3' },
      { name: 'is left open', points: curve('inconclusive'), colour: 'var(--open)', dashes: '2 3' },
    ],
    x: {
      name: 'true change, in points',
      from: -300 * margin,
      to: 100 * margin,
      ticks: [-3, -2, -1, 0, 1].map((share) => 100 * share * margin),
      format: (value) => String(Number(value.toFixed(2))).replace('-', '−'),
    },
    y: { name: 'chance', from: 0, to: 100, ticks: [0, 25, 50, 75, 100], format: (value) => `${value} %` },
    marks: [
      { x: -100 * margin, name: 'margin' },
      { x: 0, name: 'no change' },
    ],
    caption: `With ${n} independent items, of which the models answer ${percent(discordance)} differently; the dashed lines are the margin of ${points(margin).replace('+', '')} and no change. By the score test alone: the gate asks a little more.`,
  })
}

/** How sure the model was, and how often it was right; empty where calibration was not asked for. */
export function reliabilityChart(findings: readonly Finding[]): string {
  const bins = findings.find(({ reliability }) => reliability !== undefined)?.reliability ?? []
  if (bins.length === 0) return ''
  const low = Math.floor(10 * Math.min(...bins.map(({ confidence, accuracy }) => Math.min(confidence, accuracy)))) * 10
  const ticks = roundTicks(low, 100)
  const side = { from: low, to: 100, ticks, format: (value: number) => `${value} %` }
  return lineChart({
    title: 'How sure the model was, and how often it was right',
    curves: [
      {
        name: 'as sure as it is right',
        points: [
          [low, low],
          [100, 100],
        ],
        colour: 'var(--soft)',
        dashes: '3 3',
      },
      {
        name: 'items of like confidence',
        points: bins.map(({ confidence, accuracy }) => [100 * confidence, 100 * accuracy] as const),
        colour: 'var(--mark)',
        dots: true,
      },
    ],
    x: { ...side, name: 'how sure it was' },
    y: { ...side, name: 'how often it was right' },
    caption: `${bins.length} groups of items, about ${Math.round(bins.reduce((sum, { items }) => sum + items, 0) / bins.length)} in each. Below the line the model is too sure of itself.`,
  })
}

/** The training loss by step; empty where there are fewer than two points. */
export function lossChart(curve: readonly (readonly [number, number])[]): string {
  const known = curve.filter((point) => point.every(Number.isFinite))
  if (known.length < 2) return ''
  const [first, last] = [known[0]![0], known.at(-1)![0]]
  const most = Math.max(...known.map(([, loss]) => loss))
  const least = Math.min(0, ...known.map(([, loss]) => loss))
  return lineChart({
    title: 'Training loss',
    curves: [{ name: 'loss', points: thinned(known), colour: 'var(--mark)' }],
    x: { name: 'step', from: first, to: last, ticks: roundTicks(first, last), format: String },
    y: {
      name: 'loss',
      from: least,
      to: most > least ? most : least + 1,
      ticks: roundTicks(least, most > least ? most : least + 1),
      format: String,
    },
    caption: `${last} steps, the last loss ${Number(known.at(-1)![1].toPrecision(3))}.`,
  })
}

/** A page need not hold every step of a week. */
function thinned<T>(points: readonly T[], most = 400): readonly T[] {
  if (points.length <= most) return points
  return Array.from({ length: most }, (_, index) => points[Math.round((index * (points.length - 1)) / (most - 1))]!)
}
