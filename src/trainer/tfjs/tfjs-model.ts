import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { CallContext, Json, JsonObject, Random } from '../../core/index.js'
import type { Prediction, Rows } from '../../model/index.js'
import type { TfjsCore } from './devices.js'
import type { Examples } from './examples.js'
import type { Learner } from './learner.js'
import type { Schedule } from './learning-rate.js'

/** Ends a training when the loss on the development rows falls no longer, and keeps the weights of its lowest. */
export interface EarlyStopping {
  /** Looks in a row that find no lower loss. */
  readonly patience: number
  /** What a loss must be lower by. @default 0 */
  readonly minimumImprovement?: number | undefined
  /** How often it looks. @default after each epoch */
  readonly everySteps?: number | undefined
}

export interface LoopSettings {
  readonly epochs: number
  /** Takes the place of `epochs`: the data is gone through as often as it takes. @default `epochs` decide */
  readonly maximumSteps?: number | undefined
  /** Examples at once. */
  readonly batchSize: number
  /** Examples at once where nothing is learned: development rows, and inputs to answer. @default `batchSize`, and 64 */
  readonly evaluationBatchSize?: number | undefined
  /** A batch that would take more is split, by shapes alone. @default 2³⁰, where the model says what it takes */
  readonly maximumStepBytes?: number | undefined
  /** Batches a step, whose gradients are added up: a step of a larger batch in the memory of a smaller one. @default 1 */
  readonly gradientAccumulation?: number | undefined
  /** The highest; `schedule` says how it falls. */
  readonly learningRate: number
  readonly weightDecay: number
  /** @default 'linear' */
  readonly schedule?: Schedule | undefined
  /** The share of all steps in which the rate rises from 0, 0 to 1. @default 0 */
  readonly warmupRatio?: number | undefined
  /** Needs development rows: `developmentShare` of the dataset. @default none */
  readonly earlyStopping?: EarlyStopping | undefined
  /** The largest norm of all gradients together; larger ones are scaled down to it. @default none */
  readonly maximumGradientNorm?: number | undefined
  /** How often progress is reported. @default so that there are 200 reports at most */
  readonly reportEverySteps?: number | undefined
}

export interface LossAndGradients {
  readonly loss: Scalar
  /** By name, each of its weight's shape. A weight that has none here stays as it is. */
  readonly gradients: Weights
  /** Weights that are not learned by a gradient but follow what is seen, as moving averages: what they are after the batch. */
  readonly updates?: Weights | undefined
  /** What the mean is over, as tokens. @default the examples of the batch */
  readonly count?: number | undefined
}

/** Weights by name; the names are those in the safetensors file. All are float32. */
export type Weights = Readonly<Record<string, Tensor>>

/** Of a release that a training starts from. */
export interface BaseWeights {
  readonly config: JsonObject
  readonly weights: Readonly<Record<string, Float32Array>>
}

/** Where a thread of its own finds the model: what `export` of the module returns for `options` is the same model. */
export type ModelModule =
  | {
      /** `import.meta.url` of the module. */
      readonly url: string
      readonly export: string
      /** What a structured clone keeps. */
      readonly options?: unknown
    }
  /** Those of this package. */
  | { readonly builtIn: 'text-classifier'; readonly options?: unknown }

/** A training that a model's own learner does. */
export interface LearnerRequest<Example> {
  readonly config: JsonObject
  readonly examples: Examples<Example>
  /** Weights to start from, by name. @default the learner's own */
  readonly start?: Readonly<Record<string, Float32Array>> | undefined
  /** What the `moments` of the learner returned after the replica's last round. @default none: the first steps */
  readonly moments?: Readonly<Record<string, Float32Array>> | undefined
}

/**
 * What `tfjsTrainer` trains: a model's own arithmetic. The loop, AdamW, the seed, progress, saving and loading are the
 * trainer's. The text classifier is one; write another for a model of your own.
 *
 * Everything here is synchronous but `prepare`, `learn` and `examples`, and runs inside `tf.tidy`: what is not returned is freed.
 */
export interface TfjsModel<I, T, Example> {
  readonly name: string
  /** Raised whenever the code changes. */
  readonly version?: string | undefined
  readonly targets?: 'labels' | undefined
  /** With it the model is trained in a thread of its own. @default it is trained on the caller's thread */
  readonly module?: ModelModule | undefined
  readonly loop: LoopSettings
  /** All options, resolved. */
  describe(): Json
  /**
   * Loads what the arithmetic needs beside tfjs's core; waited for before anything else is asked.
   *
   * @returns the versions of packages that decide the result.
   * @throws `missing-peer`.
   */
  prepare?(): Promise<Readonly<Record<string, string>>>
  /**
   * Reads the rows once: gives each example to learn from to `keep`, in plain values and typed arrays, and returns what must
   * be known to predict (labels, a vocabulary), which becomes `config.json`.
   *
   * @param base what the training starts from knew, where it starts from a release: what is returned knows it too.
   */
  learn(
    rows: Rows<I, T>,
    keep: (example: Example) => Promise<void> | undefined,
    context: CallContext,
    base?: JsonObject,
  ): Promise<JsonObject>
  /** Rows as examples, by what was learned; those that have no place in it (a label never seen) are left out. For early stopping. */
  examples?(
    rows: Rows<I, T>,
    config: JsonObject,
    keep: (example: Example) => Promise<void> | undefined,
    context: CallContext,
  ): Promise<void>
  /**
   * A release's weights in the shapes of this training, by name.
   *
   * @default as they are; shapes and labels must be equal
   * @throws `invalid-options` where it cannot be started from.
   */
  startFrom?(base: BaseWeights, config: JsonObject): Readonly<Record<string, Float32Array>>
  /** Checks what stands in a `config.json`. @throws `artifact-corrupt`. */
  checkConfig(config: JsonObject): void
  /** Checks values that the arithmetic relies on, as positions in a table. @default none. @throws `artifact-corrupt`. */
  checkWeights?(base: BaseWeights): void
  /** Names and shapes of the weights. */
  shapes(config: JsonObject): Readonly<Record<string, readonly number[]>>
  /** The first weights. Required without `learner`. */
  init?(tf: TfjsCore, config: JsonObject, random: Random): Weights
  /**
   * The mean loss of a batch, and its gradient by each weight. By hand, or by `tf.valueAndGrads` where tfjs's gradients are
   * registered: its core alone, on Node, registers none. See `gradientModel`. Required without `learner`.
   *
   * @param random of this batch of this step, for what is drawn by chance: it follows from the seed.
   */
  lossAndGradients?(
    tf: TfjsCore,
    weights: Weights,
    batch: readonly Example[],
    config: JsonObject,
    random: Random,
  ): LossAndGradients
  /** What early stopping looks at: nothing in it is drawn by chance. @default the loss of `lossAndGradients` */
  loss?(
    tf: TfjsCore,
    weights: Weights,
    batch: readonly Example[],
    config: JsonObject,
  ): Pick<LossAndGradients, 'loss' | 'count'>
  /** Trains the weights in a way of the model's own. @default by `lossAndGradients` and AdamW, on the device */
  learner?(request: LearnerRequest<Example>, context: CallContext): Learner<Example>
  /** What `config.json` contains of a trained model. @default what `learn` returned */
  released?(config: JsonObject, weights: Readonly<Record<string, Float32Array>>): JsonObject
  /** About what `lossAndGradients` takes beside the weights. @default unknown, and no batch is split */
  stepBytes?(batch: readonly Example[], config: JsonObject): number
  /** What `predictions` reads: one tensor, float32. */
  outputs(tf: TfjsCore, weights: Weights, inputs: readonly I[], config: JsonObject): Tensor
  /** @param outputs the values of the tensor, row by row. */
  predictions(outputs: Float32Array, config: JsonObject): readonly Prediction[]
  readonly labels?: ((config: JsonObject) => readonly string[]) | undefined
  /** The trained model as an ONNX file, for `tfjsTrainer(…, { export: ['onnx'] })`. The same weights give the same bytes. */
  onnx?(config: JsonObject, weights: Readonly<Record<string, Float32Array>>): Uint8Array
}
