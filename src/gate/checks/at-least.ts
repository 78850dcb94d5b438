import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import type { Check } from '../gate.js'
import { judgeBound } from '../judge-bound.js'
import { alpha } from '../partial-finding.js'

/**
 * Whether a binary metric is at least `floor`, with 95 % confidence: the one-sided bound, not the estimate,
 * has to reach it. `fail` if even the upper bound does not. The bound is Clopper and Pearson's if every item is independent,
 * else Gaffke's over groups, every item counting alike. The reason states what guessing would reach, and warns where guessing could pass.
 *
 * @param floor a ratio, 0..1.
 * @throws `invalid-options` for a metric that is not binary or of which less is better, or a floor outside 0..1.
 */
export function atLeast(metric: Metric, floor: number): Check {
  return boundCheck('at-least', metric, floor)
}

/**
 * Whether a binary metric of which less is better is at most `ceiling`, with 95 % confidence: as `atLeast`, the other way round.
 *
 * @param ceiling a ratio, 0..1.
 * @throws `invalid-options` for a metric that is not binary or of which more is better, or a ceiling outside 0..1.
 */
export function atMost(metric: Metric, ceiling: number): Check {
  return boundCheck('at-most', metric, ceiling)
}

function boundCheck(side: 'at-least' | 'at-most', metric: Metric, threshold: number): Check {
  const direction = side === 'at-least' ? 'higher-is-better' : 'lower-is-better'
  if (metric.kind !== 'binary' || metric.direction !== direction)
    throw new SheikhError(
      'invalid-options',
      `Cannot hold "${metric.name}" to a ${side === 'at-least' ? 'floor' : 'ceiling'}: only a binary metric of which ${side === 'at-least' ? 'more' : 'less'} is better has an exact bound here. Use ${side === 'at-least' ? 'accuracy()' : 'one that counts errors'}, or a check of your own.`,
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
          critical: true,
          threshold,
          alpha: passAlpha,
          ...judgeBound(evaluation, metric, { side, threshold, passAlpha }),
        },
      ]
    },
  }
}
