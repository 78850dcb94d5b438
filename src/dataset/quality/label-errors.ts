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

/** Collects labelled texts and finds labels that are probably wrong. Keeps the hashes of words, and no text. */
export class LabelErrorFinder {
  /** The labels with enough rows, sorted, and their numbers. */
  readonly #names: readonly string[]
  readonly #numbers: ReadonlyMap<string, number>
  readonly #fault: string | undefined
  readonly #rows = new NumberColumn()
  readonly #labels = new NumberColumn()
  readonly #features = newLists()

  /** @param counts the number of training rows with each label. Decides what is judged before anything is collected. */
  constructor(counts: ReadonlyMap<string, number>) {
    const frequent = [...counts].filter(([, count]) => count >= fewestPerLabel)
    const rows = frequent.reduce((sum, [, count]) => sum + count, 0)
    this.#names = frequent.map(([label]) => label).sort()
    this.#numbers = new Map(this.#names.map((label, number) => [label, number]))
    if (rows * this.#names.length > mostProbabilities)
      this.#fault = `Labels were not judged: ${this.#names.length} labels are too many for ${rows.toLocaleString('en')} rows.`
  }

  /** Whether rows with this label are to be added. */
  judges(label: string): boolean {
    return this.#fault === undefined && this.#numbers.has(label)
  }

  /** @param features from `featuresOf`. A text without any is not judged. @param label one that `judges` accepts. */
  add(row: number, features: Uint16Array, label: string): void {
    if (features.length === 0) return
    this.#rows.add(row)
    this.#labels.add(this.#numbers.get(label)!)
    this.#features.add(features)
  }

  /**
   * @param groupOf a number that is equal for similar rows.
   * @returns why nothing was judged, or the probable errors, the most probable first.
   */
  find(groupOf: (row: number) => number): readonly ProbableError[] | string {
    if (this.#fault !== undefined) return this.#fault
    const { names, labels, kept } = this.#judged()
    if (names.length < 2 || kept.length < fewestRows)
      return `Labels were not judged: that takes ${fewestRows} training rows with text, and two labels with ${fewestPerLabel} rows each.`
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

  /** The labels with enough rows that have text, the label of each of these rows, and the places where they were added. */
  #judged(): { readonly names: readonly string[]; readonly labels: Uint16Array; readonly kept: Uint32Array } {
    const size = this.#rows.size
    const counts = new Uint32Array(this.#names.length)
    for (let at = 0; at < size; at += 1) counts[this.#labels.at(at)]! += 1
    const hasEnough = (number: number) => counts[number]! >= fewestPerLabel
    const names = this.#names.filter((_, number) => hasEnough(number))
    const numbers = Uint16Array.from(this.#names, (label) => Math.max(0, names.indexOf(label)))
    const kept = Uint32Array.from({ length: size }, (_, at) => at).filter((at) => hasEnough(this.#labels.at(at)))
    return { names, labels: Uint16Array.from(kept, (at) => numbers[this.#labels.at(at)]!), kept }
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
