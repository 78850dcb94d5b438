import { type CallContext, digestJson, digestOfPart, type Json } from '../core/index.js'
import type { SameParts } from '../execute/shards/index.js'
import type { Trainer } from './trainer.js'

/** What decides the result of a trainer besides rows, seed and weights, for `requireSameParts`. */
export async function partsOfTrainer<I, T>(trainer: Trainer<I, T>, context: CallContext): Promise<SameParts> {
  const environment = await trainer.environment?.(context)
  return {
    trainer: digestOfPart(trainer) ?? null,
    'environment of the trainer': environment === undefined ? null : digestJson(environment as unknown as Json),
  }
}
