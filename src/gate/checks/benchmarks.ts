import { SheikhError } from '../../core/index.js'
import type { Metric } from '../../evaluation/index.js'
import type { Finding } from '../finding.js'
import type { Check } from '../gate.js'
import { judgeBound } from '../judge-bound.js'
import { alpha } from '../partial-finding.js'
import { slicesOf } from '../slices.js'

export interface Benchmark {
  /** A slice of the evaluation set: `category=hard-cases`, or its name alone, `hard-cases`. */
  readonly name: string
  /** The share of items that must be correct, 0..1. Without a threshold the benchmark cannot pass. */
  readonly threshold?: number | undefined
}

/**
 * Checks that a binary metric reaches a threshold on each named part of the evaluation set, by the same bound as
 * `atLeast`. Each part is judged separately. A suite without items or without a threshold is inconclusive.
 *
 * @throws `invalid-options`
 */
export function benchmarks(metric: Metric, suites: readonly Benchmark[]): Check {
  if (metric.kind !== 'binary' || metric.direction !== 'higher-is-better')
    throw new SheikhError(
      'invalid-options',
      `Cannot use "${metric.name}" for benchmarks: only a binary metric with "higher is better" has an exact bound. Use accuracy().`,
    )
  const odd = suites.find(({ threshold }) => threshold !== undefined && !(threshold >= 0 && threshold <= 1))
  const names = suites.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (suites.length === 0 || odd !== undefined || twice !== undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot use these benchmarks: ${odd !== undefined ? `the threshold of "${odd.name}" is ${odd.threshold}, not 0 to 1` : twice !== undefined ? `"${twice}" appears twice` : 'the list is empty'}. Name each once, with the share of items that must be correct.`,
    )
  const check = `benchmarks(${metric.name})`
  return {
    contract: 1,
    name: check,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    describe: () => ({
      metric: metric.name,
      suites: suites.map(({ name, threshold = null }) => ({ name, threshold })),
      alpha,
    }),
    async examine({ candidate: { evaluation }, passAlpha = alpha }, context) {
      const findings: Finding[] = []
      const slices = [...slicesOf(evaluation)]
      for (const { name, threshold } of suites) {
        context.signal.throwIfAborted()
        const suite = {
          check,
          critical: true,
          required: true,
          metric: metric.name,
          metricKind: metric.kind,
          slice: name,
        }
        const items = slices.find(({ slice, value }) => slice === name || value === name)?.items
        const missing =
          threshold === undefined ? 'it has no threshold' : items === undefined ? 'it has no items' : undefined
        if (missing === undefined) {
          const asked = { side: 'at-least', threshold: threshold!, passAlpha, items } as const
          findings.push({ ...suite, ...judgeBound(evaluation, metric, asked) })
        } else
          findings.push({
            ...suite,
            kind: 'statement',
            status: 'inconclusive',
            reason: `the suite cannot be judged: ${missing}`,
          })
      }
      return findings
    },
  }
}
