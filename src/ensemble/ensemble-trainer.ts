import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type CallContext,
  identityOf,
  type Json,
  type JsonObject,
  SheikhError,
  type SheikhErrorOptions,
} from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import { type Model, readWeightsDirectory, rereadWeightsDirectory } from '../model/index.js'
import { isName } from '../store/index.js'
import type {
  Candidate,
  CandidateRecord,
  FitContext,
  FitRequest,
  LoadContext,
  Trainer,
  TrainerEnvironment,
  TrainProgress,
} from '../trainer/index.js'
import type { Combination } from './combine.js'
import { type EnsembleFile, memberFolder, membersFolder, readEnsembleFile, writeEnsembleFile } from './ensemble-file.js'
import { ensembleModel, type MemberModel } from './ensemble-model.js'
import { type MemberTest, selectMembers, type TrainedMember } from './select-members.js'

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
}

/**
 * A trainer of several models that answer as one. The pipeline judges and releases them as one candidate: its `config.json` names the
 * members, and `members/<name>/` has the weights of each.
 *
 * Member number `n` (from 0) is trained with the seed of the training plus `n`. With `joinBy`, the best member alone begins. Each
 * other one joins if the ensemble is better with it on the development rows, by the test of the check `improves` at a level of
 * 0.05 over all members; the weights of the others are not kept.
 *
 * @throws `invalid-options` without members, or for a name, a share or a metric that cannot be used. `fit` throws `dataset-invalid` if
 * `joinBy` is set and there are no development rows, and what the members throw, with the name of the member.
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
    const trained: TrainedMember<I>[] = []
    for (const [index, member] of members.entries())
      trained.push(await trainMember(member, { index, of: members.length }, request, context))
    const { joined, tests } =
      joinBy === undefined
        ? { joined: trained, tests: undefined }
        : await selectMembers({ members: trained, rows: development!, metric: joinBy, combine }, context)
    for (const { name } of trained.filter((member) => !joined.includes(member)))
      await rm(memberFolder(directory, name), { recursive: true })
    await writeEnsembleFile(directory, fileOf(joined, { members, combine, tests }))
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
        await rm(join(directory, membersFolder), { recursive: true, force: true })
        throw error
      }
    },
    async load(weights, context): Promise<Model<I>> {
      const content = await readEnsembleFile(weights)
      const loaded: MemberModel<I>[] = []
      try {
        for (const member of content.members) loaded.push(await loadMember(member, { weights, members }, context))
      } catch (error) {
        await Promise.all(loaded.map(({ model }) => model[Symbol.asyncDispose]()))
        throw error
      }
      const atOnce = context.thread === 'own'
      return ensembleModel({ digest: weights.digest, members: loaded, combine: content.combine, atOnce })
    },
  }
}

interface Member<I, T> {
  readonly name: string
  readonly share: number
  readonly trainer: Trainer<I, T>
}

function membersOf<I, T>({ members, shares = {} }: EnsembleOptions<I, T>): readonly Member<I, T>[] {
  const names = Object.keys(members)
  if (names.length === 0) throw refusal('it has no members', 'Add at least two')
  const unknown = Object.keys(shares).find((name) => !Object.hasOwn(members, name))
  if (unknown !== undefined)
    throw refusal(`"shares" names "${unknown}", which is no member`, `The members are ${names.join(', ')}`)
  return names.map((name) => {
    const share = shares[name] ?? 1
    if (!isName(name))
      throw refusal(`${JSON.stringify(name)} is no name of a member`, 'Use lower-case letters, digits and "-"')
    if (!(share > 0 && Number.isFinite(share)))
      throw refusal(`the share of "${name}" is ${share}, which is not above 0`, 'Correct it, or remove the member')
    return { name, share, trainer: members[name]! }
  })
}

const described = (part: Trainer<never, never> | Metric): JsonObject => ({
  name: part.name,
  version: part.version ?? null,
  describe: part.describe(),
})

async function environmentOf<I, T>(
  members: readonly Member<I, T>[],
  context: CallContext,
): Promise<TrainerEnvironment> {
  const environments = await Promise.all(
    members.map(async ({ name, trainer }) => [name, await trainer.environment?.(context)] as const),
  )
  const known = environments.flatMap(([name, environment]) =>
    environment === undefined ? [] : ([[name, environment]] as const),
  )
  return {
    packages: Object.assign({}, ...known.map(([, { packages }]) => packages)) as TrainerEnvironment['packages'],
    device: Object.fromEntries(known.map(([name, { device }]) => [name, device])),
  }
}

async function trainMember<I, T>(
  { name, share, trainer }: Member<I, T>,
  { index, of }: { readonly index: number; readonly of: number },
  { directory, checkpoints, seed, ...request }: FitRequest<I, T>,
  context: FitContext,
): Promise<TrainedMember<I>> {
  const folder = memberFolder(directory, name)
  await mkdir(folder, { recursive: true })
  const kept = checkpoints === undefined ? undefined : join(checkpoints, name)
  if (kept !== undefined) await mkdir(kept, { recursive: true })
  // How long the members to come will train is known only of those that were trained. Guess: as long as this one.
  const progress = (now: TrainProgress) =>
    context.progress({
      ...now,
      ...{ epoch: index * now.epochs + now.epoch, epochs: of * now.epochs },
      ...{ step: index * now.steps + now.step, steps: of * now.steps },
    })
  const { training, development } = request
  try {
    const { weights, record } = await trainer.fit(
      { training, development, seed: seedOf(seed, index), directory: folder, checkpoints: kept },
      { ...context, progress },
    )
    return { name, share, weights, record, load: () => trainer.load(weights, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    throw ofMember(error, name)
  }
}

async function loadMember<I, T>(
  { name, share, weights: expected }: EnsembleFile['members'][number],
  { weights, members }: { readonly weights: { readonly path: string }; readonly members: readonly Member<I, T>[] },
  context: LoadContext,
): Promise<MemberModel<I>> {
  const member = members.find((one) => one.name === name)
  const corrupt = (fact: string) =>
    new SheikhError(
      'artifact-corrupt',
      `Cannot load the ensemble: ${fact}. Load the weights with the trainer that made them.`,
      { facts: { member: name } },
    )
  if (member === undefined) throw corrupt(`it has a member "${name}", which this trainer does not have`)
  const read = await rereadWeightsDirectory(memberFolder(weights.path, name), context)
  if (read.digest !== expected) throw corrupt(`the files of the member "${name}" are not those that were trained`)
  try {
    return { name, share, model: await member.trainer.load(read, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    throw ofMember(error, name)
  }
}

function fileOf<I, T>(
  joined: readonly TrainedMember<I>[],
  {
    members,
    combine,
    tests,
  }: {
    readonly members: readonly Member<I, T>[]
    readonly combine: Combination
    readonly tests: readonly MemberTest[] | undefined
  },
): EnsembleFile {
  const [first, ...rest] = joined.map(({ name, share, weights }) => {
    const { trainer } = members.find((member) => member.name === name)!
    const made = { name: trainer.name, ...(trainer.version !== undefined && { version: trainer.version }) }
    return { name, share, trainer: made, weights: weights.digest }
  })
  return {
    ...{ architecture: 'ensemble', formatVersion: 1, combine, members: [first!, ...rest] },
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

/** Different for each member, also at the end of the integers. */
const seedOf = (seed: number, index: number) => (Number.isSafeInteger(seed + index) ? seed + index : seed - index)

/** Says which member failed. A fault of the machine stays as it is. */
function ofMember(error: unknown, name: string): unknown {
  if (!(error instanceof SheikhError)) return error
  const { code, message, facts, retryable } = error
  const options: SheikhErrorOptions = { facts: { ...facts, member: name }, retryable, cause: error }
  return new SheikhError(code, `The member "${name}" of the ensemble: ${message}`, options)
}

const refusal = (fact: string, remedy: string) =>
  new SheikhError('invalid-options', `Cannot make the ensemble: ${fact}. ${remedy}.`)
