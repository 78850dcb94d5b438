import type { Described, Digest, Json } from '../core/index.js'
import type { Prediction, Row } from '../model/index.js'
import type { Column } from './column.js'

/** A number by which models are judged, made of one score an item. */
export interface Metric extends Described {
  readonly direction: 'higher-is-better' | 'lower-is-better'
  /**
   * `binary`: scores are 0 or 1, the value is their mean. `mean`: the value is the mean. `ratio`: the value is the sum of the
   * scores over the sum of the weights (precision, recall, F1). `aggregate`: the value is `aggregate(items)`.
   */
  readonly kind: 'binary' | 'mean' | 'ratio' | 'aggregate'
  /** The lowest and the highest possible score: without both, bounds are estimated from the scores, and fewer sets can pass. @default unknown */
  readonly range?: readonly [lowest: number, highest: number] | undefined
  /** What a prediction must be for the metric to score it. */
  readonly needs: 'label' | 'probabilities' | 'number' | 'text' | 'vector'
  score(row: Row<unknown, unknown>, prediction: Prediction): number
  /** `ratio` only: the item's part of the denominator. */
  weight?(row: Row<unknown, unknown>, prediction: Prediction): number
  /** `aggregate` only. */
  aggregate?(items: readonly { readonly row: Row<unknown, unknown>; readonly prediction: Prediction }[]): number
}

/** A time-out or a crash is not a wrong answer: infrastructure is not quality. */
export type ItemOutcome = 'ok' | 'timeout' | 'error'

export interface MetricColumn {
  readonly name: string
  readonly direction: Metric['direction']
  readonly kind: Metric['kind']
  /** Of the metric, where it says. */
  readonly range?: readonly [lowest: number, highest: number] | undefined
  /** One an item; `null` where the outcome is not `ok` (and throughout for `aggregate`). */
  readonly scores: Column<number | null>
  /** `ratio` only. */
  readonly weights?: Column<number | null> | undefined
  /** Over all items whose outcome is `ok`; `null` where that is not a number (no item, an empty denominator). */
  readonly value: number | null
}

/**
 * One model on one evaluation set, in columns of equal length, in order of id. Never only an average. Its `JSON.stringify`
 * is arrays; in memory and on disk a column takes a few bytes an item.
 */
export interface Evaluation {
  readonly formatVersion: 1
  readonly modelDigest: Digest
  /** The digest of the rows (`Rows.digest`): evaluations of different sets are never compared. */
  readonly evaluationDigest: Digest
  readonly ids: Column<string>
  /** The item's group, or its id where it has none. */
  readonly groups: Column<string>
  /** By kind of slice; `null` for an item without one. */
  readonly slices: Readonly<Record<string, Column<string | null>>>
  readonly targets: Column<Json>
  readonly predictions: Column<Prediction | null>
  readonly outcomes: Column<ItemOutcome>
  readonly metrics: readonly MetricColumn[]
}
