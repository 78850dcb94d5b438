import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import { comparingCheck } from '../comparing-check.js'
import type { Check } from '../gate.js'
import { judgeImprovement } from '../judge.js'
import { alpha } from '../partial-finding.js'

/**
 * Checks that the candidate is better than the released model, over all items.
 *
 * `pass` if the one-sided test has p ≤ 0.05 (exact McNemar; for groups, means and ratios as in `noRegression`), `fail`
 * if the candidate is significantly worse, otherwise `inconclusive`. Not applicable to a first release.
 *
 * @throws `invalid-options` for an aggregate metric.
 */
export function improves(metric: Metric): Check {
  if (metric.kind === 'aggregate')
    throw new SheikhError(
      'invalid-options',
      `Cannot check whether "${metric.name}" improves: an aggregate has no per-item scores to resample. Use a binary metric, a mean or a ratio.`,
    )
  return comparingCheck({
    name: `improves(${metric.name})`,
    metric,
    describe: () => ({ metric: metric.name, alpha }),
    notYet: 'no release exists yet, so there is nothing to improve on',
    whenSame: { status: 'fail', reason: 'the candidate is the released model, which is not better than itself' },
    asksBest: false,
    ask: (pairs, { passAlpha }) => [judgeImprovement(pairs.over(), passAlpha)],
  })
}
