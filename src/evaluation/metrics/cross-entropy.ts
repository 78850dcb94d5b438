import type { Metric } from '../evaluation.js'

/**
 * −ln p of all tokens over their number, in nats a token; its exponential is the perplexity. For models that answer with
 * `[−ln p, tokens]` of each text, as `llamaTrainer` does where its answer is of the kind `likelihood`.
 *
 * Two models are compared by it only where they cut texts into the same tokens.
 */
export function crossEntropy(): Metric {
  const part =
    (index: 0 | 1): Metric['score'] =>
    (_, prediction) =>
      prediction.kind === 'vector' && prediction.values.length === 2 ? prediction.values[index]! : Number.NaN
  return {
    contract: 1,
    name: 'cross-entropy',
    version: '1',
    direction: 'lower-is-better',
    kind: 'ratio',
    needs: 'vector',
    describe: () => null,
    score: part(0),
    weight: part(1),
  }
}
