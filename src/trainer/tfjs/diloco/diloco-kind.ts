import { join } from 'node:path'
import {
  type CallContext,
  callContext,
  canonicalJson,
  type Digest,
  digestJson,
  identityOf,
  type Json,
  SheikhError,
} from '../../../core/index.js'
import type { JobContext, JobKind } from '../../../execute/index.js'
import { removeQuietly } from '../../../store/index.js'
import type { Trainer } from '../../trainer.js'
import { openDevice } from '../devices.js'
import type { LoopPart } from '../train-loop.js'
import { partsOf, type TrainerParts } from '../trainer-parts.js'
import { openTraining } from '../training.js'
import { type OpenTraining, openTrainings } from './open-trainings.js'
import type { Values } from './outer-step.js'
import { readExamples } from './stored-examples.js'
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

export const roundKindName = { name: 'diloco-round', version: '2' } as const

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
  const trainings = openTrainings()
  let known: Promise<Digest> | undefined

  async function checkTrainer(expected: Digest, context: CallContext): Promise<void> {
    // Nothing in it changes while a process lives.
    known ??= digestOfTrainer(trainer, context)
    const found = await known.catch((error: unknown) => {
      known = undefined
      throw error
    })
    if (found === expected) return
    throw new SheikhError(
      'version-mismatch',
      `Cannot train a replica of "${trainer.name}": the trainer of the worker, its package versions or its device differ from those of the caller. Give both the same code, packages and device, and restart the workers.`,
      { facts: { expected, found } },
    )
  }

  async function open(examples: Digest, trainee: Json, folder: string, context: JobContext): Promise<OpenTraining> {
    const device = await openDevice(parts.device, context)
    // Later jobs use it, so it does not end with this one.
    const lasting = callContext({ clock: context.clock, log: context.log })
    const training = await openTraining(parts.trainee(trainee, device, lasting), device, folder, lasting)
    try {
      const directory = join(folder, 'examples')
      await context.store.objects.getDirectory(examples, directory, context)
      const config = await readExamples(directory, (some) => {
        context.signal.throwIfAborted()
        return training.add('training', some)
      })
      await removeQuietly(directory)
      return { training, config }
    } catch (error) {
      // The first error counts.
      await Promise.resolve(training[Symbol.asyncDispose]()).catch(() => undefined)
      throw error
    }
  }

  const kind: JobKind<RoundInput, RoundOutput> = {
    ...roundKindName,
    async run({ training: name, seed, part, compression, expected, trainee }, context) {
      const { store, objects } = context
      await checkTrainer(expected, context)
      const folder = await store.workDirectory('diloco')
      const place = { store, folder, training: name }
      const examples = objects['examples']!
      try {
        const key = canonicalJson([examples, trainee])
        return await trainings.use(
          key,
          context.workers,
          () => open(examples, trainee, folder, context),
          async (opened) => {
            const { training, config } = opened
            const digest = objects['weights']!
            // Replicas of one round start from the same weights.
            if (opened.weights?.digest !== digest)
              opened.weights = { digest, values: await getValues(place, digest, context) }
            const start = opened.weights.values
            const moments = objects['moments'] && (await getValues(place, objects['moments'], context))
            const { weights, lossCurve, splitSteps, followed, ...trained } = await training.train(
              { config, seed, start, part, moments },
              context,
            )
            const gradient = await putValues(place, differenceOf(start, weights), context, {
              compression: compression ?? undefined,
              exact: followed,
            })
            const kept = trained.moments && { moments: await putValues(place, trained.moments, context) }
            const loss = lossCurve.reduce((sum, [, value]) => sum + value, 0) / lossCurve.length
            return { value: { loss, splitSteps, followed }, objects: { gradient, ...kept } }
          },
        )
      } finally {
        await removeQuietly(folder)
      }
    },
    close: () => trainings.close(),
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
      // Ten times as fast as `Float32Array.from` with a function.
      const change = new Float32Array(values.length)
      for (let index = 0; index < values.length; index += 1) change[index] = values[index]! - next[index]!
      return change.some((value) => value !== 0) ? [[name, change]] : []
    }),
  )
}
