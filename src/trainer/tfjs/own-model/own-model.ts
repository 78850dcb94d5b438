import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import { type JsonObject, messageOf, type Random, SheikhError } from '../../../core/index.js'
import type { TfjsCore } from '../devices.js'
import { describeLoop, type LoopOptions, optionCheck, toLoopSettings } from '../loop-options.js'
import type { LossAndGradients, ModelModule, TfjsModel, Weights } from '../tfjs-model.js'
import { loadWholeTfjs, type Whole } from './load-tfjs.js'
import { answers, type OutputKind, type OutputTargets } from './model-output.js'
import {
  type InputEncoder,
  type NumberExample,
  readExamples,
  sizeOfShape,
  toBatch,
  toInputTensor,
} from './number-examples.js'

/** Options of both kinds of custom models. */
export interface OwnModelOptions<I, K extends OutputKind> extends LoopOptions {
  /** `label`: targets are labels; `number`: targets are numbers. */
  readonly answer: K
  /** Converts an input to a flat list of numbers in the input's shape. Must be deterministic. */
  readonly input: InputEncoder<I>
  /**
   * Version of the code. Raise it when the code changes. @default none: nothing is cached, and no checkpoints are kept
   */
  readonly version?: string | undefined
  /**
   * The module that defines the model, so that it can be trained in a separate thread. The export must return the same
   * model. @default the caller's thread
   */
  readonly module?: ModelModule | undefined
  /** @default 10 */
  readonly epochs?: number | undefined
  /** @default 32 */
  readonly batchSize?: number | undefined
  /**
   * Estimates the bytes that a step with this many examples needs, by shapes alone. A batch that would need more than
   * `maximumStepBytes` is split, with the same result. @default no batch is split
   */
  readonly stepBytes?: ((examples: number) => number) | undefined
  /** @default 2³⁰, with `stepBytes` */
  readonly maximumStepBytes?: number | undefined
  /** @default 0.001 */
  readonly learningRate?: number | undefined
  /** @default 0 */
  readonly weightDecay?: number | undefined
}

export interface OwnBatch {
  /** [examples, ...the input's shape]. */
  readonly inputs: Tensor
  /** [examples, labels], one-hot; for numbers [examples, 1]. */
  readonly targets: Tensor
}

/**
 * The parts that differ between the kinds. Functions other than `learn` and `check` are called only after those have
 * passed.
 */
export interface Arithmetic {
  /** The model's entries in `config.json`. @throws `invalid-options`. */
  learn(whole: Whole, learned: JsonObject): JsonObject
  /** Throws for what cannot be read. */
  check(whole: Whole, config: JsonObject): void
  inputShape(whole: Whole, config: JsonObject): readonly number[]
  shapes(whole: Whole, config: JsonObject): Readonly<Record<string, readonly number[]>>
  /** Initial weights, drawn on the reference device. */
  first(whole: Whole, config: JsonObject, random: Random): Readonly<Record<string, Float32Array>>
  step(whole: Whole, weights: Weights, batch: OwnBatch, config: JsonObject, random: Random): LossAndGradients
  loss(whole: Whole, weights: Weights, batch: OwnBatch, config: JsonObject): Scalar
  /** [inputs, width]. */
  outputs(whole: Whole, weights: Weights, inputs: Tensor, config: JsonObject): Tensor
  /** Whether weights can be transferred between two configurations. @default if shapes are equal */
  isAlike?(base: JsonObject, config: JsonObject): boolean
}

/** @param kind the architecture in `config.json`. */
export function ownModel<I, K extends OutputKind>(
  kind: string,
  options: OwnModelOptions<I, K>,
  arithmetic: Arithmetic,
): TfjsModel<I, OutputTargets[K], NumberExample> {
  const { answer: answerKind, input: encode, version, module, stepBytes, maximumStepBytes } = options
  const check = optionCheck('a model of your own', 'OwnModelOptions')
  check('answer', answerKind, Object.hasOwn(answers, answerKind))
  const answer = answers[answerKind]
  const defaults = { epochs: 10, batchSize: 32, learningRate: 0.001, weightDecay: 0 }
  const limit = maximumStepBytes === undefined ? {} : { maximumStepBytes }
  const loop = toLoopSettings(options, { ...defaults, ...limit }, check)
  let loaded: Whole | undefined
  const prepared = async () => (loaded ??= await loadWholeTfjs())
  const whole = () => {
    if (loaded === undefined) throw new Error(`The model "${kind}" was used before its "prepare" completed.`)
    return loaded
  }
  const batchOf = (tf: TfjsCore, batch: readonly NumberExample[], config: JsonObject) =>
    toBatch(tf, batch, arithmetic.inputShape(whole(), config), answer, config)
  return {
    ...{ name: kind, version, module, loop, targets: answer.targets, labels: answer.labels },
    ...(stepBytes !== undefined && { stepBytes: (batch: readonly NumberExample[]) => stepBytes(batch.length) }),
    describe: () => ({ answer: answerKind, ...describeLoop(loop) }),
    prepare: async () => (await prepared()).packages,

    async learn(rows, keep, context, base) {
      const tfjs = await prepared()
      const seen = await readExamples(rows, encode, answer, keep, context)
      const learned = answer.learn(seen, base)
      const config = { answer: answerKind, ...learned, ...arithmetic.learn(tfjs, learned) }
      const shape = arithmetic.inputShape(tfjs, config)
      if (seen.size !== sizeOfShape(shape))
        throw new SheikhError(
          'invalid-options',
          `Cannot train: "input" returns ${seen.size} numbers per input, but the model takes the shape [${shape.join(', ')}], ${sizeOfShape(shape)} numbers. Correct one of them.`,
        )
      return config
    },

    async examples(rows, config, keep, context) {
      const known = (example: NumberExample) => (answer.isKnown(example.target, config) ? keep(example) : undefined)
      await readExamples(rows, encode, answer, known, context)
    },

    startFrom({ config: base, weights }, config) {
      const [wanted, found] = [config, base].map((one) => JSON.stringify(arithmetic.shapes(whole(), one)))
      if (wanted === found && arithmetic.isAlike?.(base, config) !== false) return weights
      throw new SheikhError(
        'invalid-options',
        `Cannot start from the base: ${wanted === found ? 'its layers are different' : `its weights have the shapes ${found}, and this model's ${wanted}`}. Build the same model with the same labels, or train from scratch.`,
      )
    },

    checkConfig(config) {
      try {
        if (config['answer'] !== answerKind || !answer.isConfig(config))
          throw new Error('its kind of answer is different')
        arithmetic.check(whole(), config)
      } catch (error) {
        throw new SheikhError(
          'artifact-corrupt',
          `Cannot load the weights: their config.json is not of this model (${messageOf(error)}). Use the trainer that made them.`,
          { cause: error },
        )
      }
    },

    shapes: (config) => arithmetic.shapes(whole(), config),
    init(tf, config, random) {
      const [weights, again] = [1, 2].map(() => arithmetic.first(whole(), config, random.fork('first')))
      const unseeded = Object.keys(weights!).find((name) => !isSame(weights![name]!, again![name]!))
      if (unseeded !== undefined)
        throw new SheikhError(
          'invalid-options',
          `Cannot train: the weight "${unseeded}" is initialised randomly without a seed. Give its initializer a seed.`,
          { facts: { weight: unseeded } },
        )
      const shapes = arithmetic.shapes(whole(), config)
      return Object.fromEntries(
        Object.entries(weights!).map(([name, values]) => [name, tf.tensor(values, [...shapes[name]!], 'float32')]),
      )
    },
    lossAndGradients: (tf, weights, batch, config, random) =>
      arithmetic.step(whole(), weights, batchOf(tf, batch, config), config, random),
    loss: (tf, weights, batch, config) => ({
      loss: arithmetic.loss(whole(), weights, batchOf(tf, batch, config), config),
    }),
    outputs(tf, weights, inputs, config) {
      const tensor = toInputTensor(tf, inputs, encode, arithmetic.inputShape(whole(), config))
      return answer.answers(tf, arithmetic.outputs(whole(), weights, tensor, config))
    },
    predictions: answer.predictions,
  }
}

const isSame = ({ buffer }: Float32Array, other: Float32Array) => Buffer.from(buffer).equals(Buffer.from(other.buffer))
