import { setImmediate } from 'node:timers/promises'
import { callContext, type Digest, type JsonObject, messageOf, SheikhError, seededRandom } from '../../core/index.js'
import type { FitContext } from '../trainer.js'
import { checkpointClock } from './checkpoint-clock.js'
import { type CheckpointOptions, readLastCheckpoint, writeCheckpoint } from './checkpoints.js'
import type { Device } from './devices.js'
import { judgeLook, type Lowest } from './early-stopping.js'
import { type Examples, listed } from './examples.js'
import { learningRateAt } from './learning-rate.js'
import { tensorLearner } from './tensor-learner.js'
import type { LoopSettings, TfjsModel } from './tfjs-model.js'

/** What the loop needs of a model. */
export interface Trainable<Example>
  extends Pick<
    TfjsModel<never, never, Example>,
    'loop' | 'init' | 'lossAndGradients' | 'loss' | 'stepBytes' | 'learner'
  > {
  /** Whether weight decay is for this weight. @default it is for all */
  decays?(name: string): boolean
  /** What is released of what was learned. @default all of it, as it is */
  finish?(weights: Trained['weights']): Promise<Trained['weights']>
  dispose?(): void
}

export interface LoopRequest<Example> {
  readonly config: JsonObject
  readonly examples: Examples<Example>
  /** For early stopping. */
  readonly development?: Examples<Example> | undefined
  readonly seed: number
  /** Weights to start from, by name. @default those of the model's `init` */
  readonly start?: Trained['weights'] | undefined
  readonly checkpoints?: LoopCheckpoints | undefined
  /** Some of the steps of a longer training. @default all steps */
  readonly part?: LoopPart | undefined
  /** What `Trained` of the replica's part before this one has. @default none: the first part */
  readonly moments?: Trained['weights'] | undefined
}

export interface LoopPart {
  /** Steps before this part. */
  readonly from: number
  /** Steps at the end of this part; equal to `from` for no step. */
  readonly to: number
  /** Steps of the whole training, which decide the learning rate. */
  readonly steps: number
  /**
   * Which of so many replicas takes these steps. They share out the batches of a training on one machine like cards: step 1 of all
   * replicas takes the first batches, one each. @default the training has no replicas
   */
  readonly replica?: { readonly number: number; readonly of: number } | undefined
  /** Factor of the learning rate. @default 1 */
  readonly learningRateFactor?: number | undefined
  /** Whether to compute the development loss after the last step, if the model stops early. Nothing stops here. @default false */
  readonly look?: boolean | undefined
}

export interface LoopCheckpoints {
  readonly folder: string
  /** Names the training: equal for those that give the same bytes, and for no others. */
  readonly training: Digest
  readonly options: CheckpointOptions
}

export interface Trained {
  /** By name, in memory of the caller's. */
  readonly weights: Readonly<Record<string, Float32Array>>
  readonly lossCurve: LossCurve
  /** Of the development examples. */
  readonly developmentCurve: LossCurve
  /** Steps whose batch was split to stay within the byte budget. */
  readonly splitSteps: number
  /** Names of weights that follow the data without a gradient, such as moving averages. */
  readonly followed: readonly string[]
  /** Of a part: what the next part needs besides the weights. @default nothing */
  readonly moments?: Readonly<Record<string, Float32Array>> | undefined
}

type LossCurve = readonly (readonly [step: number, loss: number])[]

// As often as somebody may watch; by steps and not by time, so that equal runs say equal things.
const maximumReports = 200
// The host's own work waits no longer than this, or than one step; the clock decides nothing of the result.
export const yieldEveryMs = 10
const stepsBetweenYields = 8

const defaultStepBytes = 2 ** 30

/** @param size number of examples. */
export function stepsOf(loop: LoopSettings, size: number) {
  const examplesPerStep = loop.batchSize * (loop.gradientAccumulation ?? 1)
  const stepsPerEpoch = Math.ceil(size / examplesPerStep)
  return { examplesPerStep, stepsPerEpoch, steps: loop.maximumSteps ?? loop.epochs * stepsPerEpoch }
}

/**
 * Shuffles with the seed, steps, and watches the loss; goes on from the last checkpoint where there is one, and then ends
 * with the same bytes as if it had never stopped: all that is drawn by chance follows from the seed, the epoch and the step.
 *
 * @throws `train-diverged` at the first loss or weight that is not finite; `dataset-invalid` where there are no examples.
 */
export async function trainLoop<Example>(
  device: Device,
  model: Trainable<Example>,
  { config, examples, development = listed([]), seed, start, checkpoints, part, moments }: LoopRequest<Example>,
  context: FitContext,
): Promise<Trained> {
  const { batchSize, maximumStepBytes = defaultStepBytes } = model.loop
  const random = seededRandom(seed)
  if (examples.size === 0)
    throw new SheikhError('dataset-invalid', 'Cannot train: the rows give nothing to learn from. Add samples.')
  const { examplesPerStep, stepsPerEpoch, steps: allSteps } = stepsOf(model.loop, examples.size)
  const { from, to, steps } = part ?? { from: 0, to: allSteps, steps: allSteps }
  const { number: replica, of: replicas } = part?.replica ?? { number: 0, of: 1 }
  /** The number, from 1, that the step's batch has in a training on one machine. */
  const batchAt = (step: number) => (step - 1) * replicas + replica + 1
  const epochOf = (step: number) => Math.ceil(batchAt(step) / stepsPerEpoch)
  const epochs = Math.ceil((steps * replicas) / stepsPerEpoch)
  const recordEverySteps = Math.max(1, Math.ceil(steps / maximumReports))
  const { reportEverySteps = recordEverySteps } = model.loop
  const saved = checkpoints && (await readLastCheckpoint(checkpoints.folder, checkpoints.training, context))
  const lossCurve: (readonly [number, number])[] = [...((saved?.facts['lossCurve'] as LossCurve | undefined) ?? [])]
  let splitSteps = (saved?.facts['splitSteps'] as number | undefined) ?? 0
  const earlyStopping = part === undefined ? model.loop.earlyStopping : undefined
  const looksAtEnd = part?.look === true && model.loop.earlyStopping !== undefined
  if ((earlyStopping !== undefined || looksAtEnd) && development.size === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot stop early: there are no development rows to look at. Set developmentShare of the dataset, data.validation_split in the configuration.',
    )
  const developmentCurve = [...((saved?.facts['developmentCurve'] as LossCurve | undefined) ?? [])]
  let order = { epoch: 0, numbers: new Int32Array() }
  let lastSaved = saved?.step ?? 0
  let lowest = saved?.facts['lowest'] as unknown as Lowest | undefined
  const chance = part?.replica === undefined ? random : random.fork(`replica-${replica}`)
  const learner =
    model.learner?.({ config, examples, start, moments }, context) ??
    tensorLearner(device, model, { config, random: chance, start, moments })
  const firstStep = learner.moments === undefined ? from : 0
  try {
    if (saved === undefined) await learner.begin()
    else learner.resume(saved.tensors)
    const saving = checkpoints && checkpointClock(checkpoints.options, stepsPerEpoch, context, saved?.step ?? 0)
    let yieldedMs = context.clock.nowMs()
    let reading = readAhead((saved?.step ?? from) + 1)
    for (let step = (saved?.step ?? from) + 1; step <= to; step += 1) {
      if (context.signal.aborted) await save(step - 1)
      context.signal.throwIfAborted()
      const epoch = epochOf(step)
      const chosen = await reading
      reading = readAhead(step + 1)
      const learningRate = learningRateAt(step, steps, model.loop) * (part?.learningRateFactor ?? 1)
      const batches = batchesOf(chosen)
      const within = batches.flatMap(split)
      if (within.length > batches.length) splitSteps += 1
      const loss = await learner.takeStep(within, step - firstStep, learningRate)
      if (!Number.isFinite(loss)) throw diverged(`the loss of step ${step} is ${loss}`)
      if (part !== undefined || step % recordEverySteps === 0 || step === steps) lossCurve.push([step, loss])
      if (step % reportEverySteps === 0 || step === steps) {
        const resumed = saved !== undefined && { resumedFrom: saved.step }
        context.progress({ epoch, epochs, step, steps, loss, learningRate, ...resumed })
      }
      if (earlyStopping !== undefined && step % (earlyStopping.everySteps ?? stepsPerEpoch) === 0)
        if (await isOver(step)) break
      if (step < steps && saving?.isDue(step)) await save(step)
      if (step % stepsBetweenYields === 0 || context.clock.nowMs() - yieldedMs >= yieldEveryMs) {
        await setImmediate()
        yieldedMs = context.clock.nowMs()
      }
    }
    if (looksAtEnd) developmentCurve.push([to, await finiteDevelopmentLoss(to)])
    const followed = learner.followed?.() ?? []
    const trained = { weights: await finiteWeights(), lossCurve, developmentCurve, splitSteps, followed }
    return part === undefined || from === to ? trained : { ...trained, moments: await learner.moments?.() }
  } finally {
    learner.dispose()
  }

  /** The examples of a step, read while the step before is computed. */
  function readAhead(step: number): Promise<readonly Example[]> {
    if (step > to) return Promise.resolve([])
    const [epoch, place] = [epochOf(step), (batchAt(step) - 1) % stepsPerEpoch]
    if (epoch !== order.epoch) {
      const numbers = Int32Array.from({ length: examples.size }, (_, number) => number)
      order = { epoch, numbers: random.fork(`epoch-${epoch}`).shuffle(numbers) }
    }
    const read = examples.read(order.numbers.subarray(place * examplesPerStep, (place + 1) * examplesPerStep))
    // A step that is never taken throws nothing; one that is throws it there.
    read.catch(() => undefined)
    return read
  }

  /** A checkpoint that cannot be written is said, and costs nothing but itself. */
  async function save(step: number): Promise<void> {
    if (checkpoints === undefined || step === lastSaved) return
    lastSaved = step
    const { folder, training, options } = checkpoints
    try {
      const tensors = await learner.state()
      // Never aborted: what was learned up to here is worth more than the moment.
      const { clock, log } = context
      await writeCheckpoint(
        folder,
        training,
        { step, facts: { lossCurve, developmentCurve, splitSteps, ...(lowest && { lowest: { ...lowest } }) }, tensors },
        options,
        callContext({ clock, log }),
      )
    } catch (error) {
      context.log.warn(`The checkpoint of step ${step} was not written: ${messageOf(error)}`, { step })
    }
  }

  /** Looks at the development examples. */
  async function isOver(step: number): Promise<boolean> {
    developmentCurve.push([step, await finiteDevelopmentLoss(step)])
    const look = judgeLook(developmentCurve, lowest, earlyStopping!)
    lowest = look.lowest
    if (look.isLower) learner.keepBest()
    return look.isOver
  }

  async function finiteDevelopmentLoss(step: number): Promise<number> {
    let [sum, total] = [0, 0]
    const { evaluationBatchSize: atOnce = batchSize } = model.loop
    for (let first = 0; first < development.size; first += atOnce) {
      context.signal.throwIfAborted()
      const length = Math.min(atOnce, development.size - first)
      const examples = await development.read(Array.from({ length }, (_, place) => first + place))
      for (const batch of split(examples)) {
        const { loss, count } = await learner.developmentLoss(batch)
        sum += loss * count
        total += count
        await setImmediate()
      }
    }
    const mean = sum / total
    if (!Number.isFinite(mean)) throw diverged(`the loss on the development rows after step ${step} is ${mean}`)
    return mean
  }

  function batchesOf(chosen: readonly Example[]): readonly (readonly Example[])[] {
    const batches: (readonly Example[])[] = []
    for (let first = 0; first < chosen.length; first += batchSize) batches.push(chosen.slice(first, first + batchSize))
    return batches
  }

  /** In halves, until each takes no more than the budget, or is one example. */
  function split(batch: readonly Example[]): readonly (readonly Example[])[] {
    const bytes = model.stepBytes?.(batch, config) ?? 0
    if (bytes <= maximumStepBytes || batch.length === 1) return [batch]
    const middle = Math.ceil(batch.length / 2)
    return [batch.slice(0, middle), batch.slice(middle)].flatMap(split)
  }

  async function finiteWeights(): Promise<Trained['weights']> {
    const weights = await learner.weights()
    checkFinite(weights)
    return weights
  }
}

/** @throws `train-diverged`. */
export function checkFinite(weights: Trained['weights']): void {
  // More than twice as fast as `every`, for millions of values.
  for (const [name, values] of Object.entries(weights))
    for (let index = 0; index < values.length; index += 1)
      if (!Number.isFinite(values[index])) throw diverged(`the weight "${name}" contains a value that is not finite`)
}

const diverged = (fact: string) =>
  new SheikhError(
    'train-diverged',
    `Cannot go on training: ${fact}. Nothing was saved. Choose a smaller learning rate, or look at the data.`,
  )
