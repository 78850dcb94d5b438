import { randomUUID } from 'node:crypto'
import { type CallContext, digestJson, identityOf, type Json, SheikhError } from '../../../core/index.js'
import type { Executor, JobResources } from '../../../execute/index.js'
import type { Store } from '../../../store/index.js'
import type { FitRequest, Trainer } from '../../trainer.js'
import { digestOfTrainer, distributable } from './diloco-kind.js'
import { distributedTraining } from './distributed-training.js'
import type { Rounds } from './run-round.js'

export interface DilocoOptions {
  /** Does the rounds of the replicas. Its workers have `dilocoKind` with the same trainer. */
  readonly executor: Executor
  /** Contains examples, weights and gradients. The workers open the same store. */
  readonly store: Store
  /**
   * Number of copies of the model, each of which trains on its own batches. Part of the result, unlike the number of workers. 1 to
   * 1,024, and at most the number of steps of the trainer alone.
   */
  readonly replicas: number
  /** Number of steps of each replica per round, after which the replicas are averaged. @default 50 */
  readonly innerSteps?: number | undefined
  /**
   * Factor of the trainer's learning rate, above 0. Replicas take fewer steps with as many samples, like one machine with larger
   * batches, for which the learning rate grows with the batch (Goyal et al., arXiv 1706.02677).
   *
   * @default the number of replicas, at most 8
   */
  readonly learningRateFactor?: number | undefined
  /** Above 0. With momentum 0, the value 1 means a plain average. @default 1 */
  readonly outerLearningRate?: number | undefined
  /**
   * Nesterov momentum, 0 to below 1. The paper has 0.9, with an outer learning rate of 0.7, for models that were trained before. From
   * scratch a plain average was more accurate. @default 0
   */
  readonly outerMomentum?: number | undefined
  /** `int8`: replicas send a quarter of the bytes, with one scale per tensor. @default float32 */
  readonly compression?: 'int8' | undefined
  /** What a worker needs for one replica, such as the device `cuda`. Does not affect the result. @default nothing */
  readonly resources?: JobResources | undefined
}

/**
 * Distributes the training of a tfjs model: replicas train on their own batches for some steps, send how far their weights moved, and
 * start the next round from the same new weights (DiLoCo, arXiv 2311.08105). The result is an ordinary model, with the same bytes for
 * any number of workers, whichever of them fail or join late. The replicas share out the batches of the trainer alone: in each epoch
 * other rows, and each row once.
 *
 * AdamW keeps the moments of each replica from round to round, as objects of the store, so any worker can do any round.
 *
 * @param trainer from `tfjsTrainer`, or from `llamaTrainer` without `lora`.
 * @throws `invalid-options` for other trainers and values out of range; from `fit` what the trainer throws, what the executor throws,
 * and `invalid-options` if there are fewer steps than replicas.
 *
 * @example
 * ```ts
 * const trainer = tfjsTrainer(textClassifier())
 * const distributed = dilocoTrainer(trainer, { executor, store, replicas: 4 })
 * ```
 */
export function dilocoTrainer<I, T>(trainer: Trainer<I, T>, options: DilocoOptions): Trainer<I, T> {
  const parts = distributable(trainer)
  const { innerSteps = 50, outerLearningRate = 1, outerMomentum = 0 } = options
  const { learningRateFactor = Math.min(options.replicas, mostLearningRateFactor) } = options
  const rounds: Rounds = { ...options, innerSteps, learningRateFactor, outerLearningRate, outerMomentum }
  checkRounds(rounds)
  const { replicas, compression } = rounds
  const described = {
    contract: 1,
    name: 'diloco',
    version: trainer.version === undefined ? undefined : '2',
    describe: () => ({
      ...{ replicas, innerSteps, learningRateFactor, outerLearningRate, outerMomentum },
      ...(compression !== undefined && { compression }),
      trainer: { name: trainer.name, version: trainer.version ?? null, describe: trainer.describe() },
    }),
  } as const
  return {
    ...trainer,
    ...described,
    usesWorkers: true,
    async fit(request, context) {
      const expected = await digestOfTrainer(trainer, context)
      const open = distributedTraining(rounds, {
        ...{ loop: parts.loop, seed: request.seed, expected },
        training: await identityOfTraining(request, context),
      })
      return parts.fit(request, context, { described, open })
    },
  }

  /** Other trainings must not use the objects of this one, because it removes them. Only a training that can resume finds its own. */
  async function identityOfTraining(
    { training, development, base, seed, checkpoints }: FitRequest<I, T>,
    context: CallContext,
  ): Promise<string> {
    const identity = identityOf(described)
    if (identity === undefined || checkpoints === undefined) return randomUUID()
    const environment = (await trainer.environment?.(context)) ?? null
    const rows = { training: training.digest, development: development?.digest ?? null, base: base?.digest ?? null }
    return digestJson({ identity, environment, seed, ...rows } as unknown as Json)
  }
}

const mostReplicas = 1024
/** Without an option. Larger factors were not measured. */
const mostLearningRateFactor = 8

function checkRounds(rounds: Rounds): void {
  const { replicas, innerSteps, learningRateFactor, outerLearningRate, outerMomentum, compression } = rounds
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1
  const wrong = Object.entries({
    replicas: isCount(replicas) && replicas <= mostReplicas,
    innerSteps: isCount(innerSteps),
    learningRateFactor: learningRateFactor > 0 && Number.isFinite(learningRateFactor),
    outerLearningRate: outerLearningRate > 0 && Number.isFinite(outerLearningRate),
    outerMomentum: outerMomentum >= 0 && outerMomentum < 1,
    compression: compression === undefined || compression === 'int8',
  }).find(([, isSound]) => !isSound)
  if (wrong === undefined) return
  const [option] = wrong
  const value = rounds[option as keyof Rounds]
  throw new SheikhError(
    'invalid-options',
    `Cannot distribute a training: "${option}" is ${String(value)}, which is out of range. See the documentation of DilocoOptions.`,
    { facts: { option } },
  )
}
