import type { Metric } from '../evaluation.js'
import { type MatchOptions, matches } from './accuracy.js'

/**
 * The share of items whose predicted text equals the target, ignoring white space at the ends. A target that is a
 * number or boolean is compared as text.
 */
export function exactMatch({ normalize = [] }: MatchOptions = {}): Metric {
  return {
    contract: 1,
    name: 'exact-match',
    version: '2',
    direction: 'higher-is-better',
    kind: 'binary',
    needs: 'text',
    describe: () => (normalize.length === 0 ? null : { normalize: [...normalize].sort() }),
    score: ({ target }, prediction) =>
      prediction.kind === 'text' &&
      matches(prediction.text.trim(), typeof target === 'string' ? target.trim() : target, normalize)
        ? 1
        : 0,
  }
}
