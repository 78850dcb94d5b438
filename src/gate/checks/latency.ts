import { SheikhError } from '../../core/index.js'
import { binomialCdf } from '../../statistics/index.js'
import type { Check, Finding } from '../gate.js'
import { alpha } from '../partial-finding.js'

export interface LatencyOptions {
  /** Milliseconds for one input, asked alone. */
  readonly maximumMs: number
  /** Which quantile must be within it, 0..1. @default 0.95 */
  readonly quantile?: number | undefined
}

/**
 * Whether a quantile of the time that one answer takes is at most `maximumMs`, on the machine that judges: its upper bound
 * has to be, and it fails where the lower bound is not. Bounds are order statistics, whatever the distribution (W. J.
 * Conover, Practical Nonparametric Statistics, § 3.2). Nothing of it is kept: every run measures anew.
 *
 * @throws `invalid-options`
 */
export function latency({ maximumMs, quantile = 0.95 }: LatencyOptions): Check {
  if (!(maximumMs > 0 && Number.isFinite(maximumMs) && quantile > 0 && quantile < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot ask for the quantile ${quantile} within ${maximumMs} ms: give a quantile between 0 and 1 and a time above 0.`,
    )
  const name = 'latency'
  return {
    contract: 1,
    name,
    version: '1',
    metrics: [],
    timesAnswers: true,
    describe: () => ({ maximumMs, quantile, alpha }),
    async examine({ candidate: { latenciesMs }, passAlpha = alpha }, context) {
      context.signal.throwIfAborted()
      const common = { check: name, critical: true, unit: 'ms', threshold: maximumMs, alpha: passAlpha } as const
      if (latenciesMs === undefined || latenciesMs.length === 0)
        return [{ ...common, status: 'inconclusive', reason: 'no answer was timed' }]
      return [
        {
          ...common,
          ...judge(
            [...latenciesMs].sort((one, other) => one - other),
            quantile,
            maximumMs,
            passAlpha,
          ),
        },
      ]
    },
  }
}

function judge(
  sorted: readonly number[],
  quantile: number,
  maximumMs: number,
  passAlpha: number,
): Pick<Finding, 'status' | 'reason' | 'estimate' | 'lower' | 'upper' | 'items' | 'engine'> {
  const n = sorted.length
  // The k-th smallest is above the quantile with chance P(Bin(n, q) ≤ k − 1), and below it with the rest.
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
  const what = `the ${Number((100 * quantile).toFixed(2))} % quantile of ${n} single answers is ${format(estimate)} ms`
  return {
    status,
    estimate,
    ...(lower !== undefined && { lower }),
    ...(upper !== undefined && { upper }),
    items: n,
    engine: 'order statistics',
    reason: `${what}, ${upper === undefined ? 'with too few answers for an upper bound' : `at most ${format(upper)} ms with confidence`}; ${format(maximumMs)} ms are allowed`,
  }
}

const format = (ms: number) => String(Number(ms.toPrecision(3)))
