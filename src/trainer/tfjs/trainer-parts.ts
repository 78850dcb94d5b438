import type { CallContext, Described, Json } from '../../core/index.js'
import type { Candidate, FitContext, FitRequest, Trainer } from '../trainer.js'
import type { Device, DeviceName } from './devices.js'
import type { LoopSettings } from './tfjs-model.js'
import type { Trainee, Training } from './training.js'

/** Opens a training. @param plain describes the trainee for another process, in which `TrainerParts.trainee` builds it. */
export type OpenTraining = <Example>(
  trainee: Trainee<Example>,
  device: Device,
  directory: string,
  context: CallContext,
  plain: Json,
) => Promise<Training<Example>>

/** The inside of a trainer, for a trainer that distributes the work. */
export interface TrainerParts<I, T> {
  readonly device: DeviceName | 'auto'
  readonly loop: LoopSettings
  /** As the trainer's `fit`, but under another name and with another way of training. */
  readonly fit: (
    request: FitRequest<I, T>,
    context: FitContext,
    way: { readonly described: Described; readonly open: OpenTraining },
  ) => Promise<Candidate>
  /** The trainee of `fit`, in another process. */
  readonly trainee: (plain: Json, device: Device, context: CallContext) => Trainee<unknown>
}

// Not a property: a changed copy of a trainer is another trainer.
const partsOfTrainers = new WeakMap<object, TrainerParts<never, never>>()

export function registerParts<I, T>(trainer: Trainer<I, T>, parts: TrainerParts<I, T>): Trainer<I, T> {
  partsOfTrainers.set(trainer, parts as unknown as TrainerParts<never, never>)
  return trainer
}

/** `undefined`: the trainer trains in one piece only. */
export const partsOf = <I, T>(trainer: Trainer<I, T>) =>
  partsOfTrainers.get(trainer) as unknown as TrainerParts<I, T> | undefined
