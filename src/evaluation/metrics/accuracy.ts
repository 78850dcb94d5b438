import type { Metric } from '../evaluation.js'

/** The share of items whose label is the target. */
export function accuracy(): Metric {
  return {
    contract: 1,
    name: 'accuracy',
    version: '1',
    direction: 'higher-is-better',
    kind: 'binary',
    needs: 'label',
    describe: () => null,
    score: ({ target }, prediction) => (prediction.kind === 'label' && prediction.label === target ? 1 : 0),
  }
}
