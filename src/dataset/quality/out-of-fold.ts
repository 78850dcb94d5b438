import { mix } from '../text-sketch.js'

/** Words and word pairs of rows, hashed, and their labels. */
export interface LabelledTexts {
  readonly labels: ArrayLike<number>
  readonly classes: number
  /** The features of a row, each once, 0..`buckets` − 1. */
  readonly featuresOf: (row: number) => Uint16Array
  readonly buckets: number
  /** Rows with an equal number are in the same fold: the copy of a row would answer for it. */
  readonly groupOf: (row: number) => number
}

const folds = 5
/** Added to each count, so that a word which a label never had is improbable and not impossible. */
const smoothing = 0.1
/** Rows that the temperature is fitted on. */
const mostCalibrated = 2_000

/**
 * Probabilities of each row's labels from a model that did not learn from the row: naive Bayes over hashed words and word pairs, in
 * five folds, with one temperature that minimises the log loss, since naive Bayes is too sure of itself. The same rows give the
 * same numbers.
 *
 * Sources: A. McCallum and K. Nigam, "A comparison of event models for naive Bayes text classification", AAAI-98 workshop; C. Guo
 * et al., "On calibration of modern neural networks", ICML 2017, section 4.2.
 *
 * @returns [rows × classes]; a row whose label no other fold has gets all probability on its own label.
 */
export function outOfFold({ labels, classes, featuresOf, buckets, groupOf }: LabelledTexts): Float32Array {
  const rows = labels.length
  const foldOf = Uint8Array.from({ length: rows }, (_, row) => mix(groupOf(row) + 1) % folds)
  const scores = new Float32Array(rows * classes)
  const counts = new Float32Array(buckets * classes)
  const weights = new Float32Array(buckets * classes)
  const rowsOf = new Float64Array(classes)
  const totals = new Float64Array(classes)
  const learn = (row: number, sign: 1 | -1) => {
    const label = labels[row]!
    const features = featuresOf(row)
    rowsOf[label]! += sign
    totals[label]! += sign * features.length
    for (let at = 0; at < features.length; at += 1) counts[features[at]! * classes + label]! += sign
  }
  for (let row = 0; row < rows; row += 1) learn(row, 1)
  const unseen: number[] = []
  for (let fold = 0; fold < folds; fold += 1) {
    for (let row = 0; row < rows; row += 1) if (foldOf[row] === fold) learn(row, -1)
    const divisors = totals.map((total) => Math.log(total + smoothing * buckets))
    for (let at = 0; at < weights.length; at += 1)
      weights[at] = Math.log(counts[at]! + smoothing) - divisors[at % classes]!
    const learned = rows - foldOf.reduce((sum, other) => sum + (other === fold ? 1 : 0), 0)
    const priors = rowsOf.map((count) => Math.log((count + 1) / (learned + classes)))
    for (let row = 0; row < rows; row += 1) {
      if (foldOf[row] !== fold) continue
      if (rowsOf[labels[row]!] === 0) unseen.push(row)
      const start = row * classes
      for (let label = 0; label < classes; label += 1) scores[start + label] = priors[label]!
      const features = featuresOf(row)
      for (let at = 0; at < features.length; at += 1) {
        const from = features[at]! * classes
        for (let label = 0; label < classes; label += 1) scores[start + label]! += weights[from + label]!
      }
    }
    for (let row = 0; row < rows; row += 1) if (foldOf[row] === fold) learn(row, 1)
  }
  const temperature = bestTemperature(scores, labels, classes)
  for (let row = 0; row < rows; row += 1) softmax(scores, row * classes, classes, temperature)
  for (const row of unseen) {
    scores.fill(0, row * classes, (row + 1) * classes)
    scores[row * classes + labels[row]!] = 1
  }
  return scores
}

/** Turns scores into probabilities, in place. */
function softmax(scores: Float32Array, start: number, classes: number, temperature: number): void {
  let most = Number.NEGATIVE_INFINITY
  for (let label = 0; label < classes; label += 1) most = Math.max(most, scores[start + label]!)
  let sum = 0
  for (let label = 0; label < classes; label += 1) {
    const value = Math.exp((scores[start + label]! - most) / temperature)
    scores[start + label] = value
    sum += value
  }
  for (let label = 0; label < classes; label += 1) scores[start + label]! /= sum
}

/** By golden-section search over its logarithm, on rows at equal distances. */
function bestTemperature(scores: Float32Array, labels: ArrayLike<number>, classes: number): number {
  const step = Math.max(1, Math.floor(labels.length / mostCalibrated))
  const lossAt = (logarithm: number) => {
    const copy = new Float32Array(classes)
    let loss = 0
    for (let row = 0; row < labels.length; row += step) {
      copy.set(scores.subarray(row * classes, (row + 1) * classes))
      softmax(copy, 0, classes, Math.exp(logarithm))
      loss -= Math.log(Math.max(copy[labels[row]!]!, 1e-12))
    }
    return loss
  }
  const golden = (Math.sqrt(5) - 1) / 2
  let [low, high] = [Math.log(0.25), Math.log(64)]
  for (let round = 0; round < 20; round += 1) {
    const [one, other] = [high - golden * (high - low), low + golden * (high - low)]
    if (lossAt(one) < lossAt(other)) high = other
    else low = one
  }
  return Math.exp((low + high) / 2)
}
