import { type CallContext, isSheikhError, type Json, SheikhError } from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import {
  type DriftItem,
  type DriftOptions,
  type DriftReport,
  detectDrift,
  liveItems,
  referenceItems,
} from '../drift/index.js'
import type { FeedbackRange, FeedbackStore } from '../feedback/index.js'
import { commitOfRelease } from '../pipeline/index.js'
import type { Release } from '../releaser/index.js'
import { commitFolder } from './commit-folder.js'
import type { Composition } from './compose.js'
import type { Git } from './git/index.js'
import { inputReader } from './model-inputs.js'

export interface ProjectDriftOptions extends Omit<DriftOptions, 'reference' | 'live'>, FeedbackRange {
  /** What the server logged. */
  readonly feedback: FeedbackStore
  /** Compares answers of the release that this channel points at. @default the channel of the project */
  readonly channel?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Drift since a release was trained. */
export interface ProjectDrift extends DriftReport {
  readonly release: { readonly version: string; readonly commit?: string | undefined }
}

export interface DriftProject {
  readonly git: Git
  readonly root: string
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly prefix: string
  readonly composition: Composition
}

/** Compares what a release answered with the rows that it was trained on, as its commit has them. */
export async function projectDrift(
  project: DriftProject,
  { feedback, channel, fromMs, untilMs, ...options }: Omit<ProjectDriftOptions, 'signal'>,
  context: CallContext,
): Promise<ProjectDrift> {
  const { composition } = project
  const releaser = await composition.releaser()
  const name = channel ?? composition.configuration.release.channel ?? 'latest'
  const release = await releaser.current(name, context)
  if (release === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot look for drift: the channel "${name}" points at no release. Release a model first: sheikh run`,
    )
  const { version } = release
  const commit = await commitOfRelease(release, releaser, context)
  const read = await liveReader(project, release, context)
  const live = () => read(liveItems(feedback, { fromMs, untilMs, version }, context))
  const report = await withTraining(project, { version, record: { ...release.record, commit } }, context, (training) =>
    detectDrift({ ...options, reference: referenceItems(training), live: live() }, context),
  )
  return { ...report, release: { version, ...(commit !== undefined && { commit }) } }
}

/** Reads the training rows of a release, as they were in its commit. */
async function withTraining<R>(
  { git, prefix, composition }: DriftProject,
  { version, record }: Pick<Release, 'version' | 'record'>,
  context: CallContext,
  work: (training: DatasetSnapshot<unknown, unknown>['training']) => Promise<R>,
): Promise<R> {
  const use = async ({ summary, training }: DatasetSnapshot<unknown, unknown>) => {
    const trained = record.dataset?.trainingDigest
    if (trained !== undefined && trained !== summary.trainingDigest)
      context.log.warn(
        `The training rows are not the ones that ${version} was trained on: code or settings outside its commit changed them. Drift is measured against the rows as they are now.`,
      )
    return work(training)
  }
  // No commit has the samples of a source in code.
  if (composition.source !== undefined) return use(await composition.dataset.snapshot(context))
  if (record.commit === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot look for drift: the release ${version} has no commit, so the data that it was trained on is not known. Release a model from a commit, or call detectDrift of sheikh-freemium/drift with a reference of your own.`,
      { facts: { version } },
    )
  await using folder = await commitFolder(git, { commit: record.commit, project: prefix }, context)
  return use(await (await folder.dataset(composition.datasetAt)).snapshot(context))
}

/** A sample that was logged becomes the input that the model received, as rows have it. */
async function liveReader({ root, composition }: DriftProject, release: Release, context: CallContext) {
  const { read } = await inputReader(release, { root, configuration: composition.configuration }, context)
  return async function* (items: AsyncIterable<DriftItem>): AsyncGenerator<DriftItem> {
    for await (const item of items) {
      yield isObject(item.input) ? { ...item, input: await inputOf(item.input) } : item
    }
  }

  /** An object that is no sample of the project is compared as it is. */
  async function inputOf(value: Json): Promise<Json> {
    try {
      return (await read([value]))[0]!
    } catch (error) {
      if (isSheikhError(error)) return value
      throw error
    }
  }
}

const isObject = (value: Json) => typeof value === 'object' && value !== null && !Array.isArray(value)
