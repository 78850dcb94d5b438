import { type Digest, isDigest, type JsonObject } from '../../../core/index.js'
import { type FloatDtype, floatDtypes } from '../../../model/index.js'
import type { CheckpointOptions } from '../checkpoints.js'
import type { DeviceName } from '../devices.js'
import { describeLoop, type LoopOptions, type OptionCheck, optionCheck, toLoopSettings } from '../loop-options.js'
import type { LoopSettings } from '../tfjs-model.js'
import type { ThreadChoice } from '../training.js'
import { type BaseModel, defaultMaximumLength } from './base-model.js'
import type { LlamaOutput } from './llama-model.js'
import { type Lora, type LoraOptions, toLora } from './lora.js'

export interface LlamaTrainerOptions extends LoopOptions {
  readonly base: BaseModel
  /**
   * Starts from random weights instead of the base's, which then need not exist. Trains a model of your own. @default
   * false
   */
  readonly fromScratch?: boolean | undefined
  /** Trains low-rank adapters instead of the base's weights. @default all weights are trained */
  readonly lora?: LoraOptions | undefined
  /** @default `{ kind: 'text' }` */
  readonly answer?: LlamaOutput | undefined
  /** @default 3 */
  readonly epochs?: number | undefined
  /** Number of sequences per batch. @default 8 */
  readonly batchSize?: number | undefined
  /** Memory budget of a step, in bytes. A batch that would need more, by its shapes, is split. @default 2³⁰ */
  readonly maximumStepBytes?: number | undefined
  /** Number of batches per step. Every trained token has the same weight. @default 1 */
  readonly gradientAccumulation?: number | undefined
  /** The highest learning rate; `schedule` decides how it falls. @default 5·10⁻⁵, with `lora` 2·10⁻⁴ */
  readonly learningRate?: number | undefined
  /** Weight decay of all weights except the gains of norms. @default 0 */
  readonly weightDecay?: number | undefined
  /** Maximum norm of all gradients together. @default 1 */
  readonly maximumGradientNorm?: number | undefined
  /**
   * Maximum number of tokens per sequence, at most the model's limit. @default 1,024, or the model's limit if that is
   * less
   */
  readonly maximumLength?: number | undefined
  /** Trains only on answers, not on prompts. @default true */
  readonly completionOnly?: boolean | undefined
  /** Packs several short texts into one sequence. Texts do not attend to each other. @default false */
  readonly packing?: boolean | undefined
  /** Dtype of the released weights. Training uses float32. @default 'F32' */
  readonly dtype?: FloatDtype | undefined
  /** Maximum size of a weight file. Larger weights are split into shards. @default 5·10⁹ */
  readonly maximumShardBytes?: number | undefined
  /** @default 'wasm' */
  readonly device?: DeviceName | 'auto' | undefined
  /** When checkpoints are written; `false`: never. @default every 300 seconds, keeping the last two */
  readonly checkpoints?: CheckpointOptions | false | undefined
  /**
   * `own`: trains in a separate thread. Does not affect the result. `caller` also keeps loaded models on the caller's
   * thread. @default 'own' on `wasm` and `js`, otherwise 'caller'
   */
  readonly thread?: ThreadChoice | undefined
}

/** The options that decide the result, with their defaults. */
export interface LlamaSettings {
  readonly base: BaseModel
  readonly fromScratch: boolean
  readonly lora: Lora | undefined
  readonly answer: LlamaOutput
  readonly loop: LoopSettings
  readonly maximumLength: number
  readonly completionOnly: boolean
  readonly packing: boolean
  readonly dtype: FloatDtype
  readonly maximumShardBytes: number
}

/** @throws `invalid-options`. */
export function toLlamaSettings(options: LlamaTrainerOptions): LlamaSettings {
  const { base, fromScratch = false, answer = { kind: 'text' }, dtype = 'F32' } = options
  const lora = options.lora === undefined ? undefined : toLora(options.lora)
  const { maximumStepBytes = 2 ** 30, maximumLength = defaultMaximumLength, maximumShardBytes = 5e9 } = options
  const check = optionCheck('a language model', 'LlamaTrainerOptions')
  const loop = toLoopSettings(
    options,
    {
      ...{ epochs: 3, batchSize: 8, gradientAccumulation: 1, maximumStepBytes, maximumGradientNorm: 1 },
      ...{ learningRate: lora === undefined ? 5e-5 : 2e-4, weightDecay: 0, schedule: 'linear', warmupRatio: 0 },
    },
    check,
  )
  for (const [name, value] of Object.entries({ maximumLength, maximumShardBytes }))
    check(name, value, Number.isSafeInteger(value) && value > 0)
  check('dtype', dtype, floatDtypes.includes(dtype))
  check('base', base, typeof base?.directory === 'string' && isDigest(base.digest))
  check('lora', options.lora, !(fromScratch && lora !== undefined))
  checkAnswer(answer, check)
  return {
    ...{ base, fromScratch, lora, answer, dtype, maximumLength, maximumShardBytes },
    completionOnly: options.completionOnly ?? true,
    packing: options.packing ?? false,
    loop,
  }
}

function checkAnswer(answer: LlamaOutput, check: OptionCheck): void {
  if (answer.kind === 'choice') {
    const { choices } = answer
    check('choices', choices, choices.length >= 2 && new Set(choices).size === choices.length && !choices.includes(''))
    return
  }
  if (answer.kind === 'likelihood') return
  const { maximumNewTokens = 1, temperature = 0, topK = 1, topP = 1, stop = [] } = answer
  for (const [name, value] of Object.entries({ maximumNewTokens, topK }))
    check(name, value, Number.isSafeInteger(value) && value > 0)
  check('temperature', temperature, temperature >= 0 && Number.isFinite(temperature))
  check('topP', topP, topP > 0 && topP <= 1)
  check('stop', stop, !stop.includes(''))
}

/** Describes the settings for the key: the base by its digest, not by its path. */
export function describeLlama({ base, ...settings }: LlamaSettings): JsonObject & { readonly base: Digest } {
  const { loop, ...others } = settings
  return { ...(JSON.parse(JSON.stringify({ ...others, loop: describeLoop(loop) })) as JsonObject), base: base.digest }
}
