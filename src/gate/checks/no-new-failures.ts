import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import { comparingCheck } from '../comparing-check.js'
import type { Check } from '../gate.js'
import { notComparable } from '../judge.js'
import { firstLost, type Pairing } from '../paired-groups.js'
import { maximumWorst, type PartialFinding } from '../partial-finding.js'

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
  return comparingCheck({
    name: `no-new-failures(${metric.name})`,
    metric,
    describe: () => ({ metric: metric.name, allowed }),
    common: {},
    notYet: 'nothing is released yet, so nothing can have been lost',
    whenSame: {
      status: 'pass',
      reason: 'it is the released model itself, so nothing is lost: only other files of the release differ',
    },
    asksBest: false,
    ask: (pairs) => [judgeLosses(pairs.over(), allowed)],
  })
}

function judgeLosses(pairing: Pairing, allowed: number): PartialFinding {
  const { candidate, items } = pairing
  const { length: lost } = pairing.lost.items
  const counts = { items, groups: candidate.length, regressions: lost, regressedIds: firstLost(pairing, maximumWorst) }
  const reason = `${lost} of ${items} items were right and are not, and ${allowed} may be`
  // What is lost is lost, whatever the items without an answer would be.
  if (lost > allowed) return { ...counts, status: 'fail', reason }
  return notComparable(pairing) ?? { ...counts, status: 'pass', reason }
}
