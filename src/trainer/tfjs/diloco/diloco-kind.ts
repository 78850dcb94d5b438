import { join } from 'node:path'
import { type CallContext, type Digest, digestJson, identityOf, type Json, SheikhError } from '../../../core/index.js'
import type { JobKind } from '../../../execute/index.js'
import { removeQuietly } from '../../../store/index.js'
import type { Trainer } from '../../trainer.js'
import { openDevice } from '../devices.js'
import type { LoopPart } from '../train-loop.js'
import { partsOf, type TrainerParts } from '../trainer-parts.js'
import { openTraining } from '../training.js'
import { readShard } from './example-shards.js'
import type { Values } from './outer-step.js'
import { type Compression, getValues, putValues } from './weight-files.js'

/** One round of one replica, as a job. JSON. */
export interface RoundInput {
  /** Identifies the training. */
  readonly training: string
  readonly seed: number
  readonly part: LoopPart
  readonly compression: Compression | null
  /** What the worker must have too: the trainer, and what else decides its results. */
  readonly expected: Digest
  /** Builds the trainee. */
  readonly trainee: Json
}

/** JSON. */
export interface RoundOutput {
  /** The mean loss of the round's steps. */
  readonly loss: number
  readonly splitSteps: number
  readonly followed: readonly string[]
}

export const roundKindName = { name: 'diloco-round', version: '1' } as const

/**
 * The kind of the jobs of `dilocoTrainer`, for the workers of its `executor`. A worker whose trainer, package versions or device differ
 * from those of the caller refuses the jobs.
 *
 * @param trainer the trainer that `dilocoTrainer` distributes.
 * @throws `invalid-options` as `dilocoTrainer`.
 *
 * @example
 * ```ts
 * // worker.ts
 * export const trainer = tfjsTrainer(textClassifier())
 * export const store = directoryStore('.sheikh')
 * export const worker = () => ({ store, kinds: [dilocoKind(trainer)] })
 * ```
 */
export function dilocoKind<I, T>(trainer: Trainer<I, T>): JobKind<never, unknown> {
  const parts = distributable(trainer)
  const kind: JobKind<RoundInput, RoundOutput> = {
    ...roundKindName,
    async run({ training: name, seed, part, compression, expected, trainee }, context) {
      const { store, objects } = context
      const found = await digestOfTrainer(trainer, context)
      if (found !== expected)
        throw new SheikhError(
          'version-mismatch',
          `Cannot train a replica of "${trainer.name}": the trainer of the worker, its package versions or its device differ from those of the caller. Give both the same code, packages and device, and restart the workers.`,
          { facts: { expected, found } },
        )
      const folder = await store.workDirectory('diloco')
      const place = { store, folder, training: name }
      try {
        const device = await openDevice(parts.device, context)
        await using training = await openTraining(parts.trainee(trainee, device, context), device, folder, context)
        const shard = join(folder, 'shard')
        await store.objects.getDirectory(objects['examples']!, shard, context)
        const config = await readShard(shard, (examples) => training.add('training', examples))
        const start = await getValues(place, objects['weights']!, context)
        const { weights, lossCurve, splitSteps, followed } = await training.train(
          { config, seed, start, part },
          context,
        )
        const gradient = await putValues(place, differenceOf(start, weights), context, {
          compression: compression ?? undefined,
          exact: followed,
        })
        const loss = lossCurve.reduce((sum, [, value]) => sum + value, 0) / lossCurve.length
        return { value: { loss, splitSteps, followed }, objects: { gradient } }
      } finally {
        await removeQuietly(folder)
      }
    },
  }
  return kind
}

/** @throws `invalid-options` for a trainer that trains in one piece only. */
export function distributable<I, T>(trainer: Trainer<I, T>): TrainerParts<I, T> {
  const parts = partsOf(trainer)
  if (parts !== undefined) return parts
  throw new SheikhError(
    'invalid-options',
    `Cannot distribute the training of "${trainer.name}": only a trainer that \`tfjsTrainer\` returned, or \`llamaTrainer\` without "lora", trains in rounds. For other programs use \`commandTrainer\` with torchrun, Ray or Slurm.`,
    { facts: { trainer: trainer.name } },
  )
}

/** The digest of all that decides the result of a training besides rows, seed and base. */
export async function digestOfTrainer<I, T>(trainer: Trainer<I, T>, context: CallContext): Promise<Digest> {
  const { name, describe } = trainer
  const identity = identityOf(trainer) ?? { name, describe: describe() }
  return digestJson({ identity, environment: (await trainer.environment?.(context)) ?? null } as unknown as Json)
}

/** Weights before a round minus weights after it, without those that did not change. */
function differenceOf(before: Values, after: Values): Values {
  return Object.fromEntries(
    Object.entries(before).flatMap(([name, values]) => {
      const next = after[name]
      if (next?.length !== values.length)
        throw new SheikhError(
          'stage-failed',
          `Cannot train in rounds: the model's "learner" began with ${values.length} values for "${name}" and returned ${next?.length ?? 'none'}. It must keep the names and sizes of the weights that it starts from.`,
          { facts: { weight: name } },
        )
      const change = Float32Array.from(values, (value, index) => value - next[index]!)
      return change.some((value) => value !== 0) ? [[name, change]] : []
    }),
  )
}
