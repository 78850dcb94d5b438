import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, type Json, SheikhError, toJson, untilAborted } from '../core/index.js'
import { type Dataset, snapshotOnce } from '../dataset/index.js'
import type { JobContext, JobKind } from '../execute/index.js'
import { requireSameParts, type SameParts } from '../execute/shards/index.js'
import { readWeightsDirectory, rereadWeightsDirectory, type WeightsDirectory } from '../model/index.js'
import { openFiles } from '../pipeline/index.js'
import { removeQuietly } from '../store/index.js'
import { partsOfTrainer, type Trainer } from '../trainer/index.js'

/** The training of a member, as a job. JSON. */
export interface MemberInput {
  /** Its name. */
  readonly member: string
  readonly seed: number
  /** What the worker must have too. */
  readonly expected: SameParts
  /** Makes the job unlike every other, if the result of an earlier one must not be used. */
  readonly once: string | null
}

/** What the training of a member gets besides: it does not change the result. JSON. */
export interface MemberHints {
  /** The key of the folder for the checkpoints of all members. `null`: none are kept. */
  readonly checkpoints: Digest | null
}

export const memberKindName = { name: 'train-member', version: '2' } as const

/** What a worker needs to train members: the same parts as the program that trains the ensemble. */
export interface MemberKindOptions<I, T> {
  /** The members of the ensemble, or of several ensembles with different names. */
  readonly members: Readonly<Record<string, Trainer<I, T>>>
  /** The dataset of the pipeline. */
  readonly dataset: Dataset<I, T>
}

/**
 * The kind of the jobs of an ensemble that is trained with `workers`, for the workers of the executor. A worker whose trainer, rows,
 * packages or device differ from those of the caller refuses the job.
 *
 * @example
 * ```ts
 * // worker.ts, which the program with `ensembleTrainer({ members, workers: { executor, store } })` imports too
 * export const worker = () => ({ store, kinds: [memberKind({ members, dataset })] })
 * ```
 */
export function memberKind<I, T>({ members, dataset }: MemberKindOptions<I, T>): JobKind<MemberInput, Json> {
  const rows = snapshotOnce(dataset)
  return {
    ...memberKindName,
    async run({ member, seed, expected }, context) {
      const { store, signal, hints, objects } = context
      if (!Object.hasOwn(members, member))
        throw new SheikhError(
          'version-mismatch',
          `Cannot train the member "${member}": the worker has ${listed(Object.keys(members))}. Give both the same members, and restart the workers.`,
          { facts: { member } },
        )
      const trainer = members[member]!
      const { summary, training, development } = await untilAborted(rows(store, context), signal)
      const withDevelopment = expected['development data'] !== null
      requireSameParts(`train the member "${member}"`, expected, {
        ...(await partsOfTrainer(trainer, context)),
        'training data': summary.trainingDigest,
        'development data': withDevelopment ? (summary.developmentDigest ?? null) : null,
      })
      const work = await store.workDirectory('member')
      try {
        const directory = join(work, 'weights')
        await mkdir(directory)
        const filesDirectory = await openFiles(dataset, join(work, 'files'), context)
        const base = objects['base'] && (await openBase(objects['base'], join(work, 'base'), context))
        const checkpoints = await checkpointsOf(member, hints as unknown as MemberHints, context)
        const { weights, record } = await trainer.fit(
          { training, seed, directory, checkpoints, base, ...(withDevelopment && { development }) },
          { ...context, ...(filesDirectory !== undefined && { filesDirectory }) },
        )
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
  member: string,
  { checkpoints }: MemberHints,
  { store }: JobContext,
): Promise<string | undefined> {
  const folder = checkpoints === null ? undefined : await store.checkpoints?.folder(checkpoints)
  if (folder === undefined) return undefined
  const path = join(folder, member)
  await mkdir(path, { recursive: true })
  return path
}

const listed = (names: readonly string[]) => (names.length === 0 ? 'none' : names.map((name) => `"${name}"`).join(', '))
