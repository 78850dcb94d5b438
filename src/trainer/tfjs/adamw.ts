import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core'
import { SheikhError } from '../../core/index.js'
import type { TfjsCore } from './devices.js'

/**
 * Moments of one weight, of its shape: sums, not means (m / (1 − β₁) and v / (1 − β₂) of the paper), which saves two passes;
 * on TensorFlow's devices means.
 */
export interface AdamWState {
  readonly first: Tensor
  readonly second: Tensor
}

export interface AdamWOptions {
  /** From 1. */
  readonly step: number
  readonly learningRate: number
  readonly weightDecay: number
}

/**
 * The name of the kernel that does a step at once, on devices that have one. It gives the next weight and the next moments,
 * and may write these where those that it was given are.
 */
export const adamWKernel = 'SheikhAdamW'
export type AdamWInputs = Readonly<Record<'weight' | 'first' | 'second' | 'gradient', TensorInfo>>

// The defaults of the paper, and of every implementation since.
export const beta1 = 0.9
export const beta2 = 0.999
export const epsilon = 1e-8

export function initAdamW(tf: TfjsCore, weight: Tensor): AdamWState {
  return { first: tf.zerosLike(weight), second: tf.zerosLike(weight) }
}

/**
 * One step of AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2). The state that it is
 * given is not to be used any more, but to be disposed; the weight stays what it was.
 *
 * @throws `invalid-options` for a gradient of another shape than its weight's.
 */
export function updateAdamW(
  tf: TfjsCore,
  weight: Tensor,
  gradient: Tensor,
  { first, second }: AdamWState,
  options: AdamWOptions,
): { readonly weight: Tensor; readonly state: AdamWState } {
  // A kernel would read on behind the shorter one, or tfjs make one weight of each pair.
  if (!tf.util.arraysEqual(weight.shape, gradient.shape))
    throw new SheikhError(
      'invalid-options',
      `Cannot train: a weight of the shape [${weight.shape.join(', ')}] was given a gradient of the shape [${gradient.shape.join(', ')}]. Correct the model's "lossAndGradients".`,
    )
  if (tf.getKernel(adamWKernel, tf.getBackend()) !== undefined) {
    const inputs = { weight, first, second, gradient }
    const next = tf.engine().runKernel(adamWKernel, inputs, { ...options }) as Tensor[]
    return { weight: next[0]!, state: { first: next[1]!, second: next[2]! } }
  }
  const { rate, epsilon, kept } = factorsOfSums(options)
  const nextFirst = tf.add(tf.mul(first, beta1), gradient)
  const nextSecond = tf.add(tf.mul(second, beta2), tf.square(gradient))
  const change = tf.div(tf.mul(nextFirst, rate), tf.add(tf.sqrt(nextSecond), epsilon))
  const left = kept === 1 ? weight : tf.mul(weight, kept)
  return { weight: tf.sub(left, change), state: { first: nextFirst, second: nextSecond } }
}

/** w ← kept · w − rate · m / (√v + epsilon), of sums: what makes unbiased means of them, η·m̂ / (√v̂ + ε), is in the factors. */
export function factorsOfSums({ step, learningRate, weightDecay }: AdamWOptions) {
  const unbias = Math.sqrt((1 - beta2 ** step) / (1 - beta2))
  return {
    rate: learningRate * unbias * ((1 - beta1) / (1 - beta1 ** step)),
    epsilon: epsilon * unbias,
    kept: 1 - learningRate * weightDecay,
  }
}
