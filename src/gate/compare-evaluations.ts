import { type CallContext, digestManifest, manifestOf, SheikhError } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import { type NoRegressionOptions, noRegression } from './checks/no-regression.js'
import type { Verdict } from './gate.js'
import { qualityGate } from './quality-gate.js'

export interface CompareOptions extends NoRegressionOptions {
  /** What the baseline is called in the verdict. @default 'baseline' */
  readonly baselineName?: string | undefined
}

/**
 * Compares two evaluations of the same items by their first metric, over all and by slice, as the gate of a pipeline would.
 *
 * @throws `baseline-mismatch`, `evaluation-invalid`, `invalid-options` for a margin that the metric cannot have.
 */
export async function compareEvaluations(
  candidate: Evaluation,
  baseline: Evaluation,
  { baselineName = 'baseline', ...options }: CompareOptions,
  context: CallContext,
): Promise<Verdict> {
  const [column] = candidate.metrics
  if (column === undefined)
    throw new SheikhError('evaluation-invalid', 'Cannot compare the models: nothing was scored. Score them first.')
  // The scores are there: nobody asks this metric for one.
  const metric: Metric = {
    ...column,
    contract: 1,
    needs: 'label',
    describe: () => null,
    score: () => Number.NaN,
  }
  // Evaluations by themselves have no weights, and a check that asks for some is not among those asked.
  const manifest = manifestOf([])
  const weights = { path: '', manifest, digest: digestManifest(manifest) }
  const record = { trainer: { name: 'none', describe: null }, seed: 0, trainingDigest: weights.digest, lossCurve: [] }
  return qualityGate([noRegression(metric, options)]).decide(
    {
      candidate: { weights, record, evaluation: candidate },
      baseline: { version: baselineName, bundle: weights.digest, evaluation: baseline },
    },
    context,
  )
}
