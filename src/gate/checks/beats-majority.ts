import { SheikhError } from '../../core/index.js'
import type { Evaluation, Metric } from '../../evaluation/index.js'
import type { Check } from '../gate.js'
import { judgeImprovement } from '../judge.js'
import { judgeBound } from '../judge-bound.js'
import { metricColumn, pairGroups } from '../paired-groups.js'
import { alpha, type PartialFinding } from '../partial-finding.js'

// A target that is rarer among the items is hardly ever the most frequent one of the population.
const comparedTargets = 20

/**
 * Checks that a model is better than always answering the most frequent target of the evaluation set, with 95 %
 * confidence.
 *
 * The floor is the share of that target among the items, 0..1. `pass` if the one-sided lower bound reaches the floor
 * and the model is better, item by item, than always giving any one of the 20 most frequent targets: the most frequent
 * target of the items need not be that of the population. `fail` if the upper bound does not reach the floor and the
 * model is worse, item by item, than always giving the most frequent one. The bounds are the same as in `atLeast`. The
 * comparison by item is the same as in `improves`, and accounts for the share being an estimate. `inconclusive` if all
 * items have one target, because no model can be better. `not-applicable` if the targets are not texts.
 *
 * @throws `invalid-options` for a metric that is not binary, or not "higher is better".
 */
export function beatsMajority(metric: Metric): Check {
  if (metric.kind !== 'binary' || metric.direction !== 'higher-is-better')
    throw new SheikhError(
      'invalid-options',
      `Cannot compare "${metric.name}" with the most frequent answer: the metric is not binary with "higher is better". Use accuracy() or exactMatch().`,
    )
  const name = `beats-majority(${metric.name})`
  return {
    contract: 1,
    name,
    // Version 2: comparisons by item have to agree with the bound.
    version: metric.version === undefined ? undefined : '2',
    metrics: [metric],
    describe: () => ({ metric: metric.name, alpha }),
    async examine({ candidate: { evaluation }, passAlpha = alpha }, context) {
      context.signal.throwIfAborted()
      const counts = new Map<unknown, number>()
      for (const target of evaluation.targets) counts.set(target, (counts.get(target) ?? 0) + 1)
      const common = { check: name, metric: metric.name, metricKind: metric.kind, critical: true }
      const items = evaluation.targets.length
      const finding = (answer: PartialFinding<'bound' | 'statement'>) => [{ ...common, ...answer }]
      if ([...counts.keys()].some((target) => typeof target !== 'string'))
        return finding({
          kind: 'statement',
          status: 'not-applicable',
          reason: 'the targets are not labels, so there is no most frequent one',
        })
      if (counts.size === 1)
        return finding({
          kind: 'statement',
          status: 'inconclusive',
          reason:
            'all items have the same target, so no model can be better than always giving it; pin items with other targets',
        })
      const frequent = [...counts].sort((one, other) => other[1] - one[1]).slice(0, comparedTargets)
      const threshold = items === 0 ? 0 : frequent[0]![1] / items
      const bounded = judgeBound(evaluation, metric, { side: 'at-least', threshold, passAlpha })
      if (bounded.kind === 'statement' || bounded.status === 'inconclusive') return finding(bounded)
      const paired = frequent
        .slice(0, bounded.status === 'pass' ? comparedTargets : 1)
        .map(([target]) =>
          judgeImprovement(pairGroups(evaluation, always(target, evaluation, metric), metric).over(), passAlpha),
        )
      const engine = [bounded, paired[0]!]
        .flatMap((part) => (part.kind === 'statement' ? [] : part.engine))
        .join(', and ')
      if (paired.every(({ status }) => status === bounded.status)) return finding({ ...bounded, engine })
      const reason = `${bounded.reason}; item by item, the data do not show whether it is better or worse than always giving the most frequent target`
      return finding({ ...bounded, engine, status: 'inconclusive', reason })
    },
  }
}

/** The evaluation of a model that always answers `answer`. */
function always(answer: unknown, evaluation: Evaluation, metric: Metric): Evaluation {
  const scores = Float64Array.from(evaluation.targets, (target) => (target === answer ? 1 : 0))
  return { ...evaluation, metrics: [{ ...metricColumn(evaluation, metric), scores }] }
}
