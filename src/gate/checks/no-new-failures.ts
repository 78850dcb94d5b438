import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import { maximumWorst } from '../answer.js'
import type { Check } from '../gate.js'
import { checkComparable, pairGroups } from '../paired-groups.js'

export interface NoNewFailuresOptions {
  /** How many items may be lost all the same. @default 0 */
  readonly allowed?: number | undefined
}

/**
 * Whether the candidate still has right every item that the released model has: for sets of cases that were fixed once, and
 * must stay so. A count, not an estimate: nothing is said of other items.
 *
 * @throws `invalid-options` for a metric that is not binary.
 */
export function noNewFailures(metric: Metric, { allowed = 0 }: NoNewFailuresOptions = {}): Check {
  if (metric.kind !== 'binary')
    throw new SheikhError(
      'invalid-options',
      `Cannot look for new failures of "${metric.name}": it is not binary, so no item is right or wrong. Use accuracy().`,
    )
  if (!Number.isSafeInteger(allowed) || allowed < 0)
    throw new SheikhError('invalid-options', `Cannot allow ${allowed} new failures. Give a whole number of at least 0.`)
  const name = `no-new-failures(${metric.name})`
  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    compares: true,
    describe: () => ({ metric: metric.name, allowed }),
    async examine({ candidate, baseline }, context) {
      context.signal.throwIfAborted()
      const common = { check: name, metric: metric.name, kind: metric.kind, critical: true } as const
      if (baseline === undefined)
        return [
          { ...common, status: 'not-applicable', reason: 'nothing is released yet, so nothing can have been lost' },
        ]
      const against = { ...common, against: 'baseline', againstVersion: baseline.version } as const
      if ('unscorable' in baseline)
        return [
          {
            ...against,
            status: 'inconclusive',
            reason: `the baseline ${baseline.version} could not be scored (baseline-unscorable): ${baseline.unscorable}`,
          },
        ]
      checkComparable(candidate.evaluation, baseline.evaluation)
      const { groups, items, unanswered } = pairGroups(candidate.evaluation, baseline.evaluation, metric.name).over()
      const lost = groups.flatMap((group) => group.lost)
      const counts = { ...against, items, groups: groups.length, lost: lost.length, worst: lost.slice(0, maximumWorst) }
      if (lost.length > allowed)
        return [
          {
            ...counts,
            status: 'fail',
            reason: `${lost.length} of ${items} items were right and are not, and ${allowed} may be`,
          },
        ]
      if (unanswered > 0)
        return [
          {
            ...counts,
            status: 'inconclusive',
            reason: `${unanswered} of ${items} items were not answered by both models: infrastructure is not quality, ask again`,
          },
        ]
      return [
        {
          ...counts,
          status: 'pass',
          reason: `${lost.length} of ${items} items were right and are not, and ${allowed} may be`,
        },
      ]
    },
  }
}
