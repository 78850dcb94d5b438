import { type CallContext, SheikhError } from '../../core/index.js'
import type { Evaluation, Metric } from '../../evaluation/index.js'
import type { Check, Evidence, Finding, Opponent } from '../gate.js'
import { judgeNoRegression } from '../judge.js'
import { checkComparable, pairGroups } from '../paired-groups.js'

export interface NoRegressionOptions {
  /** The largest loss that is still no regression, in the metric's unit, above 0 and below 1. @default 0.02 */
  readonly margin?: number | undefined
  /** Slices (`category=spam-1`) without whose pass there is none over all. @default none */
  readonly requiredSlices?: readonly string[] | undefined
}

const alpha = 0.05

/**
 * Whether the candidate is at most `margin` worse than the released model, and than the best one ever released: over all
 * items and by slice, paired item by item, the group as the unit.
 *
 * A binary metric: `pass` where Tango's score test of non-inferiority (Statistics in Medicine 17, 1998) and the exact
 * unconditional test both have p ≤ 0.05; `fail` where more groups were lost than won and the one-sided mid-p McNemar test has
 * p ≤ 0.05. A mean or a ratio of sums: `pass` where the BCa bootstrap has p ≤ 0.05 for better than −margin, `fail` where it
 * has for worse than 0; of a mean the sign-flip test must agree; twenty groups are the fewest. By slice after Holm's
 * correction; else `inconclusive`.
 *
 * @throws `invalid-options` for an aggregate metric, or a margin that is not above 0 (and below 1 for a binary metric).
 */
export function noRegression(metric: Metric, { margin = 0.02, requiredSlices = [] }: NoRegressionOptions = {}): Check {
  if (metric.kind === 'aggregate')
    throw new SheikhError(
      'invalid-options',
      `Cannot check "${metric.name}" for regression: an aggregate has no parts to resample. Use a binary metric, a mean or a ratio, or a check of your own.`,
    )
  if (!(margin > 0 && margin < (metric.kind === 'binary' ? 1 : Number.POSITIVE_INFINITY)))
    throw new SheikhError(
      'invalid-options',
      `Cannot use the margin ${margin}: it is not ${metric.kind === 'binary' ? 'between 0 and 1' : 'a finite number above 0'}. 0.02 is two points.`,
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
      kind: metric.kind,
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
    const pairs = pairGroups(candidate, evaluation, metric.name)
    const findings: Finding[] = [{ ...common, ...judgeNoRegression(pairs.over(), margin) }]
    const slices = itemsBySlice(candidate)
    for (const [slice, items] of slices) {
      context.signal.throwIfAborted()
      findings.push({ ...common, slice, ...judgeNoRegression(pairs.over(items), margin) })
    }
    for (const slice of requiredSlices)
      if (!slices.has(slice))
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

/** The items of `category=spam-1`, for every kind and value in the evaluation; sorted by name within a kind. */
function itemsBySlice({ slices }: Evaluation): ReadonlyMap<string, Uint32Array> {
  const found = new Map<string, Uint32Array>()
  for (const [kind, values] of Object.entries(slices)) {
    const items = new Map<string, number[]>()
    for (const [index, value] of values.entries()) {
      if (value === null) continue
      const known = items.get(value)
      if (known === undefined) items.set(value, [index])
      else known.push(index)
    }
    for (const value of [...items.keys()].sort()) found.set(`${kind}=${value}`, Uint32Array.from(items.get(value)!))
  }
  return found
}
