import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import type { CallContext, Random } from '../../../core/index.js'
import { type Device, valuesOf } from '../devices.js'
import type { LoopSettings, Weights } from '../tfjs-model.js'
import type { Trainable } from '../train-loop.js'
import { readValues, type Values } from './base-model.js'
import { llamaLossAndGradients, stepBytes, type TokenSequence } from './llama.js'
import { type LlamaConfig, llamaShapes } from './llama-config.js'
import { initLora, type Lora, loraAdapters, loraShapes, merged } from './lora.js'

/** The data that a separate thread needs to build the same trainee. */
export interface LlamaTraineeOptions {
  readonly config: LlamaConfig
  readonly loop: LoopSettings
  readonly lora?: Lora | undefined
  /** The folder with the weights to train, or to freeze if adapters are trained. Absent: random weights. */
  readonly directory?: string | undefined
}

/** @throws `artifact-corrupt`. */
export async function llamaTrainee(
  { config, loop, lora, directory }: LlamaTraineeOptions,
  device: Device,
  context: CallContext,
): Promise<Trainable<TokenSequence>> {
  const { tf } = device
  const start = directory === undefined ? undefined : await readValues(directory, 'model', llamaShapes(config), context)
  const parts = {
    loop,
    decays: (name: string) => !name.includes('norm'),
    stepBytes: (batch: readonly TokenSequence[]) => stepBytes(config, batch),
  }
  if (lora === undefined)
    return {
      ...parts,
      init: (_tf, _config, random) =>
        start === undefined ? initLlama(device, config, random) : toTensors(device, start),
      lossAndGradients: (_tf, weights, batch) => llamaLossAndGradients({ tf, config, weights }, batch, () => true),
    }
  const adapters = loraAdapters(config, lora)
  const frozen = toTensors(device, start!)
  return {
    ...parts,
    init: (_tf, _config, random) => initLora(tf, config, lora, random),
    lossAndGradients: (_tf, weights, batch) =>
      llamaLossAndGradients({ tf, config, adapters, weights: { ...frozen, ...weights } }, batch, () => false),
    async finish(trained) {
      if (!lora.merge) return trained
      const shapes = loraShapes(config, lora)
      const added = Object.entries(trained).map(([name, values]) => [name, { shape: shapes[name]!, values }] as const)
      const tensors = toTensors(device, Object.fromEntries(added))
      const whole = Object.fromEntries(Object.entries(start!).map(([name, { values }]) => [name, values]))
      try {
        for (const [name, adapter] of adapters)
          whole[name] = await valuesOf(
            device.use(() => tf.tidy(() => merged(tf, frozen[name] as Tensor2D, adapter, tensors))),
          )
        return whole
      } finally {
        tf.dispose(tensors as never)
      }
    },
    dispose: () => device.use(() => tf.dispose(frozen as never)),
  }
}

/**
 * Initial weights as in transformers: normal with the configuration's deviation, gains 1. Each weight has its own
 * random source.
 */
function initLlama({ tf }: Device, config: LlamaConfig, random: Random): Weights {
  return Object.fromEntries(
    Object.entries(llamaShapes(config)).map(([name, shape]): [string, Tensor] => {
      const own = random.fork(name)
      const values = new Float32Array(shape.reduce((product, length) => product * length, 1))
      if (name.includes('norm')) values.fill(1)
      else for (let index = 0; index < values.length; index += 1) values[index] = own.normal() * config.initializerRange
      return [name, tf.tensor(values, [...shape])]
    }),
  )
}

export function toTensors(device: Device, values: Readonly<Record<string, Values>>): Weights {
  return device.use(() =>
    Object.fromEntries(
      Object.entries(values).map(([name, { shape, values: data }]): [string, Tensor] => [
        name,
        device.tf.tensor(data, [...shape], 'float32'),
      ]),
    ),
  )
}
