import type { Evaluation, MetricColumn } from '../evaluation/index.js'
import { judgeBound } from './judge-bound.js'
import { alpha } from './partial-finding.js'

/** A model's value, and its one-sided 95 % bounds. */
export interface ScoreBounds {
  readonly value: number
  /** Absent: the metric is not binary. */
  readonly lower?: number | undefined
  /** Absent: the metric is not binary. */
  readonly upper?: number | undefined
}

/**
 * The value of a metric with its bounds, over all items or over some of them.
 *
 * @returns `undefined` if some items have no answer, or if there is no value: only a binary metric has one over some items.
 */
export function scoreBounds(
  evaluation: Evaluation,
  metric: MetricColumn,
  items?: Uint32Array | undefined,
): ScoreBounds | undefined {
  if (metric.kind !== 'binary')
    return items === undefined && metric.value !== null ? { value: metric.value } : undefined
  const found = judgeBound(evaluation, metric, { side: 'at-least', threshold: 0, passAlpha: alpha, items })
  return found.kind === 'bound' ? { value: found.estimate, lower: found.lower, upper: found.upper } : undefined
}
