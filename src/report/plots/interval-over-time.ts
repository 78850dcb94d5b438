import type { ExperimentMoment, MetricComparison } from '../../experiment/index.js'
import { differenceUnit, moment } from '../markdown.js'
import { type Curve, lineChart, roundTicks, short } from './line-chart.js'

/** The comparison of a metric at a moment at which limits were known. */
export interface KnownLook {
  readonly atMs: number
  readonly step: number
  readonly estimate: number
  readonly lower: number
  readonly upper: number
}

/** The looks at a metric that had limits, oldest first. */
export function looksAt(moments: readonly ExperimentMoment[], name: string): readonly KnownLook[] {
  return moments.flatMap(({ atMs, step, metrics }) => {
    const { estimate, lower, upper } = metrics.find((metric) => metric.name === name) ?? {}
    if (estimate == null || lower == null || upper == null) return []
    return [{ atMs, step, estimate, lower, upper }]
  })
}

/**
 * The ends of an axis for looks. The limits of the first few units are as wide as can be and would make the rest a line, so
 * the axis fits the later half of each step.
 */
export function axisOf(looks: readonly KnownLook[], margin: number): { readonly from: number; readonly to: number } {
  const later = looks.filter((look) => {
    const step = looks.filter(({ step }) => step === look.step)
    return step.indexOf(look) >= Math.floor(step.length / 2)
  })
  const values = [0, margin, -margin, ...later.flatMap(({ lower, upper }) => [lower, upper])]
  const [from, to] = [Math.min(...values), Math.max(...values)]
  const air = 0.05 * (to - from || 1)
  return { from: from - air, to: to + air }
}

const hour = 3_600_000
const units = [
  ['minutes', 60_000, 3 * hour],
  ['hours', hour, 4 * 24 * hour],
  ['days', 24 * hour, Number.POSITIVE_INFINITY],
] as const

/** Plots the difference of a metric and its limits against time. Empty with fewer than two looks that had limits. */
export function intervalOverTime(
  { name, kind, direction, margin }: Pick<MetricComparison, 'name' | 'kind' | 'direction' | 'margin'>,
  moments: readonly ExperimentMoment[],
  startedAtMs: number,
): string {
  const looks = looksAt(moments, name)
  const last = looks.at(-1)
  if (last === undefined || looks.length < 2 || last.atMs <= looks[0]!.atMs) return ''
  const factor = kind === 'binary' ? 100 : 1
  const [unit, unitMs] = units.find(([, , most]) => last.atMs - startedAtMs < most)!
  const time = (atMs: number) => (atMs - startedAtMs) / unitMs
  const axis = axisOf(looks, margin)
  const [from, to] = [factor * axis.from, factor * axis.to]
  const end = time(last.atMs)
  const steps = [...new Set(looks.map(({ step }) => step))]
  const curves = steps.flatMap((step): Curve[] => {
    const each = looks.filter((look) => look.step === step)
    const along = (side: 'lower' | 'upper' | 'estimate') =>
      each.map((look) => [time(look.atMs), factor * look[side]] as const)
    return [
      { name: 'limits', points: along('lower'), to: along('upper'), colour: 'var(--mark)' },
      { name: 'observed difference', points: along('estimate'), colour: 'var(--mark)' },
    ]
  })
  const across = (value: number) => [[0, factor * value] as const, [end, factor * value] as const]
  const worse = direction === 'higher-is-better' ? -margin : margin
  const text = differenceUnit(kind)
  const said = `At ${moment(last.atMs)} the treatment differs by ${text(last.estimate)}, with limits from ${text(last.lower)} to ${text(last.upper)}.`
  return lineChart({
    title: `${name} over time`,
    description: said,
    curves: [
      ...curves,
      { name: 'no difference', points: across(0), colour: 'var(--soft)' },
      ...(margin === 0 ? [] : [{ name: 'margin', points: across(worse), colour: 'var(--fail)', dashes: '7 3' }]),
    ],
    x: { name: `${unit} since the start`, from: 0, to: end, ticks: roundTicks(0, end), format: short },
    y: {
      name: kind === 'binary' ? 'treatment minus control, in points' : 'treatment minus control',
      ...{ from, to, ticks: roundTicks(from, to), format: short },
    },
    marks: steps.slice(1).map((step) => time(looks.find((look) => look.step === step)!.atMs)),
    caption: `${said}${steps.length > 1 ? ' Upright lines mark the first result of a step: each step is compared alone.' : ''}`,
  })
}
