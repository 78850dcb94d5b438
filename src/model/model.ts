import type { CallContext, Digest } from '../core/index.js'

/** A sample, projected to what a model needs. Plain JSON. */
export interface Row<I = string, T = string> {
  /** Unique in its dataset. */
  readonly id: string
  readonly input: I
  readonly target?: T | undefined
  /** Items of one group are not independent: near-duplicates, one author. Absent: the item is its own group. */
  readonly group?: string | undefined
  /** Slices of the item, by kind: `{ category: 'spam-1' }` is in the slice `category=spam-1`. */
  readonly slices: Readonly<Record<string, string>>
}

/** Rows that can be read repeatedly, sorted by id. Reading checks that they are unchanged. @throws `dataset-changed` */
export interface Rows<I = string, T = string> extends AsyncIterable<Row<I, T>> {
  readonly size: number
  /** The Merkle root over the digests of the rows. */
  readonly digest: Digest
}

export type Prediction =
  /** `probabilities` are optional. They cover all labels of the model and add up to 1. */
  | { readonly kind: 'label'; readonly label: string; readonly probabilities?: Readonly<Record<string, number>> }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'vector'; readonly values: readonly number[] }

/** A loaded model. It owns memory and must be disposed. */
export interface Model<I = string> extends AsyncDisposable {
  /**
   * Covers weights, vocabulary, inference templates and generation settings. Models with equal digests give equal
   * predictions.
   */
  readonly digest: Digest
  /** The labels that the model can predict, if they are a fixed set. */
  readonly labels?: readonly string[] | undefined
  /** Returns one prediction per input, in order. */
  predict(inputs: readonly I[], context: CallContext): Promise<readonly Prediction[]>
}

/** What a prediction says, without probabilities. */
export function answerOf(prediction: Prediction): string | number | readonly number[] {
  switch (prediction.kind) {
    case 'label':
      return prediction.label
    case 'number':
      return prediction.value
    case 'text':
      return prediction.text
    case 'vector':
      return prediction.values
  }
}
