import { binomialUpperTail } from '../../statistics/index.js'
import { NumberColumn, NumberLists } from '../number-lists.js'
import { mix, wordHashes } from '../text-sketch.js'
import { confidentLearning } from './confident-learning.js'
import { type LabelledTexts, outOfFold } from './out-of-fold.js'

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

/**
 * Collects labelled texts and finds labels that are probably wrong. Keeps the hashes of words, and no text; and nothing any more
 * once there are too many rows and labels to judge.
 */
export class LabelErrorFinder {
  readonly #numbers = new Map<string, number>()
  /** Rows with text, by the number of the label. */
  readonly #counts: number[] = []
  /** Of the labels with enough rows: how many they are, and their rows. */
  #judgedLabels = 0
  #judgedRows = 0
  #rows = new NumberColumn()
  #labels = new NumberColumn()
  #features = newLists()

  /** @param features from `featuresOf`. A text without any is not judged. */
  add(row: number, features: Uint16Array, label: string): void {
    if (features.length === 0) return
    const number = this.#numbers.get(label) ?? this.#numbers.size
    this.#numbers.set(label, number)
    const count = (this.#counts[number] ?? 0) + 1
    this.#counts[number] = count
    if (count === fewestPerLabel) this.#judgedLabels += 1
    if (count >= fewestPerLabel) this.#judgedRows += count === fewestPerLabel ? fewestPerLabel : 1
    if (this.#isTooMuch()) {
      // It stays too much, however many rows follow.
      if (this.#rows.size > 0)
        [this.#rows, this.#labels, this.#features] = [new NumberColumn(), new NumberColumn(), newLists()]
      return
    }
    this.#rows.add(row)
    this.#labels.add(number)
    this.#features.add(features)
  }

  /**
   * @param groupOf a number that is equal for similar rows.
   * @returns why nothing was judged, or the probable errors, the most probable first.
   */
  find(groupOf: (row: number) => number): readonly ProbableError[] | string {
    if (this.#judgedLabels < 2 || this.#judgedRows < fewestRows)
      return `Labels were not judged: that takes ${fewestRows} training rows with text, and two labels with ${fewestPerLabel} rows each.`
    if (this.#isTooMuch())
      return `Labels were not judged: ${this.#judgedLabels} labels are too many for ${this.#judgedRows.toLocaleString('en')} rows.`
    const { names, labels, kept } = this.#judged()
    const rowOf = (index: number) => this.#rows.at(kept[index]!)
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

  #isTooMuch(): boolean {
    return this.#judgedLabels * this.#judgedRows > mostProbabilities
  }

  /** The labels with enough rows, sorted, the label of each of these rows, and the places where they were added. */
  #judged(): { readonly names: readonly string[]; readonly labels: Uint16Array; readonly kept: Uint32Array } {
    const hasEnough = (number: number) => this.#counts[number]! >= fewestPerLabel
    const names = [...this.#numbers].flatMap(([label, number]) => (hasEnough(number) ? [label] : [])).sort()
    const places = new Uint16Array(this.#numbers.size)
    for (const [place, label] of names.entries()) places[this.#numbers.get(label)!] = place
    const kept = Uint32Array.from({ length: this.#rows.size }, (_, at) => at).filter((at) =>
      hasEnough(this.#labels.at(at)),
    )
    return { names, labels: Uint16Array.from(kept, (at) => places[this.#labels.at(at)]!), kept }
  }

  /** The features of some rows in as many buckets as memory allows, each once per row. */
  #folded(kept: Uint32Array, classes: number): Pick<LabelledTexts, 'featuresOf' | 'buckets'> {
    let buckets = mostBuckets
    while (buckets > 1024 && buckets * classes > mostWeights) buckets /= 2
    if (buckets === mostBuckets) return { featuresOf: (index) => this.#features.at(kept[index]!), buckets }
    const folded = newLists()
    // The numbers of buckets divide each other.
    for (const at of kept)
      folded.add(
        distinct(
          this.#features
            .at(at)
            .map((feature) => feature % buckets)
            .sort(),
        ),
      )
    return { featuresOf: (index) => folded.at(index), buckets }
  }
}

const newLists = () => new NumberLists<Uint16Array>((length) => new Uint16Array(length))

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
