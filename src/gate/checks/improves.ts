import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import { type Answer, alpha } from '../answer.js'
import type { Check } from '../gate.js'
import { judgeImprovement } from '../judge.js'
import { checkComparable, pairGroups } from '../paired-groups.js'

/**
 * Whether the candidate is better than the released model, over all items: for releases that must earn their place.
 *
 * `pass` where the one-sided test has p ≤ 0.05 (exact McNemar; of means and ratios as in `noRegression`), `fail` where the
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
  const name = `improves(${metric.name})`
  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    compares: true,
    describe: () => ({ metric: metric.name, alpha }),
    async examine({ candidate, baseline }, context) {
      context.signal.throwIfAborted()
      const common = { check: name, metric: metric.name, kind: metric.kind, critical: true, alpha }
      if (baseline === undefined)
        return [
          { ...common, status: 'not-applicable', reason: 'nothing is released yet, so there is nothing to improve on' },
        ]
      const against = { ...common, against: 'baseline', againstVersion: baseline.version } as const
      if ('unscorable' in baseline) {
        const reason = `the baseline ${baseline.version} could not be scored (baseline-unscorable): ${baseline.unscorable}`
        return [{ ...against, status: 'inconclusive', reason } satisfies Answer & typeof against]
      }
      checkComparable(candidate.evaluation, baseline.evaluation)
      return [
        {
          ...against,
          ...judgeImprovement(pairGroups(candidate.evaluation, baseline.evaluation, metric.name).over()),
        },
      ]
    },
  }
}
