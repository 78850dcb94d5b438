import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, type Json, SheikhError, toJson, untilAborted } from '../core/index.js'
import { type Dataset, snapshotOnce } from '../dataset/index.js'
import type { JobContext, JobKind } from '../execute/index.js'
import { requireSameParts, type SameParts } from '../execute/shards/index.js'
import { readWeightsDirectory, rereadWeightsDirectory, type WeightsDirectory } from '../model/index.js'
import { removeQuietly } from '../store/index.js'
import { partsOfTrainer, type Trainer } from '../trainer/index.js'
import { checkFitted } from './check-fitted.js'
import { openFiles } from './open-files.js'

/** A training, as a job. JSON. */
export interface TrainingInput {
  /** The name of its trainer. */
  readonly trainer: string
  readonly seed: number
  /** What the worker must have too. */
  readonly expected: SameParts
  /** Makes the job unlike every other, if the result of an earlier one must not be used. */
  readonly once: string | null
}

/** What a training gets besides: it does not change the result. JSON. */
export interface TrainingHints {
  /** The key of the folder for the checkpoints of all trainings. `null`: none are kept. */
  readonly checkpoints: Digest | null
}

/** Trainings that a pipeline or a trainer gives to workers. */
export interface TrainingJobs {
  /** As in `JobKind`. */
  readonly kind: { readonly name: string; readonly version: string }
  /** What is trained, as in "Cannot train the <noun> …". */
  readonly noun: string
}

/** The kind of jobs that train with one of several trainers on the rows of a dataset. */
export function trainingKind<I, T>(
  { kind, noun }: TrainingJobs,
  {
    trainers,
    dataset,
  }: { readonly trainers: Readonly<Record<string, Trainer<I, T>>>; readonly dataset: Dataset<I, T> },
): JobKind<TrainingInput, Json> {
  const rows = snapshotOnce(dataset)
  return {
    ...kind,
    async run({ trainer: name, seed, expected }, context) {
      const { store, signal, hints, objects } = context
      if (!Object.hasOwn(trainers, name))
        throw new SheikhError(
          'version-mismatch',
          `Cannot train the ${noun} "${name}": the worker has ${listed(Object.keys(trainers))}. Give both the same ${noun}s, and restart the workers.`,
          { facts: { [noun]: name } },
        )
      const trainer = trainers[name]!
      const { summary, training, development } = await untilAborted(rows(store, context), signal)
      const withDevelopment = expected['development data'] !== null
      requireSameParts(`train the ${noun} "${name}"`, expected, {
        ...(await partsOfTrainer(trainer, context)),
        'training data': summary.trainingDigest,
        'development data': withDevelopment ? (summary.developmentDigest ?? null) : null,
      })
      const work = await store.workDirectory(noun)
      try {
        const directory = join(work, 'weights')
        await mkdir(directory)
        const filesDirectory = await openFiles(dataset, join(work, 'files'), context)
        const base = objects['base'] && (await openBase(objects['base'], join(work, 'base'), context))
        const checkpoints = await checkpointsOf(name, hints as unknown as TrainingHints, context)
        const fitted = await trainer.fit(
          { training, seed, directory, checkpoints, base, ...(withDevelopment && { development }) },
          { ...context, ...(filesDirectory !== undefined && { filesDirectory }) },
        )
        // What is no candidate must not be kept as the result of the job.
        checkFitted(trainer, fitted)
        const { weights, record } = fitted
        const { path, manifest } = await rereadWeightsDirectory(weights.path, context)
        const kept = await store.objects.putDirectory(path, context, { manifest })
        return { value: toJson(record), objects: { weights: kept } }
      } finally {
        await removeQuietly(work)
      }
    },
  }
}

async function openBase(digest: Digest, directory: string, context: JobContext): Promise<WeightsDirectory> {
  await context.store.objects.getDirectory(digest, directory, context)
  return readWeightsDirectory(directory, context)
}

async function checkpointsOf(
  name: string,
  { checkpoints }: TrainingHints,
  { store }: JobContext,
): Promise<string | undefined> {
  const folder = checkpoints === null ? undefined : await store.checkpoints?.folder(checkpoints)
  if (folder === undefined) return undefined
  const path = join(folder, name)
  await mkdir(path, { recursive: true })
  return path
}

const listed = (names: readonly string[]) => (names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', '))
