import { type CallContext, SheikhError } from '../../core/index.js'
import type { Evaluation, Metric } from '../../evaluation/index.js'
import {
  exactNonInferiority,
  mcnemar,
  minimumItemsForMargin,
  requiredItems,
  smallestDetectableDrop,
  tango,
} from '../../statistics/index.js'
import type { Check, Evidence, Finding, Opponent } from '../gate.js'
import { checkComparable, countDiscordant, mean, type Pairing, pairGroups } from '../paired-groups.js'

export interface NoRegressionOptions {
  /** The largest loss that is still no regression, in the metric's unit, above 0 and below 1. @default 0.02 */
  readonly margin?: number | undefined
  /** Slices (`category=spam-1`) without whose pass there is none over all. @default none */
  readonly requiredSlices?: readonly string[] | undefined
}

const alpha = 0.05
const confidence = 1 - alpha
const maximumWorst = 20
const passEngine = 'Tango 1998 score test and exact unconditional test'
const failEngine = 'one-sided mid-p McNemar'

/**
 * Whether the candidate is at most `margin` worse than the released model, and than the best one ever released: over all
 * items and by slice, paired item by item, the group as the unit.
 *
 * `pass` where Tango's score test of non-inferiority (Statistics in Medicine 17, 1998) and the exact unconditional test
 * both have p ≤ 0.05; `fail` where more groups were lost than won and the one-sided mid-p McNemar test has p ≤ 0.05, by
 * slice after Holm's correction; else `inconclusive`.
 *
 * @throws `invalid-options` for a metric that is not binary, or a margin outside (0, 1).
 */
export function noRegression(metric: Metric, { margin = 0.02, requiredSlices = [] }: NoRegressionOptions = {}): Check {
  if (metric.kind !== 'binary')
    throw new SheikhError(
      'invalid-options',
      `Cannot check "${metric.name}" for regression: it is not binary, and only binary metrics have exact tests here. Use accuracy(), or a check of your own.`,
    )
  if (!(margin > 0 && margin < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot use the margin ${margin}: it is not between 0 and 1. 0.02 is two points.`,
    )
  const name = `no-regression(${metric.name})`

  const against = (
    opponent: Opponent,
    role: 'baseline' | 'best',
    candidate: Evaluation,
    context: CallContext,
  ): readonly Finding[] => {
    const common = {
      check: name,
      metric: metric.name,
      critical: true,
      against: role,
      againstVersion: opponent.version,
      margin,
      alpha,
    } as const
    if ('unscorable' in opponent)
      return [
        {
          ...common,
          status: 'inconclusive',
          reason: `the ${role} ${opponent.version} could not be scored (baseline-unscorable): ${opponent.unscorable}`,
        },
      ]
    const { evaluation } = opponent
    checkComparable(candidate, evaluation)
    const judge = (included: (index: number) => boolean) =>
      judgePairing(pairGroups(candidate, evaluation, metric.name, included), margin)
    const findings: Finding[] = [{ ...common, ...judge(() => true) }]
    const present = sliceNames(candidate)
    for (const slice of present) {
      context.signal.throwIfAborted()
      const [kind, value] = splitSlice(slice)
      findings.push({ ...common, slice, ...judge((index) => candidate.slices[kind]![index] === value) })
    }
    for (const slice of requiredSlices)
      if (!present.includes(slice))
        findings.push({
          ...common,
          slice,
          status: 'inconclusive',
          reason: 'the slice is required, and no item is in it',
        })
    return findings
  }

  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    compares: true,
    requiredSlices,
    describe: () => ({ metric: metric.name, margin, alpha, requiredSlices }),
    async examine({ candidate, baseline, best }: Evidence, context) {
      context.signal.throwIfAborted()
      if (baseline === undefined && best === undefined)
        return [
          {
            check: name,
            metric: metric.name,
            status: 'not-applicable',
            critical: true,
            margin,
            alpha,
            reason: 'nothing is released yet, so there is nothing to be worse than',
          },
        ]
      return [
        ...(baseline === undefined ? [] : against(baseline, 'baseline', candidate.evaluation, context)),
        ...(best === undefined ? [] : against(best, 'best', candidate.evaluation, context)),
      ]
    },
  }
}

/** What one pairing says. A slice's `fail` is decided by the gate, over all slices together. */
function judgePairing(pairing: Pairing, margin: number): Omit<Finding, 'check' | 'critical'> {
  const { groups, items, unanswered } = pairing
  if (unanswered > 0)
    return {
      status: 'inconclusive',
      items,
      groups: groups.length,
      reason: `${unanswered} of ${items} items were not answered by both models: infrastructure is not quality, ask again`,
    }
  const n = groups.length
  if (n === 0) return { status: 'inconclusive', items, groups: 0, reason: 'no item could be compared' }
  const claimed = countDiscordant(groups, 'no-harm')
  const harmed = countDiscordant(groups, 'harm')
  const score = tango({ ...claimed, margin, confidence })
  const { upper } = tango({ ...harmed, margin, confidence })
  // Below this many even no disagreement at all certifies nothing; a lucky handful of wins must not either.
  const enough = n >= minimumItemsForMargin(margin)
  const pPass = enough ? Math.max(score.p, exactNonInferiority({ ...claimed, margin })) : 1
  const pFail = harmed.b > harmed.c ? mcnemar({ b: harmed.b, c: harmed.c }).midP : 1
  const candidateValue = mean(groups.map(({ candidate }) => candidate))
  const opponentValue = mean(groups.map(({ opponent }) => opponent))
  const status = pPass <= alpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  return {
    status,
    reason: sentence(status, candidateValue - opponentValue, score.lower, n, claimed, margin),
    estimate: candidateValue - opponentValue,
    lower: score.lower,
    upper,
    candidateValue,
    opponentValue,
    items,
    groups: n,
    lost: claimed.b,
    won: claimed.c,
    engine: status === 'fail' ? failEngine : passEngine,
    pPass,
    pFail,
    worst: groups.flatMap(({ lost }) => lost).slice(0, maximumWorst),
    ...(status === 'inconclusive' && sizes(n, (claimed.b + claimed.c) / n, margin)),
  }
}

/** What a set of this size could have seen, and the size that would do. */
function sizes(n: number, observed: number, margin: number): Pick<Finding, 'smallestDetectableDrop' | 'groupsNeeded'> {
  // No disagreement in n groups is no proof that there is none: half a group is assumed.
  const discordance = Math.max(observed, 0.5 / n)
  // The normal approximation; where it is large it is good, and the exact search would take seconds.
  const approximate = Math.ceil(((1.6449 + 0.8416) / margin) ** 2 * discordance)
  const groupsNeeded = approximate > 3000 ? approximate : requiredItems({ discordance, margin })
  const drop = n > 3000 ? undefined : smallestDetectableDrop({ n, discordance })
  return { groupsNeeded, ...(drop !== undefined && { smallestDetectableDrop: drop }) }
}

function sentence(
  status: Finding['status'],
  difference: number,
  lower: number,
  n: number,
  { b, c }: { b: number; c: number },
  margin: number,
): string {
  const points = (value: number) => `${(100 * value).toFixed(1)} points`
  const counts = `${b} lost and ${c} won of ${n} independent items`
  if (status === 'pass')
    return `the difference is ${points(difference)}, and above ${points(lower)} with 95 % confidence (${counts}); the margin is ${points(margin)}`
  if (status === 'fail') return `it is worse by ${points(-difference)} (${counts}), which is not chance`
  return `the difference is ${points(difference)} and may be as low as ${points(lower)} (${counts}): that is neither within the margin of ${points(margin)} for certain, nor worse for certain`
}

/** `category=spam-1` for every kind and value in the evaluation. */
export function sliceNames({ slices }: Evaluation): readonly string[] {
  return Object.entries(slices).flatMap(([kind, values]) =>
    [...new Set(values.filter((value) => value !== null))].sort().map((value) => `${kind}=${value}`),
  )
}

function splitSlice(slice: string): readonly [kind: string, value: string] {
  const at = slice.indexOf('=')
  return [slice.slice(0, at), slice.slice(at + 1)]
}
