import { SheikhError } from '../../core/index.js'
import type { Evaluation, Metric } from '../../evaluation/index.js'
import { comparingCheck } from '../comparing-check.js'
import type { Check } from '../gate.js'
import { judgeNoRegression } from '../judge.js'
import { alpha, type PartialFinding } from '../partial-finding.js'
import { slicesOf } from '../slices.js'
import { suggestedGroups } from '../suggested-groups.js'

export interface NoRegressionOptions {
  /**
   * The largest loss that is tolerated, in the metric's unit. Above 0, and below 1 for a binary metric. @default 0.02
   */
  readonly margin?: number | undefined
  /** Slices that must pass for the verdict to pass, such as `category=spam-1`. @default none */
  readonly requiredSlices?: readonly string[] | undefined
}

/**
 * Checks that the candidate is at most `margin` worse than the released model, and than the best model ever released.
 * Compares over all items and per slice, paired by item. Every item has the same weight; groups are the independent
 * units.
 *
 * A binary metric whose items are independent: `pass` if Tango's score test of non-inferiority (Statistics in Medicine
 * 17, 1998) and the exact unconditional test both have p ≤ 0.05; `fail` if there are more regressions than improvements
 * and the one-sided mid-p McNemar test has p ≤ 0.05. A binary metric in groups, and a mean: `pass` if `gaffkeTest` over
 * groups has p ≤ 0.05 for "better than −margin", `fail` if it has p ≤ 0.05 for "worse than 0". A ratio of sums: the
 * same test, linearised, and the BCa bootstrap must agree. Slices fail after Holm's correction. Otherwise
 * `inconclusive`.
 *
 * A metric with a wide range needs many items: at least 3 · range / margin, because one unseen item may lose the full
 * range. Without a clip `logLoss()` is nearly always inconclusive: use `logLoss({ clip: 0.05 })`, or compare
 * `accuracy()`.
 *
 * A mean or ratio without a finite `range` needs at least 20 groups. The distance of an unseen group is estimated from
 * the scores.
 *
 * @throws `invalid-options` for an aggregate metric, or a margin that is not above 0 (and below 1 for a binary metric).
 */
export function noRegression(metric: Metric, { margin = 0.02, requiredSlices = [] }: NoRegressionOptions = {}): Check {
  if (metric.kind === 'aggregate')
    throw new SheikhError(
      'invalid-options',
      `Cannot check "${metric.name}" for regression: an aggregate has no per-item scores to resample. Use a binary metric, a mean or a ratio, or a check of your own.`,
    )
  if (!(margin > 0 && margin < (metric.kind === 'binary' ? 1 : Number.POSITIVE_INFINITY)))
    throw new SheikhError(
      'invalid-options',
      `Cannot use the margin ${margin}: it is not ${metric.kind === 'binary' ? 'between 0 and 1' : 'a finite number above 0'}. For example, 0.02 is two percentage points.`,
    )
  return comparingCheck({
    name: `no-regression(${metric.name})`,
    metric,
    describe: () => ({ metric: metric.name, margin, alpha, requiredSlices }),
    notYet: 'no release exists yet, so there is nothing to compare with',
    whenSame: {
      status: 'pass',
      reason:
        'the candidate is the released model, so there are no regressions: only other files of the release differ',
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
            ...{ kind: 'statement', slice, required: true, status: 'inconclusive' },
            reason: 'the slice is required but has no items',
          })
      return answers
    },
  })
}

/** A warning that items may not be independent. Empty if the ids suggest no groups. */
function undeclared(evaluation: Evaluation): string {
  const found = suggestedGroups(evaluation)
  if (found === undefined) return ''
  const { prefixes, example } = found
  return `; the ids suggest groups that are not declared (${prefixes.toLocaleString('en')} prefixes, such as ${JSON.stringify(example)}): if those items belong together, give them the same "group"`
}
