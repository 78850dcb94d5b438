import type { CallContext } from '../../core/index.js'
import type { TextFeatures } from '../../model/index.js'
import type { SavedTensor } from './checkpoints.js'
import type { Learner } from './learner.js'
import { countTexts, rowsFor, type TextExample } from './text-rows.js'
import type { LearnerRequest, LoopSettings } from './tfjs-model.js'
import { type SparseProducts, sparseProducts } from './wasm/sparse-module.js'

/** The bias learns more slowly, because every text moves it. */
const biasShare = 0.1
/** Below it, the factor of all weights is multiplied into them, so that float32 does not overflow. */
const smallestScale = 1e-3

/**
 * Softmax regression on sparse texts by stochastic gradient descent, one text at a time: w ← w − η · x · (p − y), with
 * p = softmax(w · x + b) and y = 1 at the text's label. A text changes only the rows of its own features.
 *
 * A row belongs to a bucket that at least two training texts have, so the table has as many rows as the data needs. Row 0
 * stands for all other buckets and remains zero. Features are weighted by √(1 + ln((1 + n) / (1 + n_f))), with n texts and
 * n_f texts that have the feature: inverse document frequency (Spärck Jones 1972), smoothed as in scikit-learn, and damped by
 * the square root; then a text is scaled to length 1 again.
 *
 * Weight decay, w ← (1 − η · decay) · w for each text, multiplies one factor that all weights share, as in Pegasos
 * (Shalev-Shwartz et al. 2007). It is exactly the decay of all weights, and costs the same for any number of them.
 *
 * The arithmetic is WebAssembly and JavaScript of this package on every device, so all devices give the same weights.
 */
export function textLearner(
  { config, examples, start }: LearnerRequest<TextExample>,
  { weightDecay, maximumGradientNorm = Number.POSITIVE_INFINITY }: LoopSettings,
  { signal }: CallContext,
): Learner<TextExample> {
  const labels = config['labels'] as readonly string[]
  const numberOf = new Map(labels.map((label, number) => [label, number]))
  const width = (labels.length + 3) & ~3
  let rowOf: Float32Array = new Float32Array()
  let frequency: Float32Array = new Float32Array()
  let bias: Float32Array = new Float32Array(width)
  let scale = 1
  let table: Table
  let best: Readonly<Record<string, Float32Array>> | undefined
  let [rows, values] = [new Int32Array(), new Float32Array()]

  /** Leaves the logits in `table.vector`. @returns the text as the table has it, of length 1 or without features. */
  function logits({ indices, values: given }: TextFeatures): SparseText {
    if (indices.length > rows.length)
      [rows, values] = [new Int32Array(indices.length), new Float32Array(indices.length)]
    let count = 0
    let squares = 0
    for (let index = 0; index < indices.length; index += 1) {
      const row = rowOf[indices[index]!]!
      if (row === 0) continue
      rows[count] = row
      values[count] = given[index]! * frequency[row]!
      squares += values[count]! * values[count]!
      count += 1
    }
    const length = Math.sqrt(squares)
    for (let index = 0; index < count; index += 1) values[index]! /= length
    const text = { rows, values, count }
    table.vector.set(bias)
    table.gather(text, scale)
    return text
  }

  /** The text's loss; leaves p − y in `table.vector`. */
  function errors(target: number): number {
    const { vector } = table
    let largest = Number.NEGATIVE_INFINITY
    for (let label = 0; label < labels.length; label += 1) largest = Math.max(largest, vector[label]!)
    const wanted = largest - vector[target]!
    let sum = 0
    for (let label = 0; label < labels.length; label += 1) {
      const share = Math.exp(vector[label]! - largest)
      vector[label] = share
      sum += share
    }
    for (let label = 0; label < labels.length; label += 1) vector[label]! /= sum
    vector[target]! -= 1
    return wanted + Math.log(sum)
  }

  function learn(example: TextExample, learningRate: number): number {
    const text = logits(example)
    const loss = errors(numberOf.get(example.label)!)
    const { vector } = table
    let rate = learningRate
    if (maximumGradientNorm !== Number.POSITIVE_INFINITY) {
      let squares = 0
      for (let label = 0; label < labels.length; label += 1) squares += vector[label]! * vector[label]!
      rate *= Math.min(1, maximumGradientNorm / Math.sqrt(squares * (text.count === 0 ? 1 : 2)))
    }
    if (weightDecay > 0) {
      scale = Math.fround(scale * (1 - learningRate * weightDecay))
      if (scale < smallestScale) applyScale()
    }
    for (let label = 0; label < labels.length; label += 1) bias[label]! -= rate * biasShare * vector[label]!
    table.scatter(text, -rate / scale)
    return loss
  }

  function applyScale(): void {
    for (let index = 0; index < table.weights.length; index += 1) table.weights[index]! *= scale
    scale = 1
  }

  /** Without the columns that fill up a row to a multiple of four. */
  function released(): Record<string, Float32Array> {
    const weight = new Float32Array(frequency.length * labels.length)
    for (let row = 0; row < frequency.length; row += 1)
      for (let label = 0; label < labels.length; label += 1)
        weight[row * labels.length + label] = table.weights[row * width + label]! * scale
    return { bias: bias.slice(0, labels.length), frequency: frequency.slice(), row: rowOf.slice(), weight }
  }

  function take(weights: Readonly<Record<string, Float32Array>>, rows: number): void {
    table = openTable(rows, width)
    for (let place = 0; place < weights['weight']!.length; place += 1)
      table.weights[Math.floor(place / labels.length) * width + (place % labels.length)] = weights['weight']![place]!
    bias.set(weights['bias']!)
  }

  return {
    async begin() {
      const found = await countTexts(examples, config['buckets'] as number, signal)
      const known = start && { rowOf: start['row']!, frequency: start['frequency']! }
      ;({ rowOf, frequency } = rowsFor(found, { texts: examples.size, labels: labels.length, known }))
      take(start ?? { weight: new Float32Array(), bias: new Float32Array() }, frequency.length)
    },

    resume(saved) {
      const valuesOf = (name: string) => saved[name]!.values
      rowOf = valuesOf('row').slice()
      frequency = valuesOf('frequency').slice()
      scale = valuesOf('scale')[0]!
      table = openTable(frequency.length, width)
      table.weights.set(valuesOf('weight'))
      bias = valuesOf('bias').slice()
      const kept = Object.keys(saved).filter((name) => name.startsWith('best/'))
      if (kept.length > 0) best = Object.fromEntries(kept.map((name) => [name.slice(5), valuesOf(name)]))
    },

    async takeStep(batches, _step, learningRate) {
      let sum = 0
      let count = 0
      for (const batch of batches)
        for (const example of batch) {
          sum += learn(example, learningRate)
          count += 1
        }
      return sum / count
    },

    async developmentLoss(batch) {
      let sum = 0
      for (const example of batch) {
        logits(example)
        sum += errors(numberOf.get(example.label)!)
      }
      return { loss: sum / batch.length, count: batch.length }
    },

    keepBest() {
      best = released()
    },

    async state() {
      const saved: Record<string, SavedTensor> = {}
      const all = { bias, frequency, row: rowOf, weight: table.weights, scale: Float32Array.of(scale) }
      for (const [name, values] of Object.entries(all)) saved[name] = { shape: [values.length], values }
      for (const [name, values] of Object.entries(best ?? {}))
        saved[`best/${name}`] = { shape: [values.length], values }
      return saved
    },

    weights: async () => best ?? released(),
    dispose() {},
  }
}

interface Table {
  /** [rows, width]. */
  readonly weights: Float32Array
  /** [width]. */
  readonly vector: Float32Array
  /** vector ← vector + factor × the sum of the text's rows, each times its value. */
  gather(text: SparseText, factor: number): void
  /** Each of the text's rows ← row + factor × its value × vector. */
  scatter(text: SparseText, factor: number): void
}

/** The first `count` of its arrays; the others have no meaning. */
interface SparseText {
  readonly rows: Int32Array
  readonly values: Float32Array
  readonly count: number
}

/** Features that are multiplied at once. */
const featuresAtOnce = 1024

/** A table of zeros. */
function openTable(rows: number, width: number): Table {
  const stride = width * 4
  const [weightsAt, rowsAt] = [stride, stride * (rows + 1)]
  const valuesAt = rowsAt + featuresAtOnce * 4
  const products = sparseProducts(valuesAt + featuresAtOnce * 4)
  const { buffer } = products.memory
  const rowsHere = new Int32Array(buffer, rowsAt, featuresAtOnce)
  const valuesHere = new Float32Array(buffer, valuesAt, featuresAtOnce)
  const inParts = (product: SparseProducts['gather']) => (text: SparseText, factor: number) => {
    for (let first = 0; first < text.count; first += featuresAtOnce) {
      const count = Math.min(featuresAtOnce, text.count - first)
      rowsHere.set(text.rows.subarray(first, first + count))
      valuesHere.set(text.values.subarray(first, first + count))
      product(0, weightsAt, rowsAt, valuesAt, count, stride, factor)
    }
  }
  return {
    weights: new Float32Array(buffer, weightsAt, rows * width),
    vector: new Float32Array(buffer, 0, width),
    gather: inParts(products.gather),
    scatter: inParts(products.scatter),
  }
}
