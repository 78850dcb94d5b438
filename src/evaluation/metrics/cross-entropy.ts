import type { Metric } from '../evaluation.js'

/**
 * The mean −ln p per token, in nats; its exponential is the perplexity. For models that predict `[−ln p, tokens]` for
 * each text, as `llamaTrainer` does with the answer kind `likelihood`.
 *
 * Only compare models that use the same tokenizer.
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
