import type { Metric } from '../evaluation.js'

/** The share of items whose text is the target, white space at the ends aside. */
export function exactMatch(): Metric {
  return {
    contract: 1,
    name: 'exact-match',
    version: '1',
    direction: 'higher-is-better',
    kind: 'binary',
    needs: 'text',
    describe: () => null,
    score: ({ target }, prediction) =>
      prediction.kind === 'text' && typeof target === 'string' && prediction.text.trim() === target.trim() ? 1 : 0,
  }
}
