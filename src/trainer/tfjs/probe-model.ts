import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { JsonObject } from '../../core/index.js'
import { crossEntropy } from './cross-entropy.js'
import { flatten } from './text-classifier.js'
import type { TextExample } from './text-rows.js'
import type { LoopSettings } from './tfjs-model.js'
import type { Trainable } from './train-loop.js'

/**
 * Softmax regression on sparse texts, trained on the device by `lossAndGradients` and AdamW, with one row of weights per
 * bucket. It shows that a device trains, and how fast the loop is.
 */
export function probeModel(
  loop: LoopSettings,
): Required<Pick<Trainable<TextExample>, 'init' | 'lossAndGradients'>> & Trainable<TextExample> {
  const labelsOf = (config: JsonObject) => config['labels'] as readonly string[]
  const bucketsOf = (config: JsonObject) => config['buckets'] as number
  return {
    loop,
    // Zeros: softmax regression is convex, so there is no symmetry to break.
    init: (tf, config) => ({
      bias: tf.zeros([labelsOf(config).length]),
      weight: tf.zeros([bucketsOf(config), labelsOf(config).length]),
    }),
    lossAndGradients(tf, { weight, bias }, batch, config) {
      const { indices, values, owners } = flatten(tf, batch)
      const weighted = tf.mul(tf.gather(weight as Tensor2D, indices), values) // [words, labels]
      const logits = tf.add(tf.unsortedSegmentSum(weighted, owners, batch.length), bias as Tensor1D) // [batch, labels]
      const targets = Int32Array.from(batch, ({ label }) => labelsOf(config).indexOf(label))
      const found = crossEntropy(tf, logits as Tensor2D, targets)
      const errors = tf.div(found.errors, batch.length) // [batch, labels]
      const byWord = tf.mul(tf.gather(errors, owners), values) // [words, labels]
      return {
        loss: tf.mean(found.losses),
        gradients: { bias: tf.sum(errors, 0), weight: tf.unsortedSegmentSum(byWord, indices, bucketsOf(config)) },
      }
    },
  }
}
