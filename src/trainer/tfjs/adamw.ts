import type { Tensor } from '@tensorflow/tfjs-core'
import type { Tf } from './devices.js'

/** Moments of one weight, of its shape: sums, not means (m / (1 − β₁) and v / (1 − β₂) of the paper), which saves two passes. */
export interface AdamWState {
  readonly first: Tensor
  readonly second: Tensor
}

// The defaults of the paper, and of every implementation since.
const beta1 = 0.9
const beta2 = 0.999
const epsilon = 1e-8

export function initAdamW(tf: Tf, weight: Tensor): AdamWState {
  return { first: tf.zerosLike(weight), second: tf.zerosLike(weight) }
}

/**
 * One step of AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2).
 *
 * @param step from 1.
 */
export function updateAdamW(
  tf: Tf,
  weight: Tensor,
  gradient: Tensor,
  { first, second }: AdamWState,
  {
    step,
    learningRate,
    weightDecay,
  }: { readonly step: number; readonly learningRate: number; readonly weightDecay: number },
): { readonly weight: Tensor; readonly state: AdamWState } {
  const nextFirst = tf.add(tf.mul(first, beta1), gradient)
  const nextSecond = tf.add(tf.mul(second, beta2), tf.square(gradient))
  // What turns the sums into unbiased means stands in the rate and in epsilon: η·m̂ / (√v̂ + ε).
  const unbias = Math.sqrt((1 - beta2 ** step) / (1 - beta2))
  const rate = learningRate * unbias * ((1 - beta1) / (1 - beta1 ** step))
  const change = tf.div(tf.mul(nextFirst, rate), tf.add(tf.sqrt(nextSecond), epsilon * unbias))
  const kept = weightDecay === 0 ? weight : tf.mul(weight, 1 - learningRate * weightDecay)
  return { weight: tf.sub(kept, change), state: { first: nextFirst, second: nextSecond } }
}
