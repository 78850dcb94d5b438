// The second half of a run that ended with `until: 'verdict'`, perhaps on another machine. That machine had no secrets, and may
// be in the hands of somebody else: what its record says is a claim. The sources, the evaluation set, the scores of releases and
// the verdict come from here. What is believed is that the weights were trained from the sources, and that the predictions are
// theirs; `evaluate` makes the predictions again.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isSheikhError, type Json, SheikhError, toJson } from '../core/index.js'
import type { DatasetSnapshot } from '../dataset/index.js'
import { type Evaluation, readEvaluation } from '../evaluation/index.js'
import { checkWeights, rereadWeightsDirectory, type WeightsDirectory } from '../model/index.js'
import { payloadFolders, type Release } from '../releaser/index.js'
import type { Candidate } from '../trainer/index.js'
import { decide } from './decide.js'
import { firstDifference } from './keys.js'
import { keepRows } from './known-rows.js'
import { claimedMeasurement } from './measurement.js'
import { releasesIn, usableReleases } from './named-releases.js'
import { notAwaiting } from './not-awaiting.js'
import type { AwaitingRun, ReleaseOptions } from './options.js'
import { type PortableRun, runInFolder, storedRun } from './portable-run.js'
import { trainingPart } from './replay.js'
import { readRun, writeRun } from './run-records.js'
import type { RunRecord, RunResult, StageRecord } from './run-result.js'
import type { Session } from './session.js'
import { checkedValue, stagesOf } from './stage-values.js'
import { assembleBundle } from './stages/bundle.js'
import { evaluationFile } from './stages/score-model.js'
import { trainKey, usableBase } from './stages/train.js'
import { type Variant, variantsOf } from './variants.js'
import { versionOf } from './versioning.js'
import { endedBySource, type Known, readReleased, readSources, releasedBefore, type Sources } from './walk-start.js'

/** Decides again on the candidate of a run, and publishes it if the gate lets it through. */
export async function releaseRun(session: Session, named: AwaitingRun, options: ReleaseOptions): Promise<RunResult> {
  const { releaseAs } = options
  if (releaseAs !== undefined) versionOf({}, { level: 'patch' }, { used: [], releaseAs })
  const { context } = session
  const run =
    'directory' in named
      ? await runInFolder(named.directory, context)
      : await storedRun(session.options.store, named.runId)
  const { record } = run
  // One that was released already is found by its source key, and is up to date.
  if (!['awaiting-release', 'released', 'restored', 'up-to-date'].includes(record.status))
    throw notAwaiting('release', record.runId, record)
  await session.update({ evaluatedBy: record.runId })
  const released = await readReleased(session, {})
  checkCommit(session, record)
  const sources = await readSources(session)
  checkSources(session, record)
  checkRetrained(record, released.history, releasedBefore(released, sources.key, options))
  const ended = await endedBySource(session, released, sources.key, options)
  const result = ended ?? (await releaseCandidate(session, run, { sources, released }, options))
  await settle(session, record, result)
  return result
}

async function releaseCandidate(
  session: Session,
  run: PortableRun,
  { sources, released }: { readonly sources: Sources; readonly released: Known },
  { evaluate = false, releaseAs }: ReleaseOptions,
): Promise<RunResult> {
  const { record } = run
  if (record.bundle === undefined || record.candidate === undefined)
    throw new SheikhError(
      'release-conflict',
      `Cannot release the run ${record.runId}: it trained no model, because a release had it, and that release is no longer in the registry. Run again.`,
      { facts: { runId: record.runId } },
    )
  const { name } = record.candidate
  const variants = variantsOf(session.options)
  const variant = variants.find((one) => one.name === name)
  // Equal source keys, so the run had these candidates: its record was changed.
  if (variant === undefined) throw refused(record, `${shown(name)} is none of the candidates of this pipeline`)
  const snapshot = await sources.dataset.snapshot()
  await checkClaims(session, snapshot, released, { record, variant })
  const weights = await receivedWeights(session, run, record.bundle)
  const candidate: Candidate = { weights, record: session.hide(record.candidate.record) }
  const bundle = await assembleBundle(session, weights, sources.payload)
  if (bundle.digest !== record.bundle)
    throw refused(record, 'its bundle has other prompts or another schema than this checkout')
  const { weights: trained } = record.candidate
  const changesCandidate = session.options.stages?.some(({ writes }) => writes === 'candidate') ?? false
  if (!changesCandidate && trained !== weights.digest)
    throw refused(record, 'the weights that it trained are not those in its bundle')
  const made = { ...(name !== undefined && { name }), weights: trained, record: candidate.record }
  await session.update({
    candidate: made,
    bundle: bundle.digest,
    measured: claimedMeasurement(record),
    stages: [...session.record.stages, ...claimedStages(session, record, variant)],
  })
  if (evaluate || session.options.gate.needs?.includes('latency')) await refuseUnsafe(session, record, weights)
  const isTold = !evaluate || record.evaluations?.candidate !== undefined
  const told = isTold ? () => receivedEvaluation(session, run) : undefined
  // The other candidates are not here. Each was judged at a level divided by the number of all, so it does not matter which one
  // the other machine chose, or why.
  const decision = {
    ...{
      offers: [{ variant, candidate, bundle, made }] as const,
      names: name === undefined ? undefined : variants.map((one) => one.name!),
    },
    ...{ evaluation: snapshot.evaluation, key: sources.key, releaseAs, told, isAskedAgain: evaluate },
  }
  return decide(session, decision, released)
}

/** @throws `release-conflict` if this checkout is at another commit. */
function checkCommit({ record: here }: Session, { runId, commit, dirty }: RunRecord): void {
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('release-conflict', `Cannot release the run ${runId}: ${fact}. ${remedy}`, { facts: { runId } })
  if (dirty) throw refuse('it used uncommitted changes', 'Commit them and run again.')
  if (commit !== here.commit)
    throw refuse(
      `it used the commit ${shown(commit)}, and this checkout is at ${shown(here.commit)}`,
      'Check out the commit of the run, or run again.',
    )
}

/** @throws `release-conflict` that names the first input that differs. */
function checkSources(session: Session, { runId, sourceKey, sourceParts }: RunRecord): void {
  const here = session.record
  if (here.sourceKey === undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot release the run ${runId}: a part of this pipeline has no version, so its sources cannot be compared with those of the run. Give each part of your own a version.`,
    )
  if (sourceKey === here.sourceKey) return
  const difference = firstDifference(session.hide(sourceParts), here.sourceParts)
  const fact =
    difference === undefined
      ? 'its source key is not the key of its sources'
      : `${shown(difference.path)} was ${shown(difference.before)} there and is ${shown(difference.after)} here`
  throw new SheikhError(
    'release-conflict',
    `Cannot release the run ${runId}: it had other sources than this checkout: ${fact}. Use the same commit and the same versions of the packages, or run again.`,
    { facts: { runId, ...(difference !== undefined && { path: difference.path }) } },
  )
}

/**
 * A model that was trained again, on purpose, from released sources: to call it up to date would lose it, and the commit with it.
 *
 * @throws `release-conflict` if no release has the model.
 */
function checkRetrained(
  { runId, retrain = false, bundle }: RunRecord,
  history: readonly Release[],
  before: Release | undefined,
): void {
  if (!retrain || bundle === undefined || before === undefined) return
  if (history.some((release) => release.bundle === bundle)) return
  throw new SheikhError(
    'release-conflict',
    `Cannot release the run ${runId}: it trained another model from the sources of the release ${before.version}. To decide on it, use --retrain here too: sheikh release --retrain`,
    { facts: { runId, version: before.version } },
  )
}

/** How the candidate was made, as far as the sources tell: it goes into the release's record. */
async function checkClaims(
  session: Session,
  snapshot: DatasetSnapshot<unknown, unknown>,
  { history }: Known,
  { record, variant: { trainer, seed } }: { readonly record: RunRecord; readonly variant: Variant },
): Promise<void> {
  const made = record.candidate!.record
  const { rows, training, base } = await trainingPart(
    session,
    snapshot,
    history,
    await usableBase(session, snapshot, history),
    seed,
  )
  await usableReleases(session, snapshot, history, trainer)
  const here = {
    ...releasesIn(trainer),
    trainer: { name: trainer.name, version: trainer.version, describe: trainer.describe() },
    ...{ seed, base, trainingDigest: training.digest },
    developmentDigest: made.developmentDigest && snapshot.summary.developmentDigest,
  }
  const { trainer: by, seed: itsSeed, base: itsBase, releases, trainingDigest, developmentDigest } = made
  const there = { releases, trainer: by, seed: itsSeed, base: itsBase, trainingDigest, developmentDigest }
  const difference = firstDifference(toJson(session.hide(there)), toJson(session.hide(here)))
  if (difference !== undefined)
    throw refused(
      record,
      `it says that ${shown(difference.path)} of its model is ${shown(difference.before)}, and the sources say ${shown(difference.after)}`,
    )
  await keepRows(session, rows)
  if (snapshot.development !== undefined) await keepRows(session, snapshot.developmentRows)
}

/** The weights in a folder of their own, as a trainer leaves them. */
async function receivedWeights(session: Session, run: PortableRun, bundle: Digest): Promise<WeightsDirectory> {
  const directory = await session.folder('received')
  await opened(run, bundle, directory, session)
  // This checkout has its own, which must give the same bundle.
  for (const folder of payloadFolders) await rm(join(directory, folder), { recursive: true, force: true })
  return rereadWeightsDirectory(directory, session.context)
}

async function receivedEvaluation(session: Session, run: PortableRun): Promise<Evaluation> {
  const { record } = run
  const digest = record.evaluations?.candidate
  if (digest === undefined)
    throw new SheikhError(
      'release-conflict',
      `Cannot release the run ${record.runId}: it judged nothing, because its model was the current release then. Run again, or have the model scored here: sheikh release --evaluate`,
      { facts: { runId: record.runId } },
    )
  const directory = await session.folder('predicted')
  await opened(run, digest, directory, session)
  return readEvaluation(join(directory, evaluationFile), session.context)
}

async function opened(run: PortableRun, digest: Digest, directory: string, session: Session): Promise<void> {
  try {
    await run.open(digest, directory, session.context)
  } catch (error) {
    if (!isSheikhError(error, 'not-found') && !isSheikhError(error, 'artifact-corrupt')) throw error
    throw refused(run.record, 'a file of it is damaged or gone', error)
  }
}

/** A model that is loaded here must not run code here. @throws `release-rejected`. */
async function refuseUnsafe(session: Session, { runId }: RunRecord, weights: WeightsDirectory): Promise<void> {
  const unsafe = (await checkWeights(weights, session.context)).find((problem) => problem.unsafe)
  if (unsafe === undefined) return
  throw new SheikhError(
    'release-rejected',
    `Cannot load the model of the run ${runId}: ${JSON.stringify(unsafe.file)} ${unsafe.problem}. Release models in a format without code, such as safetensors.`,
    { facts: { runId, file: unsafe.file } },
  )
}

/** The training, if its key is of these sources, and what this pipeline's stages before the release returned there. */
function claimedStages(session: Session, run: RunRecord, variant: Variant): readonly StageRecord[] {
  const { candidate } = run
  const { options, record } = session
  const before = options.stages?.filter(({ reads }) => !reads.includes('release')) ?? []
  const names = new Set(before.map(({ name }) => name))
  // A program tells its environment only after the training, and its key has none.
  const keys = [candidate!.record.environment, undefined].map(
    (environment) => trainKey({ ...variant, base: options.base }, record.dataset!, environment)?.digest,
  )
  return stagesOf(run).flatMap(({ name, durationMs, key, value }): readonly StageRecord[] => {
    const told = { name, cached: true, durationMs }
    if (name === 'train' && key !== undefined && keys.includes(key)) return [{ ...told, key }]
    return value === undefined || !names.has(name) ? [] : [{ ...told, value: checkedValue(name, value) }]
  })
}

/** A run of this store that is released awaits nothing more. A held one may be decided on again. */
async function settle({ options: { store } }: Session, { runId, bundle }: RunRecord, result: RunResult): Promise<void> {
  if (!('release' in result) || result.status === 'held') return
  const kept = await readRun(store, runId)
  if (kept?.status !== 'awaiting-release' || kept.bundle !== bundle) return
  await writeRun(store, { ...kept, status: result.status, version: result.release.version })
}

const refused = ({ runId }: RunRecord, fact: string, cause?: unknown): SheikhError =>
  new SheikhError('artifact-corrupt', `Cannot release the run ${runId}: ${fact}. Run again.`, {
    facts: { runId },
    ...(cause !== undefined && { cause }),
  })

/** A value from a record that anybody may have written, in a sentence. */
function shown(value: Json | undefined): string {
  const text = value === undefined ? 'none' : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
