import type { Division, MetricComparison } from './judge.js'
import type { ExperimentPlan } from './plan.js'
import type { ExperimentState } from './state.js'

export interface Decision {
  readonly kind: 'wait' | 'advance' | 'harm' | 'success' | 'mismatch' | 'expired'
  readonly reason: string
}

/** What the numbers ask for. */
export function decide(
  plan: ExperimentPlan,
  { step, treatment, control, sinceMs }: ExperimentState,
  division: Division,
  metrics: readonly MetricComparison[],
  nowMs: number,
): Decision {
  const { share, units, atLeastMs } = plan.steps[step]!
  const isLast = step === plan.steps.length - 1
  if (division.isMismatch)
    return {
      kind: 'mismatch',
      reason: `${division.treatment} of ${division.control + division.treatment} units got the treatment instead of ${percent(share)} (p = ${digits(division.p)}), so results cannot be compared`,
    }
  const worse = metrics.filter(({ status }) => status === 'worse')
  if (worse.length > 0)
    return { kind: 'harm', reason: `${treatment} is worse than ${control}: ${worse.map(sentence).join('; ')}` }
  if (isLast && metrics.every(({ status }) => status === 'kept'))
    return { kind: 'success', reason: `${treatment} wins over ${control}: ${metrics.map(sentence).join('; ')}` }
  if (plan.untilMs !== undefined && nowMs >= plan.untilMs)
    return { kind: 'expired', reason: `the time is over without a result: ${metrics.map(sentence).join('; ')}` }
  const open = metrics.filter(({ status }) => status === 'open').map(({ name }) => name)
  if (isLast) return { kind: 'wait', reason: `more units are needed for ${open.join(', ')}` }
  const known = metrics[0]!.treatment.units
  if (known < units) return { kind: 'wait', reason: `${known} of ${units} units of this step have an outcome` }
  if (nowMs - sinceMs < atLeastMs) return { kind: 'wait', reason: 'the shortest time of this step is not over' }
  const next = plan.steps[step + 1]!.share
  return { kind: 'advance', reason: `no harm in ${known} units, so the share grows to ${percent(next)}` }
}

function sentence({ name, kind, estimate, lower, upper, margin }: MetricComparison): string {
  if (estimate === null) return `${name} has too few outcomes`
  const number = (value: number | null) =>
    value === null ? 'unknown' : kind === 'binary' ? `${digits(100 * value)} points` : digits(value)
  const allowed = margin === 0 ? '' : `, margin ${number(margin)}`
  return `${name} differs by ${number(estimate)} (${number(lower)} to ${number(upper)}${allowed})`
}

const digits = (value: number) => String(Number(value.toPrecision(3)))
const percent = (value: number) => `${digits(100 * value)} %`
