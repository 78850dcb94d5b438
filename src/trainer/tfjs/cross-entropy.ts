import type { Tensor, Tensor1D, Tensor2D, TensorInfo } from '@tensorflow/tfjs-core'
import type { TfjsCore } from './devices.js'

/** The name of the kernel that gives losses and errors at once, on devices that have one. */
export const crossEntropyKernel = 'SheikhCrossEntropy'
/** Of the logits' rows: [rows, classes] and [rows], int32. */
export type CrossEntropyInputs = Readonly<Record<'logits' | 'targets', TensorInfo>>

export interface CrossEntropy {
  /** −ln softmax at each row's target: [rows]. */
  readonly losses: Tensor1D
  /** What they change by the logits, softmax − target: [rows, classes]. */
  readonly errors: Tensor2D
}

/**
 * The softmax cross-entropy of each row, of two classes or more. Runs inside `tf.tidy`.
 *
 * The logarithm is of the largest share, which is at least one over the classes, and the rest a difference of logits:
 * `logSoftmax` would take an exponential of every logit once more, which is the slowest of all kernels on wasm.
 *
 * @param targets the class of each row, from 0.
 */
export function crossEntropy(tf: TfjsCore, logits: Tensor2D, targets: Int32Array): CrossEntropy {
  const classes = tf.tensor1d(targets, 'int32')
  if (tf.getKernel(crossEntropyKernel, tf.getBackend()) !== undefined) {
    const [losses, errors] = tf.engine().runKernel(crossEntropyKernel, { logits, targets: classes }) as Tensor[]
    return { losses: losses as Tensor1D, errors: errors as Tensor2D }
  }
  const shares = tf.softmax(logits) // [rows, classes]
  const wanted = tf.oneHot(classes, logits.shape[1])
  const below = tf.sub(tf.max(logits, 1), tf.sum(tf.mul(logits, wanted), 1))
  return {
    losses: tf.sub(below, tf.log(tf.max(shares, 1))),
    errors: tf.sub(shares, wanted),
  }
}
