import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, identityOf, type Json, SheikhError } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import { type Model, readWeightsDirectory } from '../model/index.js'
import { namesIn, removeQuietly } from '../store/index.js'
import type { Candidate, CandidateRecord, FitContext, FitRequest, Trainer } from '../trainer/index.js'
import type { Combination } from './combine.js'
import { type EnsembleContent, memberFolder, writeEnsembleFile } from './ensemble-file.js'
import {
  checkSameTrainer,
  commonBase,
  type JoinMembers,
  joinPredictions,
  joinWeights,
  writeAverage,
} from './join-members.js'
import { loadEnsemble } from './load-ensemble.js'
import { described, environmentOf, membersOf, refusal } from './member.js'
import { isReleasedMember } from './released-member.js'
import { type MemberTest, selectMembers } from './select-members.js'
import { type TrainedMember, trainMembers } from './train-members.js'
import type { MemberWorkers } from './train-on-workers.js'

const version = '1'
/** As a `CandidateRecord` allows. */
const mostPoints = 1000

export interface EnsembleOptions<I, T> {
  /** The trainers, by the names of the members (`[a-z0-9-]+`). One trainer may occur several times: each member has its own seed. */
  readonly members: Readonly<Record<string, Trainer<I, T>>>
  /** @default 'mean' */
  readonly combine?: Combination | undefined
  /** The weight of a member by its name, above 0. @default 1 each */
  readonly shares?: Readonly<Record<string, number>> | undefined
  /**
   * The metric in which a member must show a gain on the development rows to join. Needs a development share of the dataset.
   *
   * @default all members join
   */
  readonly joinBy?: Metric | undefined
  /**
   * Trains the members at once, on workers that have `memberKind` with the same members. Does not affect the result.
   *
   * @default this process, one member after the other
   */
  readonly workers?: MemberWorkers | undefined
}

/**
 * A trainer of several models that answer as one. The pipeline judges and releases them as one candidate: its `config.json` names the
 * members, and `members/<name>/` has the weights of each. With `combine: 'weights'`, the weights of the members are averaged, and
 * `ensemble.json` names the members: the first trainer of the members, alone, can load the release too.
 *
 * Member number `n` (from 0) is trained with the seed of the training plus `n`. With `joinBy`, the best member alone begins. Each
 * other one joins if the ensemble is better with it on the development rows, by the test of the check `improves` at a level of
 * 0.05 over all members; the weights of the others are not kept.
 *
 * @throws `invalid-options` without members, or for a name, a share or a metric that cannot be used. `fit` throws `dataset-invalid` if
 * `joinBy` is set and there are no development rows, `invalid-options` for
 * weights to average without a common base, or of different architectures; and what the members throw, with the name of the member.
 */
export function ensembleTrainer<I = string, T = string>(options: EnsembleOptions<I, T>): Trainer<I, T> {
  const { combine = 'mean', joinBy } = options
  const members = membersOf(options)
  if (joinBy?.kind === 'aggregate')
    throw refusal(
      `"${joinBy.name}" is an aggregate, which has no scores to compare`,
      'Use a metric with a score per item',
    )
  const trainers = members.map(({ trainer }) => trainer)
  const toTrain = trainers.filter((trainer) => !isReleasedMember(trainer))
  const releases = trainers.flatMap((trainer) => trainer.releases ?? [])
  if (combine === 'weights') checkSameTrainer(members)
  const formats = new Set(trainers.map(({ weightsFormat }) => weightsFormat))
  const [format] = formats
  const describe = (): Json => ({
    ...{ combine, joinBy: joinBy === undefined ? null : described(joinBy) },
    members: members.map(({ name, share, trainer }) => ({ name, share, trainer: described(trainer) })),
  })
  const isVersioned = trainers.every((trainer) => identityOf(trainer) !== undefined)
  const isIdentified = isVersioned && (joinBy === undefined || identityOf(joinBy) !== undefined)
  const fitAll = async (request: FitRequest<I, T>, context: FitContext): Promise<Candidate> => {
    const { training, development, seed, directory } = request
    const base = combine === 'weights' ? commonBase(members, request) : undefined
    const trained = await trainMembers(members, request, options.workers, context)
    const join: JoinMembers<I> =
      combine === 'weights'
        ? joinWeights(directory, (weights) => trainers[0]!.load(weights, context), context)
        : joinPredictions(combine)
    const selected = { members: trained, rows: development!, metric: joinBy!, atOnce: combine === 'vote' ? 2 : 1, join }
    const { joined, tests } =
      joinBy === undefined ? { joined: trained, tests: undefined } : await selectMembers(selected, context)
    if (combine === 'weights') await writeAverage(joined, directory, context)
    else
      for (const { name } of trained.filter((member) => !joined.includes(member)))
        await rm(memberFolder(directory, name), { recursive: true })
    await writeEnsembleFile(directory, fileOf(joined, { combine, base, tests }))
    const environment = await environmentOf(members, context)
    const usesDevelopment = joinBy !== undefined || trained.some(({ record }) => record.developmentDigest !== undefined)
    const splitSteps = trained.reduce((sum, { record }) => sum + (record.splitSteps ?? 0), 0)
    return {
      weights: await readWeightsDirectory(directory, context),
      record: {
        trainer: { name: 'ensemble', ...(isIdentified && { version }), describe: describe() },
        ...{ seed, trainingDigest: training.digest, environment },
        ...(usesDevelopment && { developmentDigest: development!.digest }),
        lossCurve: joinedCurve(trained.map(({ record }) => record.lossCurve)),
        ...(splitSteps > 0 && { splitSteps }),
      },
    }
  }
  return {
    contract: 1,
    name: 'ensemble',
    ...(isIdentified && { version }),
    ...(trainers.every(({ targets }) => targets === 'labels') && { targets: 'labels' as const }),
    ...(formats.size === 1 && format !== undefined && { weightsFormat: format }),
    ...(combine === 'weights' && toTrain.every(({ warmStart }) => warmStart) && { warmStart: true as const }),
    ...(releases.length > 0 && { releases }),
    ...((options.workers !== undefined || trainers.some(({ usesWorkers }) => usesWorkers)) && { usesWorkers: true }),
    describe,
    environment: (context) => environmentOf(members, context),
    files: () => [...new Set(trainers.flatMap((trainer) => trainer.files?.() ?? []))],
    async fit(request, context) {
      const { development, directory } = request
      if (joinBy !== undefined && development === undefined)
        throw new SheikhError(
          'dataset-invalid',
          'Cannot train the ensemble: "joinBy" tests members on the development rows, and the dataset has none. Set "developmentShare" of the dataset, such as 0.2.',
        )
      try {
        return await fitAll(request, context)
      } catch (error) {
        for (const name of await namesIn(directory)) await removeQuietly(join(directory, name))
        throw error
      }
    },
    async load(weights, context): Promise<Model<I>> {
      if (combine === 'weights') return trainers[0]!.load(weights, context)
      return loadEnsemble(weights, (name) => members.find((one) => one.name === name)?.trainer, context)
    },
  }
}

function fileOf(
  joined: readonly TrainedMember<never>[],
  {
    combine,
    base,
    tests,
  }: {
    readonly combine: Combination
    readonly base: Digest | undefined
    readonly tests: readonly MemberTest[] | undefined
  },
): EnsembleContent {
  const [first, ...rest] = joined.map(({ name, share, trainer, weights }) => ({
    ...{ name, share, trainer },
    weights: weights.digest,
  }))
  return {
    ...{ architecture: 'ensemble', formatVersion: 1, combine, members: [first!, ...rest] },
    ...(base !== undefined && { base }),
    ...(tests !== undefined && { tests: tests as unknown as Json }),
  }
}

/** The curves one after the other, as the members were trained. */
function joinedCurve(curves: readonly CandidateRecord['lossCurve'][]): CandidateRecord['lossCurve'] {
  const most = Math.floor(mostPoints / curves.length)
  let before = 0
  return curves.flatMap((curve) => {
    const length = Math.min(most, curve.length)
    const from = before
    before += curve.at(-1)?.[0] ?? 0
    return Array.from({ length }, (_, index) => {
      const at = length === 1 ? curve.length - 1 : Math.round((index * (curve.length - 1)) / (length - 1))
      const [step, loss] = curve[at]!
      return [from + step, loss] as const
    })
  })
}
