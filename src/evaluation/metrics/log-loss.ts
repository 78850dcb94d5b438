import type { Metric } from '../evaluation.js'

// The machine epsilon of a 64-bit float, as scikit-learn clips since 1.3.
const epsilon = Number.EPSILON

/**
 * The mean of −ln p(target): scikit-learn's `log_loss`. A label that the model does not know has p = 0, clipped to 2⁻⁵².
 * Probabilities are divided by their sum first.
 */
export function logLoss(): Metric {
  return {
    contract: 1,
    name: 'log-loss',
    version: '1',
    direction: 'lower-is-better',
    kind: 'mean',
    range: [0, -Math.log(epsilon)],
    needs: 'probabilities',
    describe: () => null,
    score({ target }, prediction) {
      if (prediction.kind !== 'label' || prediction.probabilities === undefined) return Number.NaN
      const { probabilities } = prediction
      const total = Object.values(probabilities).reduce((sum, value) => sum + value, 0)
      const given =
        typeof target === 'string' && Object.hasOwn(probabilities, target) ? probabilities[target]! / total : 0
      return -Math.log(Math.min(1 - epsilon, Math.max(epsilon, given)))
    },
  }
}
