import { SheikhError } from '../../core/index.js'
import { binomialCdf } from '../../statistics/index.js'
import type { Check } from '../gate.js'
import { alpha, type PartialFinding } from '../partial-finding.js'

export interface LatencyOptions {
  /** Maximum time for one prediction, in milliseconds. */
  readonly maximumMs: number
  /** The quantile that must be within it, 0..1. @default 0.95 */
  readonly quantile?: number | undefined
}

/**
 * Checks that a quantile of the time for a single prediction is at most `maximumMs`, on the machine that runs the gate.
 * `pass` if the upper bound of the quantile is, `fail` if the lower bound is not. Bounds are order statistics and need
 * no assumption about the distribution (W. J. Conover, Practical Nonparametric Statistics, § 3.2). Every run measures
 * again; nothing is cached.
 *
 * @throws `invalid-options`
 */
export function latency({ maximumMs, quantile = 0.95 }: LatencyOptions): Check {
  if (!(maximumMs > 0 && Number.isFinite(maximumMs) && quantile > 0 && quantile < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot check the quantile ${quantile} against ${maximumMs} ms: a value is out of range. Give a quantile between 0 and 1 and a time above 0.`,
    )
  const name = 'latency'
  return {
    contract: 1,
    name,
    version: '1',
    metrics: [],
    needs: ['latency'],
    describe: () => ({ maximumMs, quantile, alpha }),
    async examine({ candidate: { latenciesMs }, passAlpha = alpha }, context) {
      context.signal.throwIfAborted()
      const common = { check: name, critical: true }
      if (latenciesMs === undefined || latenciesMs.length === 0)
        return [{ ...common, kind: 'statement', status: 'inconclusive', reason: 'no latency was measured' }]
      const sorted = [...latenciesMs].sort((one, other) => one - other)
      return [{ ...common, ...judge(sorted, quantile, maximumMs, passAlpha) }]
    },
  }
}

function judge(
  sorted: readonly number[],
  quantile: number,
  maximumMs: number,
  passAlpha: number,
): PartialFinding<'bound'> {
  const n = sorted.length
  // The k-th smallest value is above the quantile with chance P(Bin(n, q) ≤ k − 1), otherwise below it.
  const chances = sorted.map((_, k) => binomialCdf(k, n, quantile))
  const upperAt = chances.findIndex((chance) => chance >= 1 - passAlpha)
  const lowerAt = chances.findLastIndex((chance) => chance <= alpha)
  const upper = upperAt < 0 ? undefined : sorted[upperAt]
  const lower = lowerAt < 0 ? undefined : sorted[lowerAt]
  const estimate = sorted[Math.min(n - 1, Math.floor(quantile * n))]!
  const status =
    upper !== undefined && upper <= maximumMs
      ? 'pass'
      : lower !== undefined && lower > maximumMs
        ? 'fail'
        : 'inconclusive'
  const what = `the ${Number((100 * quantile).toFixed(2))} % quantile of ${n} single predictions is ${format(estimate)} ms`
  return {
    kind: 'bound',
    status,
    ...{ side: 'at-most', threshold: maximumMs, unit: 'ms', estimate },
    ...(lower !== undefined && { lower }),
    ...(upper !== undefined && { upper }),
    ...{ items: n, groups: n, engine: 'order statistics', alpha: passAlpha },
    reason: `${what}, ${upper === undefined ? 'with too few predictions for an upper bound' : `at most ${format(upper)} ms with confidence`}; the maximum is ${format(maximumMs)} ms`,
  }
}

const format = (ms: number) => String(Number(ms.toPrecision(3)))
