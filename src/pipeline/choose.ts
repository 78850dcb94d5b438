// The choice among several candidates that were judged at a level which is divided by their number: whichever is chosen, the
// chance that a worse one is released is at most the gate's level (docs/gate.md).
import { type Gate, refusedForGood, type Verdict } from '../gate/index.js'
import type { JudgedCandidate } from '../releaser/index.js'
import type { Offer } from './decide.js'
import type { RunRecord, RunResult } from './run-result.js'
import type { Session } from './session.js'
import type { Known } from './walk-start.js'

/** Whether a candidate has to be judged, or its bundle is the current or a withdrawn release. */
export type Standing = 'judge' | 'up-to-date' | 'withdrawn'

interface Ranked {
  /** Absent: the candidate is the current release. */
  readonly verdict?: Verdict | undefined
  readonly noted: Pick<RunRecord, 'metrics'>
}

/**
 * Whether a candidate is chosen before another one that was declared earlier: by what the gate lets through, then by the gate's
 * primary metric, or its first one. Of equal ones the earlier stays chosen.
 */
export function isBetter(one: Ranked, other: Ranked, gate: Pick<Gate, 'metrics' | 'primaryMetric'>): boolean {
  const rank = rankOf(one.verdict) - rankOf(other.verdict)
  if (rank !== 0) return rank < 0
  const metric = gate.metrics.find(({ name }) => name === (gate.primaryMetric ?? gate.metrics[0]?.name))
  if (metric === undefined) return false
  const sign = metric.direction === 'higher-is-better' ? 1 : -1
  const value = ({ noted }: Ranked) => {
    const found = noted.metrics?.[metric.name]
    return Number.isFinite(found) ? sign * found! : Number.NEGATIVE_INFINITY
  }
  return value(one) > value(other)
}

/** From what is released to what nobody may release. */
function rankOf(verdict: Verdict | undefined): number {
  if (verdict === undefined || verdict.status === 'pass') return 0
  if (verdict.status === 'inconclusive') return verdict.whenInconclusive === 'release' ? 1 : 2
  return refusedForGood(verdict.findings) === undefined ? 3 : 4
}

/** The row of a candidate that the gate did not judge, because it was released before. */
export function notJudged(
  { variant, bundle }: Offer,
  standing: Standing,
  { history, current }: Known,
): JudgedCandidate {
  const row = { name: variant.name ?? '', bundle: bundle.digest }
  if (standing !== 'withdrawn')
    return { ...row, status: 'up-to-date', reason: `It is the current release ${current?.version}.` }
  const release = history.find((one) => one.bundle === bundle.digest)
  return {
    ...row,
    status: 'withdrawn',
    reason: `It is the release ${release?.version}, which is withdrawn (${release?.withdrawn?.reason}).`,
  }
}

export const markChosen = (table: readonly JudgedCandidate[], at: number): readonly JudgedCandidate[] =>
  table.map((row, index) => (index === at ? { ...row, chosen: true as const } : row))

/** With the candidates that another machine judged and did not choose. */
export const withOthers = (
  table: readonly JudgedCandidate[],
  names: readonly string[] | undefined,
): readonly JudgedCandidate[] =>
  names?.map(
    (name): JudgedCandidate =>
      table.find((row) => row.name === name) ?? {
        ...{ name, status: 'elsewhere' },
        reason: 'Another machine judged it and chose another one.',
      },
  ) ?? table

/** Writes into the run's record which candidate its verdict is about. Only a choice among several is part of the result. */
export async function recordChoice(
  session: Session,
  { variant, made, bundle }: Offer,
  table: readonly JudgedCandidate[],
  noted: Partial<RunRecord>,
): Promise<Pick<RunResult, 'candidates'>> {
  if (variant.name === undefined) return {}
  const { source } = session.record
  const candidates = session.hide(table)
  await session.update({
    ...noted,
    candidate: made,
    bundle: bundle.digest,
    candidates,
    // The trainer of the chosen one says what users get.
    ...(source !== undefined && { source: { ...source, architecture: variant.trainer.name } }),
  })
  return { candidates }
}

/** A part of a result, absent if there was no choice. */
export const chosenAmong = (candidates: RunRecord['candidates']): Pick<RunResult, 'candidates'> =>
  candidates === undefined ? {} : { candidates }
