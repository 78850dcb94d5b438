import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import type { Check } from '../gate.js'
import { judgeBound } from '../judge-bound.js'
import { alpha } from '../partial-finding.js'

/**
 * Checks that a binary metric is at least `floor`, with 95 % confidence: the lower one-sided bound, not the estimate,
 * has to reach the floor. `fail` if the upper bound does not reach it. The bound is Clopper-Pearson if items are
 * independent, otherwise Gaffke's bound over groups, with equal weight per item. The reason states what guessing
 * reaches, and warns if guessing could pass.
 *
 * @param floor a ratio, 0..1.
 * @throws `invalid-options` for a metric that is not binary or not "higher is better", or a floor outside 0..1.
 */
export function atLeast(metric: Metric, floor: number): Check {
  return boundCheck('at-least', metric, floor)
}

/**
 * Checks that a binary metric with "lower is better" is at most `ceiling`, with 95 % confidence. The counterpart of
 * `atLeast`.
 *
 * @param ceiling a ratio, 0..1.
 * @throws `invalid-options` for a metric that is not binary or not "lower is better", or a ceiling outside 0..1.
 */
export function atMost(metric: Metric, ceiling: number): Check {
  return boundCheck('at-most', metric, ceiling)
}

function boundCheck(side: 'at-least' | 'at-most', metric: Metric, threshold: number): Check {
  const direction = side === 'at-least' ? 'higher-is-better' : 'lower-is-better'
  if (metric.kind !== 'binary' || metric.direction !== direction)
    throw new SheikhError(
      'invalid-options',
      `Cannot hold "${metric.name}" to a ${side === 'at-least' ? 'floor' : 'ceiling'}: only a binary metric with "${side === 'at-least' ? 'higher' : 'lower'} is better" has an exact bound here. Use ${side === 'at-least' ? 'accuracy()' : 'one that counts errors'}, or a check of your own.`,
    )
  if (!(threshold >= 0 && threshold <= 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot use the ${side === 'at-least' ? 'floor' : 'ceiling'} ${threshold}: it is not between 0 and 1.`,
    )
  const name = `${side}(${metric.name})`
  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    describe: () => ({ metric: metric.name, [side === 'at-least' ? 'floor' : 'ceiling']: threshold, alpha }),
    async examine({ candidate: { evaluation }, passAlpha = alpha }, context) {
      context.signal.throwIfAborted()
      return [
        {
          check: name,
          metric: metric.name,
          metricKind: metric.kind,
          critical: true,
          ...judgeBound(evaluation, metric, { side, threshold, passAlpha }),
        },
      ]
    },
  }
}
