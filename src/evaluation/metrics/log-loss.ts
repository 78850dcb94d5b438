import { SheikhError } from '../../core/index.js'
import type { Metric } from '../evaluation.js'

// The machine epsilon of a 64-bit float: the clip of scikit-learn since 1.3.
const epsilon = Number.EPSILON

export interface LogLossOptions {
  /**
   * Lower limit for probabilities, above 0 and below 1. An item costs at most −ln(clip), 4.6 for 0.01.
   * @default 2⁻⁵², so an item may cost 36
   */
  readonly clip?: number | undefined
}

/**
 * The mean of −ln p(target): scikit-learn's `log_loss`. A label that is unknown to the model has p = 0, clipped to
 * 2⁻⁵². Probabilities are first divided by their sum.
 *
 * For `noRegression`, set a `clip`, or compare `accuracy()` and use `reportOnly(logLoss())`. Without a clip one unseen
 * item may cost 36, so a margin of 0.02 needs 5,398 items even if nothing changes, and nearly every verdict is
 * inconclusive; with `clip: 0.05` it needs 448.
 *
 * @throws `invalid-options` for a clip that is not between 0 and 1.
 */
export function logLoss({ clip }: LogLossOptions = {}): Metric {
  if (clip !== undefined && !(clip > 0 && clip < 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot clip probabilities at ${clip}: it is not between 0 and 1. Give a small one, such as 0.01.`,
    )
  const lowest = clip ?? epsilon
  return {
    contract: 1,
    name: 'log-loss',
    version: '1',
    direction: 'lower-is-better',
    kind: 'mean',
    range: [0, -Math.log(lowest)],
    needs: 'probabilities',
    describe: () => (clip === undefined ? null : { clip }),
    score({ target }, prediction) {
      if (prediction.kind !== 'label' || prediction.probabilities === undefined) return Number.NaN
      const { probabilities } = prediction
      const total = Object.values(probabilities).reduce((sum, value) => sum + value, 0)
      const given =
        typeof target === 'string' && Object.hasOwn(probabilities, target) ? probabilities[target]! / total : 0
      return -Math.log(Math.min(1 - epsilon, Math.max(lowest, given)))
    },
  }
}
