import { binomialUpperTail } from '../../statistics/index.js'
import { mix, wordHashes } from '../text-sketch.js'
import { confidentLearning } from './confident-learning.js'
import { outOfFold } from './out-of-fold.js'

/** Enough to tell what a text is about. */
const mostWords = 400
const longestText = 10_000
/** A label with fewer rows cannot be learned without one of the folds. */
const fewestPerLabel = 5
const fewestRows = 50
/** 128 MB of probabilities. */
const mostProbabilities = 2 ** 25
/** Chance to judge by a model that has learned nothing. */
const chance = 0.001
const mostBuckets = 2 ** 16
const mostWeights = 2 ** 23

export interface ProbableError {
  readonly row: number
  readonly label: string
  readonly suggested: string
  readonly probability: number
}

/** The words and word pairs of the start of a text, each as one of 65,536 numbers: distinct, sorted. */
export function featuresOf(text: string): Uint16Array {
  const words = wordHashes(text.slice(0, longestText), true)
  const count = Math.min(words.length, mostWords)
  const features = new Uint16Array(Math.max(0, 2 * count - 1))
  let size = 0
  for (let index = 0; index < count; index += 1) {
    features[size++] = mix(words[index]!)
    if (index > 0) features[size++] = mix(Math.imul(words[index - 1]!, 31) + words[index]! + 1)
  }
  return distinct(features.sort())
}

function distinct(sorted: Uint16Array): Uint16Array {
  let size = 0
  for (let index = 0; index < sorted.length; index += 1)
    if (index === 0 || sorted[index] !== sorted[index - 1]) sorted[size++] = sorted[index]!
  return sorted.slice(0, size)
}

/** Collects labelled texts and finds labels that are probably wrong. Keeps the hashes of words, and no text. */
export class LabelErrorFinder {
  readonly #rows: { readonly row: number; readonly label: string }[] = []
  #features = new Uint16Array(2 ** 16)
  readonly #offsets: number[] = [0]
  #size = 0

  /** @param features from `featuresOf`. A text without any is not judged. */
  add(row: number, features: Uint16Array, label: string): void {
    if (features.length === 0) return
    if (this.#size + features.length > this.#features.length) {
      const larger = new Uint16Array(2 * this.#features.length)
      larger.set(this.#features)
      this.#features = larger
    }
    this.#features.set(features, this.#size)
    this.#size += features.length
    this.#rows.push({ row, label })
    this.#offsets.push(this.#size)
  }

  /**
   * @param groupOf a number that is equal for similar rows.
   * @returns why nothing was judged, or the probable errors, the most probable first.
   */
  find(groupOf: (row: number) => number): readonly ProbableError[] | string {
    const counts = new Map<string, number>()
    for (const { label } of this.#rows) counts.set(label, (counts.get(label) ?? 0) + 1)
    const names = [...counts].flatMap(([label, count]) => (count >= fewestPerLabel ? [label] : [])).sort()
    const kept = [...this.#rows.keys()].filter((at) => counts.get(this.#rows[at]!.label)! >= fewestPerLabel)
    if (names.length < 2 || kept.length < fewestRows)
      return `Labels were not judged: that takes ${fewestRows} training rows with text, and two labels with ${fewestPerLabel} rows each.`
    if (kept.length * names.length > mostProbabilities)
      return `Labels were not judged: ${names.length} labels are too many for ${kept.length.toLocaleString('en')} rows.`
    const places = new Map(names.map((label, index) => [label, index]))
    const labels = Uint16Array.from(kept, (at) => places.get(this.#rows[at]!.label)!)
    const rowOf = (index: number) => this.#rows[kept[index]!]!.row
    const probabilities = outOfFold({
      ...{ labels, classes: names.length, ...this.#folded(kept, names.length) },
      groupOf: (index) => groupOf(rowOf(index)),
    })
    if (!learns(labels, probabilities, names.length))
      return 'Labels were not judged: a simple model of the words cannot predict them better than the most frequent label does.'
    return confidentLearning(labels, probabilities, names.length)
      .map(({ row, suggested, probability }) => ({
        ...{ row: rowOf(row), label: names[labels[row]!]!, suggested: names[suggested]!, probability },
      }))
      .sort((one, other) => other.probability - one.probability || one.row - other.row)
  }

  /** The features of some rows in as many buckets as memory allows, each once per row. */
  #folded(kept: readonly number[], classes: number) {
    let buckets = mostBuckets
    while (buckets > 1024 && buckets * classes > mostWeights) buckets /= 2
    const features = new Uint16Array(this.#size)
    const offsets = [0]
    let size = 0
    for (const at of kept) {
      const own = this.#features.subarray(this.#offsets[at]!, this.#offsets[at + 1]!)
      // The numbers of buckets divide each other.
      const found = buckets === mostBuckets ? own : distinct(own.map((feature) => feature % buckets).sort())
      features.set(found, size)
      size += found.length
      offsets.push(size)
    }
    return { features, offsets, buckets }
  }
}

/** Whether the model is right more often than the most frequent label, beyond chance. Otherwise its doubts mean nothing. */
function learns(labels: Uint16Array, probabilities: Float32Array, classes: number): boolean {
  const counts = new Float64Array(classes)
  let right = 0
  for (const [row, label] of labels.entries()) {
    counts[label]! += 1
    const scores = probabilities.subarray(row * classes, (row + 1) * classes)
    if (scores.every((score, other) => other === label || score < scores[label]!)) right += 1
  }
  return binomialUpperTail(right, labels.length, Math.max(...counts) / labels.length) < chance
}
