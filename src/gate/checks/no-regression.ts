import { SheikhError } from '../../core/index.js'
import type { Evaluation, Metric } from '../../evaluation/index.js'
import { comparingCheck } from '../comparing-check.js'
import type { Check } from '../gate.js'
import { judgeNoRegression } from '../judge.js'
import { alpha, type PartialFinding } from '../partial-finding.js'
import { slicesOf } from '../slices.js'
import { suggestedGroups } from '../suggested-groups.js'

export interface NoRegressionOptions {
  /** The largest loss that is still no regression, in the metric's unit, above 0 and below 1. @default 0.02 */
  readonly margin?: number | undefined
  /** Slices (`category=spam-1`) without whose pass there is none over all. @default none */
  readonly requiredSlices?: readonly string[] | undefined
}

/**
 * Whether the candidate is at most `margin` worse than the released model, and than the best one ever released: over all
 * items and by slice, paired item by item. Every item counts alike; groups are the independent units.
 *
 * A binary metric whose items are independent: `pass` if Tango's score test of non-inferiority (Statistics in Medicine 17,
 * 1998) and the exact unconditional test both have p ≤ 0.05; `fail` if more items were lost than won and the one-sided mid-p
 * McNemar test has p ≤ 0.05. A binary metric in groups, and a mean: `pass` if `gaffkeTest` over groups has p ≤ 0.05 for
 * better than −margin, `fail` if it has for worse than 0. A ratio of sums: the same, linearised, and the BCa bootstrap must
 * agree. By slice after Holm's correction; else `inconclusive`.
 *
 * A metric with a wide range needs many items: at least 3 · range / margin of them, because one unseen item may lose all of
 * it. Without a clip `logLoss()` is nearly always inconclusive: use `logLoss({ clip: 0.05 })`, or compare `accuracy()`.
 *
 * A mean or ratio without a finite `range` needs 20 groups; how far an unseen group may lie is estimated from the scores.
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
  return comparingCheck({
    name: `no-regression(${metric.name})`,
    metric,
    describe: () => ({ metric: metric.name, margin, alpha, requiredSlices }),
    common: { margin },
    notYet: 'nothing is released yet, so there is nothing to be worse than',
    whenSame: {
      status: 'pass',
      reason: 'it is the released model itself, so nothing is lost: only other files of the release differ',
    },
    asksBest: true,
    ask(pairs, { candidate, passAlpha }, context) {
      const overall = judgeNoRegression(pairs.over(), margin, passAlpha)
      const hint = undeclared(candidate.evaluation)
      const answers: PartialFinding[] = [{ ...overall, reason: `${overall.reason}${hint}` }]
      const found = new Set<string>()
      for (const { slice, items } of slicesOf(candidate.evaluation)) {
        context.signal.throwIfAborted()
        found.add(slice)
        const required = requiredSlices.includes(slice) && { required: true }
        answers.push({ slice, ...required, ...judgeNoRegression(pairs.over(items), margin, passAlpha) })
      }
      for (const slice of requiredSlices)
        if (!found.has(slice))
          answers.push({
            slice,
            required: true,
            status: 'inconclusive',
            reason: 'the slice is required, and no item is in it',
          })
      return answers
    },
  })
}

/** A warning that items may not be independent; empty if the ids say nothing of the kind. */
function undeclared(evaluation: Evaluation): string {
  const found = suggestedGroups(evaluation)
  if (found === undefined) return ''
  const { prefixes, example } = found
  return `; the ids suggest groups that are not declared (${prefixes.toLocaleString('en')} prefixes, such as ${JSON.stringify(example)}): if those items belong together, give them the same "group"`
}
