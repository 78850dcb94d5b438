import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, digest, digestJson, fits, object } from '../core/index.js'
import { type Predictions, rememberingModel } from '../evaluation/index.js'
import { type Model, readWeightsDirectory, type WeightsDirectory } from '../model/index.js'
import { namesIn, removeQuietly } from '../store/index.js'
import type { FitRequest } from '../trainer/index.js'
import { averageWeights } from './average-weights.js'
import type { PredictionCombination } from './combine.js'
import { membersFolder } from './ensemble-file.js'
import { ensembleModel } from './ensemble-model.js'
import { type Member, refusal } from './member.js'
import { isReleasedMember, openedRelease } from './released-member.js'
import type { TrainedMember } from './train-members.js'

/** A member, and its predictions for the development rows. */
export interface AskedMember<I> {
  readonly member: TrainedMember<I>
  readonly answers: Predictions
}

/** Makes one model of members, to be tested on the development rows. */
export type JoinMembers<I> = (some: readonly AskedMember<I>[]) => Promise<Model<I>>

/** Combines the predictions that the members gave before. */
export const joinPredictions =
  <I>(combine: PredictionCombination): JoinMembers<I> =>
  async (some) => {
    const remembered = some.map(async ({ member: { name, share, load }, answers }) => ({
      ...{ name, share },
      model: await rememberingModel(load, answers),
    }))
    const digest = digestJson(some.map(({ member }) => member.weights.digest))
    return ensembleModel({ digest, combine, members: await Promise.all(remembered), atOnce: false })
  }

/** Averages the weights of the members in a folder that the next call replaces. */
export const joinWeights =
  <I>(
    directory: string,
    load: (weights: WeightsDirectory) => Promise<Model<I>>,
    context: CallContext,
  ): JoinMembers<I> =>
  async (some) => {
    const folder = folderOfAverage(directory)
    await removeQuietly(folder)
    const members = some.map(({ member }) => member)
    await averageWeights(members, folder, context)
    return load(await readWeightsDirectory(folder, context))
  }

/** Writes the mean of the weights in the place of the members. */
export async function writeAverage<I>(
  members: readonly TrainedMember<I>[],
  directory: string,
  context: CallContext,
): Promise<void> {
  const folder = folderOfAverage(directory)
  await removeQuietly(folder)
  await averageWeights(members, folder, context)
  for (const name of await namesIn(folder)) await rename(join(folder, name), join(directory, name))
  await removeQuietly(join(directory, membersFolder))
}

/** No name of a member. */
const folderOfAverage = (directory: string) => join(directory, membersFolder, '.average')

/** The trainer that loads a member. */
const loaderOf = ({ trainer }: Member<never, never>) => (isReleasedMember(trainer) ? trainer.loader : trainer)

/** @throws `invalid-options` for members that different trainers load. */
export function checkSameTrainer(members: readonly Member<never, never>[]): void {
  const [first, ...others] = members
  const other = others.find((member) => loaderOf(member).name !== loaderOf(first!).name)
  if (other !== undefined)
    throw refusal(
      `"${first!.name}" is made by "${loaderOf(first!).name}" and "${other.name}" by "${loaderOf(other).name}", and only weights of one architecture can be averaged`,
      'Use combine: "mean" or "vote"',
    )
}

/**
 * The digest of the weights from which all members start. A release starts from the release that its record names, or from the
 * weights that `describe()` of its trainer names as `base`; it may also be that base itself.
 *
 * @throws `invalid-options` if there are none: weights that were trained from scratch with different seeds have no useful mean.
 */
export function commonBase<I, T>(members: readonly Member<I, T>[], { base, releases }: FitRequest<I, T>): Digest {
  const startOf = ({ trainer }: Member<I, T>) => {
    if (!isReleasedMember(trainer)) return { start: base?.digest ?? trainer.base }
    const { weights, record, base: ofRelease } = openedRelease(releases, trainer.releases[0])
    const own = record?.base === undefined ? record?.trainer.describe : undefined
    return { start: ofRelease ?? (fits(withBase, own) ? own.base : undefined), itself: weights.digest }
  }
  const starts = members.map((member) => ({ name: member.name, ...startOf(member) }))
  const [first] = starts
  const startFrom = (common: Digest) => starts.every(({ start, itself }) => start === common || itself === common)
  const common = starts.map(({ start }) => start).find((start) => start !== undefined && startFrom(start))
  if (common !== undefined) return common
  const unknown = starts.find(({ start }) => start === undefined)
  const other = starts.find(({ start }) => start !== first!.start)
  throw refusal(
    unknown === undefined
      ? `its weights are to be averaged, and "${first!.name}" and "${other!.name}" start from different weights`
      : `its weights are to be averaged, and no base is known from which "${unknown.name}" starts`,
    'Name a release to start from ("base" of the pipeline), use members that were fine-tuned from one base, or use combine: "mean" or "vote"',
  )
}

const withBase = object({ base: digest })
