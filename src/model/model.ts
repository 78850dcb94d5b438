import type { CallContext, Digest } from '../core/index.js'

/** What is left of a sample for a model. Plain JSON. */
export interface Row<I = string, T = string> {
  /** Unique in its dataset. */
  readonly id: string
  readonly input: I
  readonly target?: T | undefined
  /** Items of one group are not independent: near-duplicates, one author. Absent: the item is a group by itself. */
  readonly group?: string | undefined
  /** The subsets that the item is in, by kind: `{ category: 'spam-1' }` is in the slice `category=spam-1`. */
  readonly slices: Readonly<Record<string, string>>
}

/** Rows that can be read again and again, in order of id. Read back rows are checked: @throws `dataset-changed`. */
export interface Rows<I = string, T = string> extends AsyncIterable<Row<I, T>> {
  readonly size: number
  /** The Merkle root over the digests of the rows. */
  readonly digest: Digest
}

export type Prediction =
  /** `probabilities`, where there are any, are over all labels that the model knows and add up to 1. */
  | { readonly kind: 'label'; readonly label: string; readonly probabilities?: Readonly<Record<string, number>> }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'vector'; readonly values: readonly number[] }

/** Something that predicts. It owns memory, and is disposed. */
export interface Model<I = string> extends AsyncDisposable {
  /** Covers weights, vocabulary, inference templates and generation settings: equal digests predict alike. */
  readonly digest: Digest
  /** The labels that it can answer with, where they are a fixed set. */
  readonly labels?: readonly string[] | undefined
  /** One prediction an input, in order. */
  predict(inputs: readonly I[], context: CallContext): Promise<readonly Prediction[]>
}
