import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import type { TfjsCore } from '../devices.js'
import type { KeysAndValues } from './layers.js'
import type { LlamaConfig } from './llama-config.js'

/** Keys and values of one sequence in one layer: [positions, key heads, head size], with room for more positions. */
interface LayerArrays {
  keys: Float32Array
  values: Float32Array
}

/** Keys and values of one sequence, by layer. */
export type ArrayCache = readonly LayerArrays[]

/** Room grows by so many positions. */
const block = 128

/** @param cache of a prompt that was read alone: [1, key heads, positions, head size]. Reads the tensors. */
export const arrayCacheOf = (cache: readonly KeysAndValues[]): ArrayCache =>
  cache.map(({ keys, values }) => ({ keys: byPosition(keys), values: byPosition(values) }))

function byPosition(tensor: Tensor): Float32Array {
  const [, heads, positions, size] = tensor.shape as [number, number, number, number]
  const given = tensor.dataSync<'float32'>()
  const room = new Float32Array(Math.ceil((positions + 1) / block) * block * heads * size)
  for (let head = 0; head < heads; head += 1)
    for (let position = 0; position < positions; position += 1) {
      const from = (head * positions + position) * size
      room.set(given.subarray(from, from + size), (position * heads + head) * size)
    }
  return room
}

/**
 * softmax(q·kᵀ)·v for one new token of each sequence, whose keys and values are added in place. A sequence reads its own
 * positions alone and in order, so the result does not depend on the other sequences.
 *
 * The operations of TensorFlow.js would copy all keys and values to add one position, transpose them, and multiply each head in a
 * call of its own: for 8 sequences that was three quarters of a pass.
 *
 * @param layer of each sequence. @param positions of the new tokens.
 * @returns a function of queries, scaled, and of new keys and values, each [sequences, heads, 1, head size], that returns
 * [sequences, heads × head size].
 */
export function attendInArrays(
  tf: TfjsCore,
  { heads, keyValueHeads, headSize }: LlamaConfig,
  layer: readonly LayerArrays[],
  positions: Int32Array,
): (queries: Tensor, keys: Tensor, values: Tensor) => Tensor2D {
  return (queries, keys, values) => {
    const [asked, newKeys, newValues] = [queries, keys, values].map((tensor) => tensor.dataSync<'float32'>())
    const output = new Float32Array(layer.length * heads * headSize)
    const shares = new Float64Array(Math.max(...positions) + 1)
    const width = keyValueHeads * headSize
    const queriesPerKey = heads / keyValueHeads
    for (const [row, arrays] of layer.entries()) {
      const position = positions[row]!
      arrays.keys = withRow(arrays.keys, newKeys!, row, position, width)
      arrays.values = withRow(arrays.values, newValues!, row, position, width)
      for (let head = 0; head < heads; head += 1) {
        const at = (row * heads + head) * headSize
        const first = Math.floor(head / queriesPerKey) * headSize
        const part = { at, first, size: headSize, width, count: position + 1 }
        score(asked!, arrays.keys, shares, part)
        softmax(shares, position + 1)
        mix(shares, arrays.values, output, part)
      }
    }
    return tf.tensor2d(output, [layer.length, heads * headSize])
  }
}

/** The array, or a longer copy, with the new row of all key heads at its position. */
function withRow(old: Float32Array, added: Float32Array, row: number, position: number, width: number): Float32Array {
  let room = old
  if (room.length < (position + 1) * width) {
    room = new Float32Array(room.length + block * width)
    room.set(old)
  }
  room.set(added.subarray(row * width, (row + 1) * width), position * width)
  return room
}

/** One head of one sequence. */
interface HeadPart {
  /** Of the head's numbers in the queries and in the output. */
  readonly at: number
  /** Of the head's numbers in the keys and values of the first position; those of the next one are `width` further. */
  readonly first: number
  readonly size: number
  readonly width: number
  /** Number of positions. */
  readonly count: number
}

/** q·kᵀ. Four positions at a time, whose sums do not wait for each other. */
function score(
  queries: Float32Array,
  keys: Float32Array,
  scores: Float64Array,
  { at, first, size, width, count }: HeadPart,
): void {
  let position = 0
  for (; position + 3 < count; position += 4) {
    const from = first + position * width
    let sum0 = 0
    let sum1 = 0
    let sum2 = 0
    let sum3 = 0
    for (let index = 0; index < size; index += 1) {
      const query = queries[at + index]!
      sum0 += query * keys[from + index]!
      sum1 += query * keys[from + width + index]!
      sum2 += query * keys[from + 2 * width + index]!
      sum3 += query * keys[from + 3 * width + index]!
    }
    scores[position] = sum0
    scores[position + 1] = sum1
    scores[position + 2] = sum2
    scores[position + 3] = sum3
  }
  for (; position < count; position += 1) {
    const from = first + position * width
    let sum = 0
    for (let index = 0; index < size; index += 1) sum += queries[at + index]! * keys[from + index]!
    scores[position] = sum
  }
}

function softmax(scores: Float64Array, count: number): void {
  let largest = Number.NEGATIVE_INFINITY
  for (let position = 0; position < count; position += 1) if (scores[position]! > largest) largest = scores[position]!
  let sum = 0
  for (let position = 0; position < count; position += 1) {
    scores[position] = Math.exp(scores[position]! - largest)
    sum += scores[position]!
  }
  for (let position = 0; position < count; position += 1) scores[position]! /= sum
}

/** shares·v. Four columns at a time, then the rest. */
function mix(
  shares: Float64Array,
  values: Float32Array,
  output: Float32Array,
  { at, first, size, width, count }: HeadPart,
): void {
  let column = 0
  for (; column + 3 < size; column += 4) {
    let sum0 = 0
    let sum1 = 0
    let sum2 = 0
    let sum3 = 0
    for (let position = 0, from = first + column; position < count; position += 1, from += width) {
      const share = shares[position]!
      sum0 += share * values[from]!
      sum1 += share * values[from + 1]!
      sum2 += share * values[from + 2]!
      sum3 += share * values[from + 3]!
    }
    output[at + column] = sum0
    output[at + column + 1] = sum1
    output[at + column + 2] = sum2
    output[at + column + 3] = sum3
  }
  for (; column < size; column += 1) {
    let sum = 0
    for (let position = 0, from = first + column; position < count; position += 1, from += width)
      sum += shares[position]! * values[from]!
    output[at + column] = sum
  }
}
