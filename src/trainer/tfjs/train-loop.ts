import { setImmediate } from 'node:timers/promises'
import type { Tensor } from '@tensorflow/tfjs-core'
import { type JsonObject, SheikhError, seededRandom } from '../../core/index.js'
import type { FitContext } from '../trainer.js'
import { type AdamWState, initAdamW, updateAdamW } from './adamw.js'
import { clipGradients } from './clip-gradients.js'
import type { Device } from './devices.js'
import { learningRateAt } from './learning-rate.js'
import type { TfjsModel } from './tfjs-model.js'

export interface Trained {
  /** By name, in memory of the caller's. */
  readonly weights: Readonly<Record<string, Float32Array>>
  readonly lossCurve: readonly (readonly [step: number, loss: number])[]
}

// As often as somebody may watch; by steps and not by time, so that equal runs say equal things.
const maximumReports = 200
const stepsBetweenYields = 8

/**
 * Shuffles with the seed, steps, and watches the loss.
 *
 * @throws `train-diverged` at the first loss or weight that is not finite.
 */
export async function trainLoop<Example>(
  device: Device,
  model: TfjsModel<never, never, Example>,
  {
    config,
    examples,
    seed,
  }: { readonly config: JsonObject; readonly examples: readonly Example[]; readonly seed: number },
  context: FitContext,
): Promise<Trained> {
  const { tf } = device
  const { epochs, batchSize, weightDecay, maximumGradientNorm } = model.loop
  const random = seededRandom(seed)
  const stepsPerEpoch = Math.ceil(examples.length / batchSize)
  const steps = epochs * stepsPerEpoch
  const reportEvery = Math.max(1, Math.ceil(steps / maximumReports))
  const lossCurve: [number, number][] = []
  const start = device.use(() => tf.tidy(() => ({ ...model.init(tf, config, random.fork('init')) })))
  const names = Object.keys(start).sort()
  let weights: Tensor[] = names.map((name) => start[name]!)
  let states: AdamWState[] = device.use(() => weights.map((weight) => initAdamW(tf, weight)))
  try {
    for (let epoch = 1, step = 1; epoch <= epochs; epoch += 1) {
      const order = random.fork(`epoch-${epoch}`).shuffle(Int32Array.from(examples.keys()))
      for (let first = 0; first < order.length; first += batchSize, step += 1) {
        context.signal.throwIfAborted()
        const batch = Array.from(order.subarray(first, first + batchSize), (index) => examples[index]!)
        const rate = learningRateAt(step, steps, model.loop)
        const loss = device.use(() => takeStep(batch, step, rate))
        if (!Number.isFinite(loss)) throw diverged(`the loss of step ${step} is ${loss}`)
        if (step % reportEvery === 0 || step === steps) {
          lossCurve.push([step, loss])
          context.progress({ epoch, epochs, step, steps, loss, learningRate: rate })
        }
        if (step % stepsBetweenYields === 0) await setImmediate()
      }
    }
    return { weights: device.use(readWeights), lossCurve }
  } finally {
    device.use(() => tf.dispose([weights, states] as never))
  }

  function takeStep(batch: readonly Example[], step: number, rate: number): number {
    const old = [weights, states]
    const next = tf.tidy(() => {
      const { loss: value, gradients: found } = model.lossAndGradients(tf, named(weights), batch, config)
      const gradients = maximumGradientNorm === undefined ? found : clipGradients(tf, found, maximumGradientNorm)
      const updated = weights.map((weight, index) =>
        updateAdamW(tf, weight, gradients[names[index]!]!, states[index]!, { step, learningRate: rate, weightDecay }),
      )
      return {
        loss: value,
        weights: updated.map(({ weight }) => weight),
        states: updated.map(({ state }) => ({ ...state })),
      }
    })
    weights = next.weights
    states = next.states
    tf.dispose(old as never)
    const [loss] = next.loss.dataSync()
    next.loss.dispose()
    return loss!
  }

  function named(tensors: readonly Tensor[]): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(names.map((name, index) => [name, tensors[index]!]))
  }

  function readWeights(): Readonly<Record<string, Float32Array>> {
    const read: Record<string, Float32Array> = {}
    for (const [index, name] of names.entries()) {
      const values = Float32Array.from(weights[index]!.dataSync() as Float32Array)
      if (!values.every(Number.isFinite)) throw diverged(`the weight "${name}" holds a value that is not finite`)
      read[name] = values
    }
    return read
  }
}

const diverged = (fact: string) =>
  new SheikhError(
    'train-diverged',
    `Cannot go on training: ${fact}. Nothing was saved. Choose a smaller learning rate, or look at the data.`,
  )
