import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import { comparingCheck } from '../comparing-check.js'
import type { Check } from '../gate.js'
import { notComparable } from '../judge.js'
import { firstRegressedIds, type Pairing } from '../paired-groups.js'
import { maximumRegressedIds, type PartialFinding } from '../partial-finding.js'

export interface NoNewFailuresOptions {
  /** How many regressions are allowed. @default 0 */
  readonly allowed?: number | undefined
}

/**
 * Checks that the candidate answers every item correctly that the released model does, for example known bugs that must
 * stay fixed. This is a count, not an estimate: it makes no claim about other items.
 *
 * @throws `invalid-options` for a metric that is not binary.
 */
export function noNewFailures(metric: Metric, { allowed = 0 }: NoNewFailuresOptions = {}): Check {
  if (metric.kind !== 'binary')
    throw new SheikhError(
      'invalid-options',
      `Cannot look for new failures of "${metric.name}": the metric is not binary, so items are not right or wrong. Use accuracy().`,
    )
  if (!Number.isSafeInteger(allowed) || allowed < 0)
    throw new SheikhError('invalid-options', `Cannot allow ${allowed} new failures. Give an integer of at least 0.`)
  return comparingCheck({
    name: `no-new-failures(${metric.name})`,
    metric,
    describe: () => ({ metric: metric.name, allowed }),
    notYet: 'no release exists yet, so there are no regressions',
    whenSame: {
      status: 'pass',
      reason:
        'the candidate is the released model, so there are no regressions: only other files of the release differ',
    },
    asksBest: false,
    ask: (pairs) => [judgeLosses(pairs.over(), allowed)],
  })
}

function judgeLosses(pairing: Pairing, allowed: number): PartialFinding<'regressions' | 'statement'> {
  const { candidate, items } = pairing
  const { length: lost } = pairing.lost.items
  const counts = {
    kind: 'regressions',
    ...{ items, groups: candidate.length, regressions: lost, allowed },
    regressedIds: firstRegressedIds(pairing, maximumRegressedIds),
    reason: `${lost} of ${items} items are regressions; ${allowed} are allowed`,
  } as const
  // Items without an answer cannot undo a regression.
  if (lost > allowed) return { ...counts, status: 'fail' }
  return notComparable(pairing) ?? { ...counts, status: 'pass' }
}
