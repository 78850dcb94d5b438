import { SheikhError } from '../../core/index.js'
import type { Evaluation, Metric } from '../../evaluation/index.js'
import { binomialLowerBound, binomialUpperBound } from '../../statistics/index.js'
import type { Check, Finding } from '../gate.js'
import { mean, metricColumn } from '../paired-groups.js'

const alpha = 0.05

/**
 * Whether a binary metric is at least `floor`, with 95 % confidence: the one-sided Clopper-Pearson bound, not the
 * estimate, has to reach it. `fail` where even the upper bound does not. The group is the unit, one whose items disagree
 * rounded against the claim.
 *
 * @param floor a ratio, 0..1.
 * @throws `invalid-options` for a metric that is not binary, or a floor outside 0..1.
 */
export function atLeast(metric: Metric, floor: number): Check {
  if (metric.kind !== 'binary' || metric.direction !== 'higher-is-better')
    throw new SheikhError(
      'invalid-options',
      `Cannot hold "${metric.name}" to a floor: only a binary metric of which more is better has an exact bound here. Use accuracy(), or a check of your own.`,
    )
  if (!(floor >= 0 && floor <= 1))
    throw new SheikhError('invalid-options', `Cannot use the floor ${floor}: it is not between 0 and 1.`)
  const name = `at-least(${metric.name})`
  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    describe: () => ({ metric: metric.name, floor, alpha }),
    async examine({ candidate: { evaluation } }, context) {
      context.signal.throwIfAborted()
      return [
        {
          check: name,
          metric: metric.name,
          critical: true,
          threshold: floor,
          alpha,
          engine: 'one-sided Clopper-Pearson',
          ...judge(evaluation, metric.name, floor),
        },
      ]
    },
  }
}

function judge(evaluation: Evaluation, metric: string, floor: number): Omit<Finding, 'check' | 'critical'> {
  const { scores } = metricColumn(evaluation, metric)
  const items = scores.length
  const unanswered = scores.filter((score) => score === null).length
  if (unanswered > 0 || items === 0)
    return {
      status: 'inconclusive',
      items,
      reason:
        items === 0
          ? 'there are no items'
          : `${unanswered} of ${items} items were not answered: infrastructure is not quality, ask again`,
    }
  const groups = new Map<string, number[]>()
  for (const [index, score] of scores.entries()) {
    const group = evaluation.groups[index]!
    groups.set(group, [...(groups.get(group) ?? []), score!])
  }
  const means = [...groups.values()].map(mean)
  const count = (round: (value: number) => number) => means.reduce((sum, value) => sum + round(value), 0)
  const lower = binomialLowerBound(count(Math.floor), means.length, alpha)
  const upper = binomialUpperBound(count(Math.ceil), means.length, alpha)
  const estimate = mean(means)
  const status = lower >= floor ? 'pass' : upper < floor ? 'fail' : 'inconclusive'
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  const bound = status === 'fail' ? `at most ${percent(upper)}` : `at least ${percent(lower)}`
  return {
    status,
    reason: `${metric} is ${percent(estimate)} over ${means.length} independent items, ${bound} with 95 % confidence; the floor is ${percent(floor)}${chance(evaluation)}`,
    estimate,
    lower,
    upper,
    candidateValue: estimate,
    items,
    groups: means.length,
  }
}

/** What always giving the most frequent answer would reach: a floor below it says little. */
function chance({ targets }: Evaluation): string {
  const counts = new Map<string, number>()
  for (const target of targets) if (typeof target === 'string') counts.set(target, (counts.get(target) ?? 0) + 1)
  if (counts.size === 0 || counts.size > targets.length / 2) return ''
  return `, and always giving the most frequent answer reaches ${((100 * Math.max(...counts.values())) / targets.length).toFixed(1)} %`
}
