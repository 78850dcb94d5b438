import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import { comparingCheck } from '../comparing-check.js'
import type { Check } from '../gate.js'
import { judgeImprovement } from '../judge.js'
import { alpha } from '../partial-finding.js'

/**
 * Whether the candidate is better than the released model, over all items: for releases that must earn their place.
 *
 * `pass` where the one-sided test has p ≤ 0.05 (exact McNemar; for groups, means and ratios as in `noRegression`), `fail` where the
 * candidate is worse beyond chance, else `inconclusive`. Not applicable to a first release.
 *
 * @throws `invalid-options` for an aggregate metric.
 */
export function improves(metric: Metric): Check {
  if (metric.kind === 'aggregate')
    throw new SheikhError(
      'invalid-options',
      `Cannot ask whether "${metric.name}" improves: an aggregate has no parts to resample. Use a binary metric, a mean or a ratio.`,
    )
  return comparingCheck({
    name: `improves(${metric.name})`,
    metric,
    describe: () => ({ metric: metric.name, alpha }),
    common: {},
    notYet: 'nothing is released yet, so there is nothing to improve on',
    whenSame: { status: 'fail', reason: 'it is the released model itself, which is not better than itself' },
    asksBest: false,
    ask: (pairs, { passAlpha }) => [judgeImprovement(pairs.over(), passAlpha)],
  })
}
