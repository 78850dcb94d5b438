import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { type Random, SheikhError } from '../../../core/index.js'
import type { TfjsCore } from '../devices.js'
import type { Weights } from '../tfjs-model.js'
import type { Adapter } from './layers.js'
import type { LlamaConfig } from './llama-config.js'
import { llamaShapes } from './llama-config.js'

/** The matrices that can be adapted, by the names that PEFT has for them. */
export type LoraTarget = 'q_proj' | 'k_proj' | 'v_proj' | 'o_proj' | 'gate_proj' | 'up_proj' | 'down_proj'

export const loraTargets: readonly LoraTarget[] = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
]

export interface LoraOptions {
  /** Rank of the added matrices. @default 8 */
  readonly rank?: number | undefined
  /** The product of the added matrices is multiplied by alpha / rank. @default 16 */
  readonly alpha?: number | undefined
  /** @default `['q_proj', 'v_proj']`, as in the paper */
  readonly targets?: readonly LoraTarget[] | undefined
  /** `false` releases an adapter in PEFT's layout, for use with the base, whose digest it records. @default true */
  readonly merge?: boolean | undefined
}

export type Lora = Required<{ readonly [K in keyof LoraOptions]: Exclude<LoraOptions[K], undefined> }>

/** @throws `invalid-options`. */
export function toLora({ rank = 8, alpha = 16, targets = ['q_proj', 'v_proj'], merge = true }: LoraOptions): Lora {
  const isSound =
    Number.isSafeInteger(rank) &&
    rank >= 1 &&
    alpha > 0 &&
    Number.isFinite(alpha) &&
    targets.length > 0 &&
    targets.every((target) => loraTargets.includes(target))
  if (isSound) return { rank, alpha, targets: loraTargets.filter((target) => targets.includes(target)), merge }
  throw new SheikhError(
    'invalid-options',
    `Cannot adapt ${JSON.stringify(targets)} by rank ${rank} and alpha ${alpha}: a value is out of range. Choose targets from ${loraTargets.join(', ')}, and rank and alpha above 0.`,
  )
}

/** The adapter of each adapted matrix, by the matrix's name. Names are PEFT's, as its files have them. */
export function loraAdapters(config: LlamaConfig, { rank, alpha, targets }: Lora): ReadonlyMap<string, Adapter> {
  const adapted = Object.keys(llamaShapes(config)).filter((name) =>
    targets.some((target) => name.endsWith(`.${target}.weight`)),
  )
  return new Map(
    adapted.map((name) => {
      const module = `base_model.model.${name.slice(0, -'.weight'.length)}`
      return [name, { down: `${module}.lora_A.weight`, up: `${module}.lora_B.weight`, scale: alpha / rank }]
    }),
  )
}

export function loraShapes(config: LlamaConfig, lora: Lora): Readonly<Record<string, readonly number[]>> {
  const shapes = llamaShapes(config)
  return Object.fromEntries(
    [...loraAdapters(config, lora)].flatMap(([name, { down, up }]) => {
      const [rows, columns] = shapes[name]!
      return [
        [down, [lora.rank, columns!]],
        [up, [rows!, lora.rank]],
      ]
    }),
  )
}

/**
 * Initial weights as in PEFT: down uniform in ±1/√in (Kaiming with a = √5), up all zero, so that the model starts equal
 * to the base.
 */
export function initLora(tf: TfjsCore, config: LlamaConfig, lora: Lora, random: Random): Weights {
  const weights: Record<string, Tensor> = {}
  for (const [name, shape] of Object.entries(loraShapes(config, lora))) {
    const [rows, columns] = shape as [number, number]
    const values = new Float32Array(rows * columns)
    if (name.endsWith('.lora_A.weight')) {
      const own = random.fork(name)
      const bound = 1 / Math.sqrt(columns)
      for (let index = 0; index < values.length; index += 1) values[index] = (2 * own.uniform() - 1) * bound
    }
    weights[name] = tf.tensor2d(values, [rows, columns])
  }
  return weights
}

/** The matrix with its adapter added: W + scale · up · down. Runs inside `tf.tidy`. */
export function merged(tf: TfjsCore, matrix: Tensor, { down, up, scale }: Adapter, weights: Weights): Tensor2D {
  return tf.add(matrix, tf.mul(tf.matMul(weights[up] as Tensor2D, weights[down] as Tensor2D), scale))
}
