import type { Metric } from '../evaluation.js'
import { type Normalization, normalized } from '../normalization.js'

export interface MatchOptions {
  /** Differences between a prediction and its target that are ignored. @default none */
  readonly normalize?: readonly Normalization[] | undefined
}

/**
 * The share of items whose predicted label equals the target. A target that is a number or boolean is compared as text.
 */
export function accuracy({ normalize = [] }: MatchOptions = {}): Metric {
  return {
    contract: 1,
    name: 'accuracy',
    version: '2',
    direction: 'higher-is-better',
    kind: 'binary',
    needs: 'label',
    describe: () => (normalize.length === 0 ? null : { normalize: [...normalize].sort() }),
    score: ({ target }, prediction) =>
      prediction.kind === 'label' && matches(prediction.label, target, normalize) ? 1 : 0,
  }
}

/** Whether a text equals the target, which may be a number or boolean in text form. */
export function matches(text: string, target: unknown, normalize: readonly Normalization[]): boolean {
  const wanted = typeof target === 'number' || typeof target === 'boolean' ? String(target) : target
  return typeof wanted === 'string' && normalized(text, normalize) === normalized(wanted, normalize)
}
