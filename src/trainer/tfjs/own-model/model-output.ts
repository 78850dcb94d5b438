import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { type JsonObject, SheikhError } from '../../../core/index.js'
import type { Prediction } from '../../../model/index.js'
import type { TfjsCore } from '../devices.js'
import { labelPredictions } from '../label-predictions.js'

/** The output kinds of a custom model, with the type of their targets. */
export interface OutputTargets {
  /** One of the labels in the training rows, with a probability for each. */
  readonly label: string
  readonly number: number
}

export type OutputKind = keyof OutputTargets

/** Converts outputs, [examples, width], to a loss and predictions. */
export interface ModelOutput {
  readonly targets?: 'labels'
  isTarget(target: unknown): boolean
  /** Derives from the training targets what predicting needs. @throws `dataset-invalid`. */
  learn(
    seen: { readonly count: number; readonly labels: ReadonlySet<string> },
    base: JsonObject | undefined,
  ): JsonObject
  isConfig(config: JsonObject): boolean
  /** Whether a target can be judged: for labels, whether it was in the training rows. */
  isKnown(target: unknown, config: JsonObject): boolean
  width(config: JsonObject): number
  toTensor(tf: TfjsCore, targets: readonly unknown[], config: JsonObject): Tensor
  /** The mean loss over the examples. */
  loss(tf: TfjsCore, outputs: Tensor, targets: Tensor): Scalar
  /** The values that `predictions` derives from the model's outputs. */
  answers(tf: TfjsCore, outputs: Tensor): Tensor
  predictions(values: Float32Array, config: JsonObject): readonly Prediction[]
  readonly labels?: (config: JsonObject) => readonly string[]
}

const labelsOf = (config: JsonObject) => config['labels'] as readonly string[]

const label: ModelOutput = {
  targets: 'labels',
  isTarget: (target) => typeof target === 'string',
  learn(seen, base) {
    const labels = [...new Set([...(base === undefined ? [] : labelsOf(base)), ...seen.labels])]
    if (labels.length < 2)
      throw new SheikhError(
        'dataset-invalid',
        `Cannot train a classifier: ${labels.length === 0 ? 'there are no rows' : `all rows have the label "${labels[0]}"`}. Correct the samples.`,
        { facts: { labels } },
      )
    return { labels: labels.sort() }
  },
  isConfig: ({ labels }) =>
    Array.isArray(labels) && labels.length >= 2 && labels.every((one) => typeof one === 'string'),
  isKnown: (target, config) => labelsOf(config).includes(target as string),
  width: (config) => labelsOf(config).length,
  toTensor(tf, targets, config) {
    const numbers = new Map(labelsOf(config).map((one, number) => [one as unknown, number]))
    const indices = Int32Array.from(targets, (target) => numbers.get(target)!)
    return tf.oneHot(tf.tensor1d(indices, 'int32'), numbers.size) // [examples, labels]
  },
  loss: (tf, logits, targets) => tf.neg(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), targets), 1))) as Scalar,
  answers: (tf, logits) => tf.softmax(logits),
  predictions: (values, config) => labelPredictions(values, labelsOf(config)),
  labels: labelsOf,
}

const number: ModelOutput = {
  isTarget: (target) => typeof target === 'number' && Number.isFinite(target),
  learn({ count }) {
    if (count === 0)
      throw new SheikhError('dataset-invalid', 'Cannot train on numbers: there are no rows. Correct the samples.')
    return {}
  },
  isConfig: () => true,
  isKnown: () => true,
  width: () => 1,
  toTensor: (tf, targets) => tf.tensor2d(Float32Array.from(targets as readonly number[]), [targets.length, 1]),
  loss: (tf, outputs, targets) => tf.mean(tf.square(tf.sub(outputs, targets))) as Scalar,
  answers: (_, outputs) => outputs,
  predictions: (values) => Array.from(values, (value) => ({ kind: 'number', value })),
}

export const answers: Readonly<Record<OutputKind, ModelOutput>> = { label, number }
