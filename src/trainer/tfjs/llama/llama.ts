import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import { crossEntropy } from '../cross-entropy.js'
import type { TfjsCore } from '../devices.js'
import type { LossAndGradients, Weights } from '../tfjs-model.js'
import { type Cache, capacityOf } from './cache.js'
import {
  type Adapter,
  type AttentionInput,
  attention,
  gatedFeedForward,
  type KeysAndValues,
  linear,
  type Pass,
  type PastElsewhere,
  rootMeanSquareNorm,
} from './layers.js'
import type { LlamaConfig } from './llama-config.js'
import { rotationOf } from './rope.js'

/** A sequence to learn from: one text, or several that are packed. Arrays of one length. */
export interface TokenSequence {
  readonly ids: Int32Array
  /** Of each token in its own text, from 0. */
  readonly positions: Int32Array
  /** Which text a token is of: only those of its own text are looked at. */
  readonly segments: Int32Array
  /** The token that is to follow; −1 where nothing is learned. */
  readonly targets: Int32Array
}

export interface Llama {
  readonly tf: TfjsCore
  readonly config: LlamaConfig
  /** By name, as Hugging Face has them; adapters' beside them. */
  readonly weights: Weights
  readonly adapters?: ReadonlyMap<string, Adapter> | undefined
  /** As in `Pass`. */
  readonly transposed?: Pass['transposed']
}

const embedding = 'model.embed_tokens.weight'

// Low enough that its share is 0 in float32, and far from where sums of it overflow.
const never = -1e9

/**
 * The mean cross-entropy of all targets of a batch, and its gradients by the weights that `isTrained` names.
 * Runs inside `tf.tidy`.
 */
export function llamaLossAndGradients(
  llama: Llama,
  batch: readonly TokenSequence[],
  isTrained: (name: string) => boolean,
): LossAndGradients {
  const { tf } = llama
  const gradients: Record<string, Tensor> = {}
  const pass = passOf(llama, isTrained, (name, gradient) => {
    const before = gradients[name]
    gradients[name] = before === undefined ? gradient : tf.add(before, gradient)
  })
  const padded = pad(batch)
  const { rows, targets } = learnedOf(padded)
  const { y: logits, back } = answersAt(pass, padded, rows) // [rows, vocabulary]
  const { losses, errors } = crossEntropy(tf, logits, targets)
  back(tf.div(errors, rows.length))
  return { loss: tf.mean(losses), gradients, count: rows.length }
}

/** ln p of each target of each sequence, one after the other; what is not a target is left out. Runs inside `tf.tidy`. */
export function targetLogLikelihoods(llama: Llama, batch: readonly TokenSequence[]): Tensor1D {
  const { tf } = llama
  const padded = pad(batch)
  const { rows, targets } = learnedOf(padded)
  const logits = answersAt(passOf(llama), padded, rows).y
  return tf.neg(crossEntropy(tf, logits, targets).losses)
}

/**
 * About how many bytes a step's gradients take beside the weights: an upper bound, counted by the tensors that forward and
 * back keep, in terms of rows of each width. By shapes alone, so that it is the same on every machine.
 */
export function stepBytes(config: LlamaConfig, batch: readonly TokenSequence[]): number {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize, layers, vocabularySize } = config
  const time = Math.max(...batch.map(({ ids }) => ids.length))
  const rows = batch.length * time
  const learned = batch.reduce(
    (sum, { targets }) => sum + targets.reduce((count, one) => count + (one >= 0 ? 1 : 0), 0),
    0,
  )
  const perRow = 40 * hiddenSize + 26 * heads * headSize + 22 * keyValueHeads * headSize + 15 * intermediateSize
  const scores = 13 * batch.length * heads * time * time
  const logits = learned * (8 * vocabularySize + 16 * hiddenSize)
  return 4 * (layers * (rows * perRow + scores) + logits)
}

export interface NextTokens {
  /** [sequences, vocabulary]. */
  readonly logits: Tensor2D
  /** Keys and values of all positions so far. The caller disposes it. */
  readonly cache: Cache
}

/** The logits of the token that follows a prompt, and the prompt's keys and values. Runs inside `tf.tidy`. */
export function afterPrompt(llama: Llama, prompt: Int32Array): NextTokens {
  const { tf, config } = llama
  const time = prompt.length
  const rotation = rotationOf(tf, config, Int32Array.from(prompt.keys()), time)
  const mask = time === 1 ? undefined : causalMask(tf, time)
  const { x, cache } = decode(llama, prompt, { batch: 1, time, rotation, mask })
  return { logits: head(passOf(llama), tf.slice(x, [time - 1, 0], [1, -1])).y, cache }
}

/**
 * The logits of the tokens that follow one token of each sequence. Runs inside `tf.tidy`.
 *
 * @param positions of these tokens.
 * @param past keys and values of earlier positions, by layer: a cache with room for the new ones, or what is kept elsewhere.
 */
export function afterTokens(
  llama: Llama,
  tokens: Int32Array,
  positions: Int32Array,
  past: Cache | readonly PastElsewhere[],
): NextTokens {
  const input = { batch: tokens.length, time: 1, rotation: rotationOf(llama.tf, llama.config, positions, 1) }
  const masks = isCache(past) ? masksOf(llama.tf, positions, capacityOf(past)) : {}
  const next = decode(llama, tokens, { ...input, ...masks }, past)
  return { logits: head(passOf(llama), next.x).y, cache: next.cache }
}

const isCache = (past: Cache | readonly PastElsewhere[]): past is Cache => 'keys' in past[0]!

function masksOf(tf: TfjsCore, positions: Int32Array, capacity: number): Pick<AttentionInput, 'mask' | 'place'> {
  const batch = positions.length
  const mask = new Float32Array(batch * capacity).fill(never)
  const places = new Float32Array(batch * capacity)
  for (const [row, position] of positions.entries()) {
    mask.fill(0, row * capacity, row * capacity + position + 1)
    places[row * capacity + position] = 1
  }
  return { mask: tf.tensor4d(mask, [batch, 1, 1, capacity]), place: tf.tensor4d(places, [batch, 1, capacity, 1]) }
}

function decode(llama: Llama, ids: Int32Array, input: AttentionInput, past?: Cache | readonly PastElsewhere[]) {
  const { tf, config, weights } = llama
  const pass = passOf(llama)
  let x = tf.gather(weights[embedding]!, tf.tensor1d(ids, 'int32')) as Tensor2D // [batch × time, hidden]
  const cache: KeysAndValues[] = []
  for (let layer = 0; layer < config.layers; layer += 1) {
    const answer = decoderLayer(pass, layer, x, input, past?.[layer])
    x = answer.y
    cache.push(answer.kept)
  }
  return { x, cache }
}

/** The logits of every position: [batch × time, vocabulary]. For comparison with other implementations. */
export function allLogits(llama: Llama, batch: readonly TokenSequence[]): Tensor2D {
  const padded = pad(batch)
  return answersAt(passOf(llama), padded, Int32Array.from(padded.ids.keys())).y
}

function passOf(
  { tf, config, weights, adapters, transposed }: Llama,
  isTrained: Pass['isTrained'] = () => false,
  collect: Pass['collect'] = () => {},
): Pass {
  return { tf, config, weights, isTrained, collect, transposed, adapter: (name) => adapters?.get(name) }
}

function answersAt(
  pass: Pass,
  padded: Padded,
  rows: Int32Array,
): { readonly y: Tensor2D; readonly back: (dy: Tensor) => void } {
  const { tf, config, weights } = pass
  const { ids, positions, batch, time } = padded
  const rotation = rotationOf(tf, config, positions, time)
  const mask = maskOf(tf, padded)
  const tokens = tf.tensor1d(ids, 'int32')
  const backs: ((dy: Tensor2D) => Tensor2D)[] = []
  let x = tf.gather(weights[embedding]!, tokens) as Tensor2D // [batch × time, hidden]
  for (let layer = 0; layer < config.layers; layer += 1) {
    const answer = decoderLayer(pass, layer, x, { batch, time, rotation, mask })
    x = answer.y
    backs.push(answer.back)
  }
  const chosen = tf.tensor1d(rows, 'int32')
  const answer = head(pass, tf.gather(x, chosen) as Tensor2D)
  return {
    y: answer.y,
    back(dy) {
      let dx = tf.unsortedSegmentSum(answer.back(dy as Tensor2D), chosen, batch * time) as Tensor2D
      for (const back of backs.reverse()) dx = back(dx)
      if (pass.isTrained(embedding)) pass.collect(embedding, tf.unsortedSegmentSum(dx, tokens, config.vocabularySize))
    },
  }
}

function decoderLayer(
  pass: Pass,
  layer: number,
  x: Tensor2D,
  input: AttentionInput,
  past?: KeysAndValues | PastElsewhere | undefined,
) {
  const { tf } = pass
  const prefix = `model.layers.${layer}`
  const before = rootMeanSquareNorm(pass, `${prefix}.input_layernorm.weight`, x)
  const seen = attention(pass, `${prefix}.self_attn`, before.y, input, past)
  const middle = tf.add(x, seen.y) as Tensor2D
  const after = rootMeanSquareNorm(pass, `${prefix}.post_attention_layernorm.weight`, middle)
  const fed = gatedFeedForward(pass, `${prefix}.mlp`, after.y)
  return {
    y: tf.add(middle, fed.y) as Tensor2D,
    kept: seen.kept,
    back(dy: Tensor2D): Tensor2D {
      const dMiddle = tf.add(dy, after.back(fed.back(dy))) as Tensor2D
      return tf.add(dMiddle, before.back(seen.back(dMiddle)))
    },
  }
}

/** From hidden states to logits: [rows, hidden] to [rows, vocabulary]. */
function head(pass: Pass, x: Tensor2D) {
  const normal = rootMeanSquareNorm(pass, 'model.norm.weight', x)
  const logits = linear(pass, pass.config.tiedEmbedding ? embedding : 'lm_head.weight', normal.y)
  return { y: logits.y, back: (dy: Tensor2D) => normal.back(logits.back(dy)) }
}

/** Sequences as long as the longest, one after the other; what is filled up is learned from by nobody. */
interface Padded {
  readonly batch: number
  readonly time: number
  readonly ids: Int32Array
  readonly positions: Int32Array
  readonly segments: Int32Array
  readonly targets: Int32Array
}

function pad(batch: readonly TokenSequence[]): Padded {
  const time = Math.max(...batch.map(({ ids }) => ids.length))
  const filled = (part: (sequence: TokenSequence) => Int32Array, filler: number) => {
    const all = new Int32Array(batch.length * time).fill(filler)
    for (const [index, sequence] of batch.entries()) all.set(part(sequence), index * time)
    return all
  }
  return {
    batch: batch.length,
    time,
    ids: filled(({ ids }) => ids, 0),
    positions: filled(({ positions }) => positions, 0),
    segments: filled(({ segments }) => segments, -1),
    targets: filled(({ targets }) => targets, -1),
  }
}

function learnedOf({ targets }: Padded): { readonly rows: Int32Array; readonly targets: Int32Array } {
  const rows = Int32Array.from([...targets.keys()].filter((row) => targets[row]! >= 0))
  return { rows, targets: Int32Array.from(rows, (row) => targets[row]!) }
}

/** Of each position those before it and itself, in the same text. Fillers come last, and are seen by fillers only. */
function maskOf(tf: TfjsCore, { batch, time, segments }: Padded): Tensor4D {
  const isPacked = segments.some((segment) => segment > 0)
  if (!isPacked) return causalMask(tf, time)
  const mask = new Float32Array(batch * time * time).fill(never)
  for (let sequence = 0; sequence < batch; sequence += 1)
    for (let from = 0; from < time; from += 1)
      for (let to = 0; to <= from; to += 1)
        if (segments[sequence * time + from] === segments[sequence * time + to])
          mask[(sequence * time + from) * time + to] = 0
  return tf.tensor4d(mask, [batch, 1, time, time])
}

function causalMask(tf: TfjsCore, time: number): Tensor4D {
  const mask = new Float32Array(time * time)
  for (let from = 0; from < time; from += 1) mask.fill(never, from * time + from + 1, (from + 1) * time)
  return tf.tensor4d(mask, [1, 1, time, time])
}
