import { type CallContext, digestManifest, manifestOf, SheikhError } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import { type NoRegressionOptions, noRegression } from './checks/no-regression.js'
import { reportOnly } from './checks/report-only.js'
import type { Verdict } from './gate.js'
import { qualityGate } from './quality-gate.js'

export interface CompareOptions extends NoRegressionOptions {
  /** Name of the baseline in the verdict. @default 'baseline' */
  readonly baselineName?: string | undefined
}

/**
 * Compares two evaluations of the same items by their first metric, over all items and per slice, as a pipeline's gate
 * does. The other metrics are reported.
 *
 * @throws `baseline-mismatch`, `evaluation-invalid`, `invalid-options` if the margin is out of range for the metric.
 */
export async function compareEvaluations(
  candidate: Evaluation,
  baseline: Evaluation,
  { baselineName = 'baseline', ...options }: CompareOptions,
  context: CallContext,
): Promise<Verdict> {
  const [column] = candidate.metrics
  if (column === undefined)
    throw new SheikhError(
      'evaluation-invalid',
      'Cannot compare the models: the evaluations contain no scores. Score both models first.',
    )
  // The scores already exist, so `score` of this metric is never called.
  const metric: Metric = {
    ...column,
    contract: 1,
    needs: 'label',
    describe: () => null,
    score: () => Number.NaN,
  }
  // Two evaluations come without weights, and the check used here needs none.
  const manifest = manifestOf([])
  const weights = { path: '', manifest, digest: digestManifest(manifest) }
  const record = { trainer: { name: 'none', describe: null }, seed: 0, trainingDigest: weights.digest, lossCurve: [] }
  const others = candidate.metrics.slice(1).map((other) => reportOnly({ ...metric, ...other }))
  return qualityGate([noRegression(metric, options), ...others]).decide(
    {
      candidate: { weights, record, evaluation: candidate },
      baseline: { version: baselineName, bundle: weights.digest, evaluation: baseline },
    },
    context,
  )
}
