import { type JsonObject, SheikhError } from '../../core/index.js'
import { type Schedule, schedules } from './learning-rate.js'
import type { EarlyStopping, LoopSettings } from './tfjs-model.js'

/** Training options that all built-in models share. */
export interface LoopOptions {
  /** @default the model's own */
  readonly epochs?: number | undefined
  /** Number of steps, instead of `epochs`. The data is repeated as often as needed. @default decided by `epochs` */
  readonly maximumSteps?: number | undefined
  /** Number of examples per batch. @default the model's own */
  readonly batchSize?: number | undefined
  /**
   * Number of examples per batch outside training: development rows, and inputs to predict (at most 64 in a pipeline;
   * for a Llama, choices). @default the model's own
   */
  readonly evaluationBatchSize?: number | undefined
  /** Number of batches per step, which then act as one larger batch. @default 1 */
  readonly gradientAccumulation?: number | undefined
  /** The highest learning rate; `schedule` decides how it falls. @default the model's own */
  readonly learningRate?: number | undefined
  /** @default the model's own */
  readonly weightDecay?: number | undefined
  /** How the learning rate falls. @default 'linear' */
  readonly schedule?: Schedule | undefined
  /** The share of all steps in which the learning rate rises from 0, 0 to 1. @default 0 */
  readonly warmupRatio?: number | undefined
  /** Maximum norm of all gradients together. Larger gradients are scaled down to it. @default the model's own */
  readonly maximumGradientNorm?: number | undefined
  /** Stops early, by the loss on development rows. Requires the dataset's `developmentShare`. @default none */
  readonly earlyStopping?: EarlyStopping | undefined
  /** How often progress is reported. Does not affect the result. @default at most 200 reports */
  readonly reportEverySteps?: number | undefined
}

/** Throws `invalid-options` for an invalid value. `fact`: what is wrong with the value. */
export type OptionCheck = (name: string, value: unknown, isSound: boolean, fact?: string) => void

/** @param what the model, as in "Cannot train …". @param options the name of the type that documents the ranges. */
export const optionCheck =
  (what: string, options: string): OptionCheck =>
  (name, value, isSound, fact = 'it is out of range') => {
    if (isSound) return
    const said = typeof value === 'object' ? JSON.stringify(value) : String(value)
    throw new SheikhError(
      'invalid-options',
      `Cannot train ${what} with ${name} ${said}: ${fact}. See the documentation of ${options}.`,
      { facts: { option: name } },
    )
  }

/**
 * Merges the options with the model's defaults. Options that neither sets are omitted, also from keys, so that a new
 * option does not invalidate earlier trainings.
 *
 * @throws `invalid-options`.
 */
export function toLoopSettings(options: LoopOptions, defaults: LoopSettings, check: OptionCheck): LoopSettings {
  const { epochs, batchSize, learningRate, weightDecay } = options
  const { schedule, warmupRatio, maximumGradientNorm, maximumSteps, gradientAccumulation, earlyStopping } = options
  const { evaluationBatchSize, reportEverySteps } = options
  const asked = {
    ...{ epochs, batchSize, learningRate, weightDecay },
    ...{ schedule, warmupRatio, maximumGradientNorm, maximumSteps, gradientAccumulation, earlyStopping },
    ...{ evaluationBatchSize, reportEverySteps },
  }
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined))
  const loop: LoopSettings = { ...defaults, ...given }
  checkLoop(loop, check)
  return loop
}

/** The settings that decide the result, for the key. Excludes how often progress is reported. */
export function describeLoop({ reportEverySteps: _told, ...loop }: LoopSettings): JsonObject {
  return loop as unknown as JsonObject
}

function checkLoop(loop: LoopSettings, check: OptionCheck): void {
  const { epochs, batchSize, maximumSteps = 1, gradientAccumulation = 1, maximumStepBytes = 1 } = loop
  const { evaluationBatchSize = 1, reportEverySteps = 1 } = loop
  for (const [name, value] of Object.entries({
    ...{ epochs, batchSize, maximumSteps, gradientAccumulation, maximumStepBytes },
    ...{ evaluationBatchSize, reportEverySteps },
  }))
    check(name, value, isCount(value), 'it is not a whole number above 0')
  const { learningRate, weightDecay, maximumGradientNorm = 1, schedule = 'linear', warmupRatio = 0 } = loop
  for (const [name, value] of Object.entries({ learningRate, maximumGradientNorm }))
    check(name, value, value > 0 && Number.isFinite(value), 'it is not a number above 0')
  check('weightDecay', weightDecay, weightDecay >= 0 && Number.isFinite(weightDecay), 'it is not a number from 0')
  check('schedule', schedule, schedules.includes(schedule), `it is none of ${schedules.join(', ')}`)
  check('warmupRatio', warmupRatio, warmupRatio >= 0 && warmupRatio <= 1, 'it is not from 0 to 1')
  check('earlyStopping', loop.earlyStopping, isEarlyStopping(loop.earlyStopping))
}

function isEarlyStopping(asked: EarlyStopping | undefined): boolean {
  if (asked === undefined) return true
  const { patience, everySteps = 1, minimumImprovement = 0 } = asked
  return isCount(patience) && isCount(everySteps) && minimumImprovement >= 0 && Number.isFinite(minimumImprovement)
}

const isCount = (value: number) => Number.isSafeInteger(value) && value > 0
