import { fits, identityOf, SheikhError, toJson } from '../../core/index.js'
import type { DatasetSnapshot, DatasetSummary } from '../../dataset/index.js'
import { type Rows, rereadWeightsDirectory, type WeightsDirectory } from '../../model/index.js'
import type { Release } from '../../releaser/index.js'
import {
  type Candidate,
  candidateRecordShape,
  type FitContext,
  type FitRequest,
  type Trainer,
  type TrainerEnvironment,
  type TrainProgress,
} from '../../trainer/index.js'
import { checkFitted } from '../check-fitted.js'
import { checkUnseen } from '../check-leakage.js'
import { type Key, stageKeyOf } from '../keys.js'
import { keepRows } from '../known-rows.js'
import { machineOf } from '../measurement.js'
import { baseParts, type FoundBase, findBase, openBase, warnOfAncestor } from '../named-base.js'
import { openReleases, releasesIn, usableReleases } from '../named-releases.js'
import type { PipelineOptions } from '../options.js'
import { releasedCandidate } from '../released-weights.js'
import { type TrainingPart, trainingPart } from '../replay.js'
import type { Session } from '../session.js'
import { findKept, keep, openKeptFiles } from '../stage-cache.js'
import { type Variant, variantsOf } from '../variants.js'

/** The key of training: all that decides the weights. `undefined` where the trainer has no version. */
export function trainKey(
  { trainer, seed = 0, base }: Pick<PipelineOptions<never, never>, 'trainer' | 'seed' | 'base'>,
  { trainingDigest, developmentDigest }: Pick<DatasetSummary, 'trainingDigest' | 'developmentDigest'>,
  environment: TrainerEnvironment | undefined,
): Key | undefined {
  const identity = identityOf(trainer)
  if (identity === undefined) return undefined
  return stageKeyOf({
    kind: 'train',
    // All rows: which of them take part follows from them, the base and the seed.
    training: trainingDigest,
    ...(developmentDigest !== undefined && { development: developmentDigest }),
    trainer: identity,
    seed,
    environment: environment ?? null,
    ...baseParts(base),
  })
}

/** What decides which model a run trains, besides the pipeline and its samples. */
export interface TrainingsOfRun {
  readonly forced: boolean
  readonly history: readonly Release[]
  /** Finds what `usableBase` finds. */
  readonly base: () => Promise<FoundBase | undefined>
}

/** A training that may begin, or the candidate that an earlier one made. */
export interface PreparedTraining {
  readonly variant: Variant
  readonly key: Key | undefined
  /** Absent: it has to be trained. */
  readonly known?: Candidate | undefined
  /** Absent if it is known. */
  readonly request?: FitAndKeepRequest | undefined
}

/** Looks for the candidate of a variant, and opens what its training needs if there is none. */
export async function prepareTraining(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  { forced, history, base }: TrainingsOfRun,
  variant: Variant,
): Promise<PreparedTraining> {
  // Before the cache: what was made of a release that is withdrawn since is not offered again.
  const found = await base()
  const parts = await usableReleases(session, snapshot, history, variant.trainer)
  const environment = await variant.trainer.environment?.(session.context)
  const key = trainKey({ ...variant, base: session.options.base }, snapshot.summary, environment)
  const kept = key === undefined || forced ? undefined : await cachedCandidate(session, key)
  if (kept !== undefined) return { variant, key, known: kept }
  const released = key === undefined || forced ? undefined : await releasedCandidate(session, key.digest, history)
  if (released !== undefined) {
    await keepCandidate(session, key!, released)
    // As after a training: a later base needs them. A share of the rows is found out from the commits then.
    if (found === undefined || found.named.replayShare === 1) await keepRows(session, snapshot.trainingRows)
    if (snapshot.development !== undefined) await keepRows(session, snapshot.developmentRows)
    return { variant, key, known: released }
  }

  const part = await trainingPart(session, snapshot, history, found, variant.seed)
  const { development } = snapshot
  if (development !== undefined) await keepRows(session, snapshot.developmentRows)
  const weights = found && (await openBase(session, found))
  const releases = await openReleases(session, history, parts)
  // A forced training shows that it can be made from nothing.
  return { variant, key, request: { ...part, variant, development, weights, ...releases, isResumed: !forced } }
}

/** What a training stage ends with. */
export type Trained = Awaited<ReturnType<typeof fitAndKeep>>

/** Trains what was prepared, unless it is known. @param how.elsewhere trains it on a worker. */
export async function trainPrepared(
  session: Session,
  { key, known, request }: PreparedTraining,
  how: { readonly elsewhere?: FitElsewhere; readonly signal?: AbortSignal } = {},
): Promise<Trained> {
  if (known !== undefined) return { value: known, cached: true, key, resumed: false }
  return fitAndKeep(session, key, { ...request!, ...how })
}

export function trainStage(session: Session, { name }: Variant, train: () => Promise<Trained>): Promise<Candidate> {
  return session.stage('train', train, name).then(async (candidate) => {
    await session.update({
      candidate: { ...(name !== undefined && { name }), weights: candidate.weights.digest, record: candidate.record },
      machine: session.options.machine ?? machineOf(candidate.record.environment),
    })
    return candidate
  })
}

/** Trains rows from scratch, or finds the weights of an earlier training with the same key. */
export function trainRows(
  session: Session,
  stage: string,
  { training, development }: Pick<FitRequest<unknown, unknown>, 'training' | 'development'>,
): Promise<Candidate> {
  checkFromScratch(session.options.trainer)
  return session.stage(stage, async () => {
    const digests = { trainingDigest: training.digest, developmentDigest: development?.digest }
    const environment = await session.options.trainer.environment?.(session.context)
    const key = trainKey(session.options, digests, environment)
    const kept = key === undefined ? undefined : await cachedCandidate(session, key)
    if (kept !== undefined) return { value: kept, cached: true, key }
    return fitAndKeep(session, key, { training, development, isResumed: true })
  })
}

/** A release may know the rows that the model is judged on here, which are not those of the evaluation set. */
function checkFromScratch({ name, releases = [] }: PipelineOptions<never, never>['trainer']): void {
  const [first] = releases
  if (first === undefined) return
  throw new SheikhError(
    'invalid-options',
    `Cannot train the trainer "${name}" on a part of the rows: its release ${first.version} may be trained on the rows that the model is judged on. Use a trainer without releases.`,
    { facts: { version: first.version } },
  )
}

/** Trains on another machine or in another process. `kept`: an interrupted run had finished it. */
export type FitElsewhere = (directory: string, context: FitContext) => Promise<Candidate & { readonly kept: boolean }>

type FitAndKeepRequest = Omit<FitParts, 'directory' | 'checkpoints' | 'watch' | 'trainBy'> &
  Partial<Pick<TrainingPart, 'rows'>> & { readonly isResumed: boolean }

/** Trains, from a checkpoint if a training with this key was interrupted, and keeps the weights. */
async function fitAndKeep(
  session: Session,
  key: Key | undefined,
  { isResumed, rows, elsewhere, ...request }: FitAndKeepRequest & { readonly elsewhere?: FitElsewhere | undefined },
) {
  const { checkpoints } = session.options.store
  const directory = await session.folder('weights')
  // A training elsewhere has checkpoints of its own.
  const folder = key === undefined || !isResumed || elsewhere ? undefined : await checkpoints?.folder(key.digest)
  let resumed = false
  const watch = (progress: TrainProgress) => {
    resumed ||= progress.resumedFrom !== undefined
  }
  const trainBy =
    elsewhere &&
    (async ({ directory }: FitRequest<unknown, unknown>, context: FitContext) => {
      const { kept, ...candidate } = await elsewhere(directory, context)
      resumed ||= kept
      return candidate
    })
  const candidate = await fitInto(session, { ...request, directory, checkpoints: folder, watch, trainBy })
  // First: a candidate that is kept is not trained again.
  if (rows !== undefined) await keepRows(session, rows)
  await keepCandidate(session, key, candidate)
  if (key !== undefined && elsewhere === undefined) await checkpoints?.remove(key.digest)
  return { value: candidate, cached: false, key, resumed }
}

/** The base that the options name. @throws as `findBase`, and as `checkUnseen` if it was trained on items of the evaluation set. */
export async function usableBase(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  history: readonly Release[],
): Promise<FoundBase | undefined> {
  const { base } = session.options
  if (base === undefined) return undefined
  const found = findBase(history, base)
  warnOfAncestor(session, history, found.release, {
    subject: `The base ${base.version}`,
    remedy: 'Name another, or train from scratch.',
  })
  await checkUnseen(session, snapshot, history, found)
  return found
}

interface FitParts extends Omit<TrainingPart, 'rows'> {
  readonly development?: Rows<unknown, unknown> | undefined
  readonly directory: string
  readonly checkpoints?: string | undefined
  /** Those of the base. */
  readonly weights?: WeightsDirectory | undefined
  readonly releases?: FitRequest<unknown, unknown>['releases']
  readonly watch?: ((progress: TrainProgress) => void) | undefined
  /** @default the candidate of the option `trainer` */
  readonly variant?: Variant | undefined
  /** @default that of the variant's trainer */
  readonly trainBy?: Trainer<unknown, unknown>['fit'] | undefined
  /** @default that of the run */
  readonly signal?: AbortSignal | undefined
}

/** Has the trainer train, and says how far it is. */
export async function fitInto(session: Session, { training, base, weights, ...request }: FitParts): Promise<Candidate> {
  const { development, directory, checkpoints, releases, watch, variant = variantsOf(session.options)[0]! } = request
  const { name, trainer, seed } = variant
  const { trainBy = trainer.fit.bind(trainer), signal = session.context.signal } = request
  const modelContext = await session.modelContext()
  const fitted = await trainBy(
    {
      ...{ training, seed, directory },
      ...(development !== undefined && { development }),
      ...(checkpoints !== undefined && { checkpoints }),
      ...(weights !== undefined && { base: weights }),
      ...(releases !== undefined && { releases }),
    },
    {
      ...modelContext,
      signal,
      progress(progress) {
        watch?.(progress)
        session.emit({ type: 'train-progress', ...(name !== undefined && { candidate: name }), ...progress })
      },
    },
  )
  signal.throwIfAborted()
  // Which release it was the trainer was not told. As JSON: a member without a value is absent.
  const record = session.hide({ ...fitted?.record, ...(base !== undefined && { base }), ...releasesIn(trainer) })
  checkFitted(trainer, fitted, record)
  // Whatever the trainer says of its weights, what counts is what is in the folder.
  return {
    weights: await rereadWeightsDirectory(fitted.weights.path, session.context),
    record,
  }
}

/** Without a key, only the files are kept. */
async function keepCandidate(session: Session, key: Key | undefined, { weights, record }: Candidate): Promise<void> {
  const { path, manifest } = weights
  const files = await session.options.store.objects.putDirectory(path, session.context, { manifest })
  if (key !== undefined) await keep(session, key, toJson(record), files)
}

/** The candidate under this key. A damaged one is said and made anew. */
const cachedCandidate = (session: Session, key: Key): Promise<Candidate | undefined> =>
  findKept(session, key, {
    lost: 'The weights kept from an earlier run are damaged or gone: training again.',
    async open({ value: record, files }) {
      if (files === undefined || !fits(candidateRecordShape, record)) return undefined
      const directory = await openKeptFiles(session, files, 'weights')
      return { weights: await rereadWeightsDirectory(directory, session.context), record }
    },
  })
