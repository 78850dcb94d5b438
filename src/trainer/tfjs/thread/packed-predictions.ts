import type { Prediction } from '../../../model/index.js'

/** Predictions as they are sent between threads: numbers of many labels as one array instead of an object each. */
export type PackedPredictions =
  | readonly Prediction[]
  | {
      readonly labels: readonly string[]
      /** The index of each item's label: [items]. */
      readonly best: Uint32Array
      /** [items, labels]. Not float32: models also compute probabilities in JavaScript. */
      readonly probabilities: Float64Array
    }

/** Packs label predictions with probabilities of the same labels, in the same order. Others are sent as they are. */
export function packPredictions(predictions: readonly Prediction[]): PackedPredictions {
  const [first] = predictions
  if (first?.kind !== 'label' || first.probabilities === undefined) return predictions
  const labels = Object.keys(first.probabilities)
  const best = new Uint32Array(predictions.length)
  const probabilities = new Float64Array(predictions.length * labels.length)
  for (const [item, prediction] of predictions.entries()) {
    if (prediction.kind !== 'label' || prediction.probabilities === undefined) return predictions
    const names = Object.keys(prediction.probabilities)
    best[item] = names.indexOf(prediction.label)
    if (names.length !== labels.length || !names.includes(prediction.label)) return predictions
    for (const [column, name] of names.entries()) {
      if (name !== labels[column]) return predictions
      probabilities[item * labels.length + column] = prediction.probabilities[name]!
    }
  }
  return { labels, best, probabilities }
}

export function unpackPredictions(packed: PackedPredictions): readonly Prediction[] {
  if (!('best' in packed)) return packed
  const { labels, best, probabilities } = packed
  return Array.from(best, (own, item) => ({
    kind: 'label',
    label: labels[own]!,
    probabilities: Object.fromEntries(
      labels.map((label, column) => [label, probabilities[item * labels.length + column]!]),
    ),
  }))
}
