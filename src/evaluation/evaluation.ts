import type { Described, Digest, Json } from '../core/index.js'
import type { Prediction, Row } from '../model/index.js'
import type { Column } from './column.js'

/** A number by which models are judged, computed from one score per item. */
export interface Metric extends Described {
  readonly direction: 'higher-is-better' | 'lower-is-better'
  /**
   * `binary`: scores are 0 or 1, the value is their mean. `mean`: the value is the mean. `ratio`: the value is the sum of the
   * scores over the sum of the weights (precision, recall, F1). `aggregate`: the value is `aggregate(items)`.
   */
  readonly kind: 'binary' | 'mean' | 'ratio' | 'aggregate'
  /**
   * The lowest and the highest possible score. Without a finite range, bounds are estimated from the scores, and a pass
   * needs more items. @default unknown
   */
  readonly range?: readonly [lowest: number, highest: number] | undefined
  /** The kind of prediction that the metric needs. */
  readonly needs: 'label' | 'probabilities' | 'number' | 'text' | 'vector'
  score(row: Row<unknown, unknown>, prediction: Prediction): number
  /** Only for `ratio`: the item's part of the denominator. */
  weight?(row: Row<unknown, unknown>, prediction: Prediction): number
  /** Only for `aggregate`: computes the value from all items. */
  aggregate?(items: readonly { readonly row: Row<unknown, unknown>; readonly prediction: Prediction }[]): number
}

/** Outcome of one prediction. A timeout or crash does not count as a wrong answer. */
export type ItemOutcome = 'ok' | 'timeout' | 'error'

export interface MetricColumn {
  readonly name: string
  readonly direction: Metric['direction']
  readonly kind: Metric['kind']
  /** Range of the metric, if it has one. */
  readonly range?: readonly [lowest: number, highest: number] | undefined
  /** One score per item; `null` if the outcome is not `ok`, and always for `aggregate`. */
  readonly scores: Column<number | null>
  /** Only for `ratio`. */
  readonly weights?: Column<number | null> | undefined
  /** The value over all items whose outcome is `ok`; `null` if it is not a number (no items, or a denominator of 0). */
  readonly value: number | null
}

/**
 * Per-item results of one model on one evaluation set, in columns of equal length, sorted by id. `JSON.stringify`
 * writes columns as arrays; in memory and on disk they take a few bytes per item.
 */
export interface Evaluation {
  readonly formatVersion: 1
  readonly modelDigest: Digest
  /** The digest of the rows (`Rows.digest`): evaluations of different sets cannot be compared. */
  readonly evaluationDigest: Digest
  readonly ids: Column<string>
  /** The item's group, or its id if it has none. */
  readonly groups: Column<string>
  /** Slice names by kind of slice; `null` for an item without a slice of that kind. */
  readonly slices: Readonly<Record<string, Column<string | null>>>
  readonly targets: Column<Json>
  readonly predictions: Column<Prediction | null>
  readonly outcomes: Column<ItemOutcome>
  readonly metrics: readonly MetricColumn[]
}
