import type { Prediction } from '../../model/index.js'

/** @param probabilities of all labels, item by item: [items, labels]. */
export function labelPredictions(probabilities: Float32Array, labels: readonly string[]): readonly Prediction[] {
  return Array.from({ length: probabilities.length / labels.length }, (_, item) => {
    const own = probabilities.subarray(item * labels.length, (item + 1) * labels.length)
    let best = 0
    // Strictly above: of equals the first label, on every device.
    for (let index = 1; index < own.length; index += 1) if (own[index]! > own[best]!) best = index
    return {
      kind: 'label',
      label: labels[best]!,
      probabilities: Object.fromEntries(labels.map((label, index) => [label, own[index]!])),
    }
  })
}
