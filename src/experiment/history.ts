import { type CallContext, callContext, SheikhError } from '../core/index.js'
import type { FeedbackStore } from '../feedback/index.js'
import type { ExperimentDecision, ExperimentEvent, LedgerEntry, PlannedExperiment } from '../gate/index.js'
import { type Division, judgeDivision, judgeMetrics, type MetricComparison } from './judge.js'
import { type LiveMetric, metricOf } from './live-metric.js'
import { clockSlackMs } from './plan.js'
import { type ExperimentState, experimentsOf } from './state.js'
import { Tally } from './tally.js'

/** A line of the ledger about a live test. */
export type ExperimentLine = Pick<ExperimentDecision, 'action' | 'step' | 'share' | 'reason' | 'result' | 'by'> & {
  readonly atMs: number
}

/** The comparison at a moment of the past. */
export interface ExperimentMoment {
  readonly atMs: number
  /** From 0. */
  readonly step: number
  /** The units of the step so far. */
  readonly division: Division
  /** Empty if units were not divided as planned: results cannot be read then. */
  readonly metrics: readonly MetricComparison[]
}

/** A live test from its start to now, or to its end. Plain JSON. */
export interface ExperimentHistory extends ExperimentState {
  readonly lines: readonly ExperimentLine[]
  /** The comparison over time, oldest first. Empty without feedback, or if the ledger has no plan. */
  readonly moments: readonly ExperimentMoment[]
  /** Outcomes that count for no unit. Absent without feedback. */
  readonly leftOut?: number | undefined
  /** Metrics whose outcomes only code of the host can read. */
  readonly unread: readonly string[]
}

export interface HistoryOptions {
  /** The lines of a verified ledger. */
  readonly ledger: readonly LedgerEntry[]
  /** The store of the test. @default none: the history has no comparison */
  readonly feedback?: FeedbackStore | undefined
  /** The host's own metrics of the test. @default the built-in ones, which the ledger names */
  readonly metrics?: readonly LiveMetric[] | undefined
}

/** Moments of the comparison, over all steps. */
const mostMoments = 240

/**
 * What a live test did and knew, from the ledger and the feedback. Answers and outcomes are added up once, and compared at
 * evenly spaced moments by the time that they carry, with the limits that were valid at each look.
 *
 * @throws `not-found` if the ledger has no such test; as `FeedbackStore.read`.
 */
export async function experimentHistory(
  name: string,
  { ledger, feedback, metrics: own = [] }: HistoryOptions,
  parts: Partial<CallContext> = {},
): Promise<ExperimentHistory> {
  const context = callContext(parts)
  const state = experimentsOf(ledger).find((each) => each.name === name)
  if (state === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot find the live test ${JSON.stringify(name)}: the ledger does not contain it. List all: sheikh experiment status`,
    )
  const lines = ledger.filter((entry): entry is ExperimentEvent & LedgerEntry => isAbout(entry, name)).map(lineOf)
  const { planned, status, sinceMs } = state
  if (feedback === undefined || planned === undefined) return { ...state, lines, moments: [], unread: [] }
  const unread: string[] = []
  const metrics = planned.metrics.map((metric) => {
    const found = own.find((each) => each.name === metric.name) ?? metricOf(metric)
    if (found === undefined) unread.push(metric.name)
    return { ...metric, outcome: found?.outcome ?? (() => undefined) }
  })
  const plan = { steps: planned.steps, confidence: planned.confidence, metrics }
  const endMs = status === 'ended' ? sinceMs : context.clock.nowMs()
  const waiting = momentsOf(state, planned, lines, endMs)
  const tally = new Tally(name, metrics)
  const moments: ExperimentMoment[] = []
  const look = ({ atMs, step }: Moment) => {
    const division = judgeDivision(plan, tally, step)
    const compared = division.isMismatch ? [] : judgeMetrics(plan, tally, step)
    moments.push({ atMs, step, division, metrics: compared.filter((metric) => !unread.includes(metric.name)) })
  }
  for await (const entry of feedback.read({ fromMs: state.startedAtMs - clockSlackMs, untilMs: endMs + 1 }, context)) {
    context.signal.throwIfAborted()
    while (waiting.length > 0 && waiting[0]!.atMs < entry.timeMs) look(waiting.shift()!)
    tally.add(entry)
  }
  // The last moment of each step that is left, so that quiet time at the end makes no points.
  for (const moment of waiting.filter(({ step }, index) => waiting[index + 1]?.step !== step)) look(moment)
  return { ...state, lines, moments, leftOut: tally.leftOut, unread }
}

interface Moment {
  readonly atMs: number
  readonly step: number
}

/** Evenly spaced in each step, its end included. */
function momentsOf(
  { startedAtMs }: ExperimentState,
  planned: PlannedExperiment,
  lines: readonly ExperimentLine[],
  endMs: number,
): Moment[] {
  const starts = new Map([[0, startedAtMs]])
  for (const { action, step, atMs } of lines)
    if (action === 'advance' && step < planned.steps.length && !starts.has(step)) starts.set(step, atMs)
  const steps = [...starts].sort(([one], [other]) => one - other)
  const each = Math.max(1, Math.floor(mostMoments / steps.length))
  return steps.flatMap(([step, fromMs], index) => {
    const untilMs = Math.max(fromMs, steps[index + 1]?.[1] ?? endMs)
    return Array.from({ length: each }, (_, at) => ({
      step,
      atMs: Math.round(fromMs + ((at + 1) / each) * (untilMs - fromMs)),
    }))
  })
}

const isAbout = (entry: LedgerEntry, name: string) => entry.type === 'experiment' && entry.name === name

const lineOf = ({ atMs, action, step, share, reason, result, by }: ExperimentEvent & LedgerEntry): ExperimentLine => ({
  ...{ atMs, action, step, share, reason },
  ...(result !== undefined && { result }),
  ...(by !== undefined && { by }),
})
