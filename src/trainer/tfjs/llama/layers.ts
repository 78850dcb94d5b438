// The parts of a decoder. Each gives its answer and the way back: from the gradient by the answer to the one by the input,
// with the gradients of its weights handed to the pass.
import type { Tensor, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core'
import type { TfjsCore } from '../devices.js'
import type { Weights } from '../tfjs-model.js'
import type { LlamaConfig } from './llama-config.js'
import { type Rotation, rotate, rotateBack } from './rope.js'

/** One way through the model, and what it collects on the way back. */
export interface Pass {
  readonly tf: TfjsCore
  readonly config: LlamaConfig
  readonly weights: Weights
  /** Whether this weight is trained: the gradients of others are not computed. */
  isTrained(name: string): boolean
  /** Takes, or adds, the gradient of a weight. */
  collect(name: string, gradient: Tensor): void
  /** The transpose of a weight, if it is kept. Absent: each product transposes its weight. */
  readonly transposed?: ((name: string) => Tensor2D) | undefined
  /** What is added to the product by this matrix, if it is adapted. */
  adapter(name: string): Adapter | undefined
}

/** Low-rank adaptation (Hu et al., "LoRA", 2021): scale · up · down is added to a matrix. */
export interface Adapter {
  /** Names of the weights: down is [rank, in], up is [out, rank]. */
  readonly down: string
  readonly up: string
  readonly scale: number
}

export interface LayerOutput<Y extends Tensor, X extends Tensor = Y> {
  readonly y: Y
  readonly back: (dy: Y) => X
}

/** x · Wᵀ: [rows, in] to [rows, out]. */
export function linear(pass: Pass, name: string, x: Tensor2D): LayerOutput<Tensor2D> {
  const { tf, weights } = pass
  const weight = weights[name] as Tensor2D // [out, in]
  const adapter = pass.adapter(name)
  const kept = pass.transposed?.(name)
  const product = kept === undefined ? tf.matMul(x, weight, false, true) : tf.matMul(x, kept)
  const back = (dy: Tensor2D): Tensor2D => {
    if (pass.isTrained(name)) pass.collect(name, tf.matMul(dy, x, true, false))
    return tf.matMul(dy, weight)
  }
  if (adapter === undefined) return { y: product as Tensor2D, back }
  const [down, up] = [weights[adapter.down] as Tensor2D, weights[adapter.up] as Tensor2D]
  const low = tf.matMul(x, down, false, true) // [rows, rank]
  return {
    y: tf.add(product, tf.mul(tf.matMul(low, up, false, true), adapter.scale)),
    back(dy) {
      const scaled = tf.mul(dy, adapter.scale) as Tensor2D
      const dLow = tf.matMul(scaled, up) as Tensor2D // [rows, rank]
      pass.collect(adapter.up, tf.matMul(scaled, low, true, false))
      pass.collect(adapter.down, tf.matMul(dLow, x, true, false))
      return tf.add(back(dy), tf.matMul(dLow, down))
    },
  }
}

/** x / √(mean(x²) + ε) · gain, by row (Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019). */
export function rootMeanSquareNorm(pass: Pass, name: string, x: Tensor2D): LayerOutput<Tensor2D> {
  const { tf, config } = pass
  const gain = pass.weights[name]!
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(x), 1, true), config.normEpsilon)) // [rows, 1]
  const normal = tf.mul(x, inverse)
  return {
    y: tf.mul(normal, gain) as Tensor2D,
    back(dy) {
      if (pass.isTrained(name)) pass.collect(name, tf.sum(tf.mul(dy, normal), 0))
      const dNormal = tf.mul(dy, gain)
      const along = tf.mean(tf.mul(dNormal, normal), 1, true) // [rows, 1]
      return tf.mul(inverse, tf.sub(dNormal, tf.mul(normal, along))) as Tensor2D
    },
  }
}

/** down(silu(gate(x)) ⊙ up(x)) (Shazeer, "GLU Variants Improve Transformer", 2020). */
export function gatedFeedForward(pass: Pass, prefix: string, x: Tensor2D): LayerOutput<Tensor2D> {
  const { tf } = pass
  const gate = linear(pass, `${prefix}.gate_proj.weight`, x)
  const up = linear(pass, `${prefix}.up_proj.weight`, x)
  const sigmoid = tf.sigmoid(gate.y)
  const activation = tf.mul(gate.y, sigmoid) as Tensor2D
  const down = linear(pass, `${prefix}.down_proj.weight`, tf.mul(activation, up.y))
  return {
    y: down.y,
    back(dy) {
      const dProduct = down.back(dy)
      // Of x·σ(x): σ(x)·(1 + x·(1 − σ(x))) = σ + silu − silu·σ.
      const slope = tf.add(sigmoid, tf.sub(activation, tf.mul(activation, sigmoid)))
      const dGate = tf.mul(tf.mul(dProduct, up.y), slope) as Tensor2D
      return tf.add(gate.back(dGate), up.back(tf.mul(dProduct, activation)))
    },
  }
}

export interface AttentionInput {
  readonly batch: number
  readonly time: number
  readonly rotation: Rotation
  /** Added to the scores: 0 where a position may look, very low where not. [1 or batch, 1, time, all positions]; absent: everywhere. */
  readonly mask?: Tensor4D | undefined
  /** With a past: 1 where each sequence's new keys and values are written, elsewhere 0. [batch, 1, all positions, 1] */
  readonly place?: Tensor4D | undefined
}

/** Each [batch, key heads, positions, head size]. */
export interface KeysAndValues {
  readonly keys: Tensor4D
  readonly values: Tensor4D
}

/** Keys and values that are kept elsewhere. Time is 1. */
export interface PastElsewhere {
  /** Adds the new keys and values, and returns softmax(queries·kᵀ)·v: [batch, heads × head size]. */
  attend(queries: Tensor4D, keys: Tensor4D, values: Tensor4D): Tensor2D
}

/**
 * softmax(q·kᵀ/√d + mask)·v, heads of queries sharing heads of keys (Ainslie et al., "GQA", 2023).
 *
 * @param x [batch × time, hidden]. @param past of the positions before, with room for the new ones. No gradient flows into it.
 */
export function attention(
  pass: Pass,
  prefix: string,
  x: Tensor2D,
  { batch, time, rotation, mask, place }: AttentionInput,
  past?: KeysAndValues | PastElsewhere | undefined,
): LayerOutput<Tensor2D> & { readonly kept: KeysAndValues } {
  const { tf, config } = pass
  const { heads, keyValueHeads, headSize } = config
  const scale = 1 / Math.sqrt(headSize)
  // With one token each, the order in memory is the same.
  const swapped = (y: Tensor): Tensor4D =>
    time === 1
      ? tf.reshape(y, [batch, y.shape[2]!, y.shape[1]!, headSize])
      : (tf.transpose(y, [0, 2, 1, 3]) as Tensor4D)
  const toHeads = (y: Tensor2D, count: number) => swapped(tf.reshape(y, [batch, time, count, headSize]))
  const fromHeads = (y: Tensor4D) => tf.reshape(swapped(y), [batch * time, -1]) as Tensor2D
  // Heads that share keys follow each other: together they are one longer list of queries, and no key is copied.
  const shared = (y: Tensor4D) => tf.reshape(y, [batch * keyValueHeads, -1, y.shape[3]]) as Tensor3D

  const query = linear(pass, `${prefix}.q_proj.weight`, x)
  const key = linear(pass, `${prefix}.k_proj.weight`, x)
  const value = linear(pass, `${prefix}.v_proj.weight`, x)
  const scaled = tf.mul(rotate(tf, toHeads(query.y, heads), rotation), scale) as Tensor4D
  const newKeys = rotate(tf, toHeads(key.y, keyValueHeads), rotation)
  const newValues = toHeads(value.y, keyValueHeads)
  if (past !== undefined && 'attend' in past)
    return {
      ...linear(pass, `${prefix}.o_proj.weight`, past.attend(scaled, newKeys, newValues)),
      kept: { keys: newKeys, values: newValues },
    }
  const queries = shared(scaled)
  const kept: KeysAndValues = {
    // What is not written yet is 0. A sum, because tfjs has no TensorScatterUpdate on WebGPU.
    keys: past === undefined ? newKeys : tf.add(past.keys, tf.mul(newKeys, place!)),
    values: past === undefined ? newValues : tf.add(past.values, tf.mul(newValues, place!)),
  }
  const [keys, values] = [shared(kept.keys), shared(kept.values)] // [batch × key heads, positions, head size]
  const positions = keys.shape[1]
  const byHead = tf.reshape(tf.matMul(queries, keys, false, true), [batch, heads, time, positions]) as Tensor4D
  const weights = tf.softmax(mask === undefined ? byHead : tf.add(byHead, mask)) as Tensor4D
  const mixed = tf.matMul(shared(weights), values) // [batch × key heads, queries, head size]
  const output = linear(pass, `${prefix}.o_proj.weight`, fromHeads(tf.reshape(mixed, [batch, heads, time, headSize])))
  return {
    kept,
    y: output.y,
    back(dy) {
      const dMixed = shared(toHeads(output.back(dy), heads))
      const dWeights = tf.reshape(tf.matMul(dMixed, values, false, true), weights.shape) as Tensor4D
      const dValues = tf.matMul(shared(weights), dMixed, true, false)
      const product = tf.mul(weights, dWeights)
      const dScores = shared(tf.sub(product, tf.mul(weights, tf.sum(product, 3, true))))
      const dQueries = tf.mul(tf.matMul(dScores, keys), scale)
      const dKeys = tf.matMul(dScores, queries, true, false)
      const turnedBack = (d: Tensor, count: number) =>
        fromHeads(rotateBack(tf, tf.reshape(d, [batch, count, time, headSize]), rotation))
      return tf.addN([
        query.back(turnedBack(dQueries, heads)),
        key.back(turnedBack(dKeys, keyValueHeads)),
        value.back(fromHeads(tf.reshape(dValues, [batch, keyValueHeads, time, headSize]))),
      ])
    },
  }
}
