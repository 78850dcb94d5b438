import type { Json } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import { CompactColumn, DictionaryBuilder, type DictionaryColumn, GrowingArray } from './column.js'

/** Predictions in columns: each distinct prediction once, and the probabilities as a matrix. */
export class PredictionColumn extends CompactColumn<Prediction | null> {
  /** JSON of a prediction without the probabilities, which are in the matrix. */
  readonly said: DictionaryColumn<string>
  readonly labels: readonly string[]
  /** [items, labels]. A row of NaN for an item without probabilities. */
  readonly probabilities: Float64Array
  readonly #parsed = new Map<string, Prediction | null>()

  constructor(said: DictionaryColumn<string>, labels: readonly string[], probabilities: Float64Array) {
    super()
    this.said = said
    this.labels = labels
    this.probabilities = probabilities
  }

  get length(): number {
    return this.said.length
  }

  at(index: number): Prediction | null | undefined {
    const text = this.said.at(index)
    if (text === undefined) return undefined
    let prediction = this.#parsed.get(text)
    if (prediction === undefined) {
      prediction = JSON.parse(text) as Prediction | null
      if (this.#parsed.size < 1000) this.#parsed.set(text, prediction)
    }
    const { length } = this.labels
    const start = index * length
    if (prediction?.kind !== 'label' || length === 0 || Number.isNaN(this.probabilities[start])) return prediction
    // From entries, because a label may be called "__proto__".
    const probabilities = Object.fromEntries(
      this.labels.map((label, column) => [label, this.probabilities[start + column]!]),
    )
    return { ...prediction, probabilities }
  }
}

/** Builds a column of predictions, one by one. The matrix has the labels of the first prediction with probabilities. */
export class PredictionBuilder {
  readonly #isExact: boolean
  readonly #size: number
  readonly #said: DictionaryBuilder<string>
  #probabilities = new GrowingArray(new Float64Array(0))
  #labels: readonly string[] = []

  /**
   * @param options.exact whether `at` must give each prediction as it was pushed, also the order of its labels and members that
   *   `Prediction` does not have. @default false
   * @param options.size the expected number of predictions.
   */
  constructor({ exact = false, size = 0 }: { readonly exact?: boolean; readonly size?: number } = {}) {
    this.#isExact = exact
    this.#size = size
    this.#said = new DictionaryBuilder(size)
  }

  push(prediction: Prediction | null): void {
    const probabilities = prediction?.kind === 'label' ? prediction.probabilities : undefined
    if (probabilities !== undefined && this.#labels.length === 0) {
      this.#labels = Object.keys(probabilities)
      this.#probabilities = new GrowingArray(new Float64Array(this.#size * this.#labels.length))
      // Earlier items have no probabilities.
      this.#probabilities.append(new Float64Array(this.#said.length * this.#labels.length).fill(Number.NaN))
    }
    const fits =
      probabilities !== undefined &&
      this.#labels.length > 0 &&
      Object.keys(probabilities).length === this.#labels.length &&
      this.#labels.every((label) => Object.hasOwn(probabilities, label)) &&
      (!this.#isExact || isPlain(prediction!, this.#labels))
    for (const label of this.#labels) this.#probabilities.push(fits ? probabilities[label]! : Number.NaN)
    const said = fits ? { kind: 'label', label: (prediction as { readonly label: string }).label } : prediction
    this.#said.push(JSON.stringify(said as Json))
  }

  finish(): PredictionColumn {
    return new PredictionColumn(this.#said.finish(), this.#labels, this.#probabilities.take())
  }
}

/** Whether the labels and the matrix say all about a prediction. */
const isPlain = (prediction: Prediction, labels: readonly string[]) =>
  Object.keys(prediction).join() === 'kind,label,probabilities' &&
  Object.keys((prediction as { readonly probabilities: object }).probabilities).every(
    (label, index) => label === labels[index],
  )
