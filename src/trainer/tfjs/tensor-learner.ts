import type { Tensor } from '@tensorflow/tfjs-core'
import { type JsonObject, type Random, SheikhError } from '../../core/index.js'
import { accumulate } from './accumulate.js'
import { type AdamWState, initAdamW, updateAdamW } from './adamw.js'
import type { SavedTensor } from './checkpoints.js'
import { clipGradients } from './clip-gradients.js'
import { type Device, valuesOf } from './devices.js'
import type { Learner } from './learner.js'
import type { Trainable } from './train-loop.js'

/** The shapes of a model's weights, so that later rounds of a distributed training need no random weights to know them. */
const shapesOf = new WeakMap<
  object,
  { readonly config: string; readonly shapes: Readonly<Record<string, readonly number[]>> }
>()

/** Trains tensors on a device with AdamW, by the gradients that the model computes. */
export function tensorLearner<Example>(
  device: Device,
  model: Trainable<Example>,
  {
    config,
    random,
    start,
    moments = {},
  }: {
    readonly config: JsonObject
    readonly random: Random
    readonly start?: Readonly<Record<string, Float32Array>> | undefined
    readonly moments?: Readonly<Record<string, Float32Array>> | undefined
  },
): Learner<Example> {
  if (!hasGradients(model))
    throw new SheikhError(
      'invalid-options',
      'Cannot train: the model has no "init" or no "lossAndGradients". Add both, or a "learner".',
    )
  const { tf } = device
  const { weightDecay, maximumGradientNorm } = model.loop
  const names: string[] = []
  let weights: Tensor[] = []
  let states: AdamWState[] = []
  let best: Tensor[] | undefined
  const followed = new Set<string>()
  const named = () => Object.fromEntries(names.map((name, index) => [name, weights[index]!]))

  return {
    async begin() {
      device.use(() => {
        const known = start === undefined ? undefined : shapesOf.get(model)
        if (known?.config === JSON.stringify(config)) {
          names.push(...Object.keys(known.shapes))
          weights = names.map((name) => tf.tensor(start![name]!, [...known.shapes[name]!], 'float32'))
        } else {
          const first = tf.tidy(() => ({ ...model.init(tf, config, random.fork('init')) }))
          names.push(...Object.keys(first).sort())
          weights = names.map((name) => first[name]!)
          const shapes = Object.fromEntries(names.map((name) => [name, first[name]!.shape]))
          shapesOf.set(model, { config: JSON.stringify(config), shapes })
          if (start !== undefined) {
            const chance = weights
            weights = names.map((name, index) => tf.tensor(start[name]!, chance[index]!.shape, 'float32'))
            tf.dispose(chance)
          }
        }
        states = weights.map((weight, index) => {
          const [first, second] = [moments[`first/${names[index]}`], moments[`second/${names[index]}`]]
          if (first === undefined || second === undefined) return initAdamW(tf, weight)
          return {
            first: tf.tensor(first, weight.shape, 'float32'),
            second: tf.tensor(second, weight.shape, 'float32'),
          }
        })
      })
    },

    resume(saved) {
      device.use(() => {
        const tensorOf = (name: string) => tf.tensor(saved[name]!.values, [...saved[name]!.shape], 'float32')
        names.push(...Object.keys(saved).flatMap((name) => (name.startsWith('weight/') ? [name.slice(7)] : [])))
        names.sort()
        weights = names.map((name) => tensorOf(`weight/${name}`))
        states = names.map((name) => ({ first: tensorOf(`first/${name}`), second: tensorOf(`second/${name}`) }))
        if (saved[`best/${names[0]}`] !== undefined) best = names.map((name) => tensorOf(`best/${name}`))
      })
    },

    async takeStep(batches, step, learningRate) {
      const loss = device.use(() => {
        const old = [weights, states]
        const next = tf.tidy(() => {
          const chance = random.fork(`step-${step}`)
          const found = accumulate(tf, model, named(), batches, { config, random: chance })
          for (const name of Object.keys(found.updates ?? {})) followed.add(name)
          const gradients =
            maximumGradientNorm === undefined
              ? found.gradients
              : clipGradients(tf, found.gradients, maximumGradientNorm)
          const updated = weights.map((weight, index) => {
            const name = names[index]!
            const [gradient, { first, second }] = [gradients[name], states[index]!]
            if (gradient === undefined)
              return {
                weight: tf.clone(found.updates?.[name] ?? weight),
                state: { first: tf.clone(first), second: tf.clone(second) },
              }
            return updateAdamW(tf, weight, gradient, states[index]!, {
              step,
              learningRate,
              weightDecay: model.decays?.(name) === false ? 0 : weightDecay,
            })
          })
          return {
            loss: found.loss,
            weights: updated.map(({ weight }) => weight),
            states: updated.map(({ state }) => ({ ...state })),
          }
        })
        weights = next.weights
        states = next.states
        tf.dispose(old as never)
        return next.loss
      })
      return (await valuesOf(loss))[0]!
    },

    async developmentLoss(batch) {
      let examples = batch.length
      const mean = device.use(() =>
        tf.tidy(() => {
          const { loss, count = batch.length } =
            model.loss?.(tf, named(), batch, config) ??
            model.lossAndGradients(tf, named(), batch, config, random.fork('development'))
          examples = count
          return loss
        }),
      )
      return { loss: (await valuesOf(mean))[0]!, count: examples }
    },

    keepBest() {
      const old = best ?? []
      best = device.use(() => weights.map((weight) => tf.clone(weight)))
      device.use(() => tf.dispose(old))
    },

    async state() {
      const tensors: Record<string, SavedTensor> = {}
      const keep = async (name: string, tensor: Tensor) => {
        tensors[name] = { shape: tensor.shape, values: await tensor.data<'float32'>() }
      }
      for (const [index, name] of names.entries()) {
        await keep(`weight/${name}`, weights[index]!)
        await keep(`first/${name}`, states[index]!.first)
        await keep(`second/${name}`, states[index]!.second)
        if (best !== undefined) await keep(`best/${name}`, best[index]!)
      }
      return tensors
    },

    async weights() {
      const read: Record<string, Float32Array> = {}
      for (const [index, name] of names.entries())
        read[name] = Float32Array.from(await (best ?? weights)[index]!.data<'float32'>())
      return read
    },

    followed: () => [...followed].sort(),

    async moments() {
      const read: Record<string, Float32Array> = {}
      for (const [index, name] of names.entries())
        for (const moment of ['first', 'second'] as const) {
          const values = await states[index]![moment].data<'float32'>()
          // Zero without a gradient, as for a moving average.
          if (values.some((value) => value !== 0)) read[`${moment}/${name}`] = values.slice()
        }
      return read
    },

    dispose: () => device.use(() => tf.dispose([weights, states, best ?? []] as never)),
  }
}

function hasGradients<Example>(
  model: Trainable<Example>,
): model is Trainable<Example> & Required<Pick<Trainable<Example>, 'init' | 'lossAndGradients'>> {
  return model.init !== undefined && model.lossAndGradients !== undefined
}
