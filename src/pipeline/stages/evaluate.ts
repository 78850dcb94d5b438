import { join } from 'node:path'
import {
  type CallContext,
  type Digest,
  digestJson,
  identityOf,
  isDigest,
  isSheikhError,
  type Json,
  messageOf,
} from '../../core/index.js'
import {
  codesOf,
  type Evaluation,
  evaluate,
  measureLatency,
  readEvaluation,
  readPredictions,
  rememberingModel,
  writeEvaluation,
  writePredictions,
} from '../../evaluation/index.js'
import type { Evidence, Reference } from '../../gate/index.js'
import type { Model, Rows, WeightsDirectory } from '../../model/index.js'
import { type Bundle, type Release, weightsOf } from '../../releaser/index.js'
import { isStorageFault } from '../../store/index.js'
import type { Candidate, TrainerEnvironment } from '../../trainer/index.js'
import { type Key, stageKeyOf } from '../keys.js'
import { releasedAnswers } from '../released-answers.js'
import type { Session } from '../session.js'
import { findKept, keep, openKeptFiles } from '../stage-cache.js'

/** The evidence, and the digest of all evaluations in it. */
export interface Evaluated {
  readonly evidence: Evidence
  readonly digest: Digest
}

/** Scores the candidate, the released model and the best one on the same items. */
export function evaluateStage(
  session: Session,
  { candidate, bundle }: { readonly candidate: Candidate; readonly bundle: Bundle },
  rows: Rows<unknown, unknown>,
  releases: { readonly baseline?: Release | undefined; readonly best?: Release | undefined },
): Promise<Evaluated> {
  return session.stage('evaluate', async () => {
    const environment = await session.options.trainer.environment?.(session.context)
    const own = { name: 'candidate', weights: candidate.weights, prompts: inferencePrompts(bundle) }
    const scored = await score(session, own, rows, environment)
    const reference = async (release: Release | undefined) =>
      release === undefined ? undefined : scoreReference(session, release, rows, environment, scored.evaluation)
    const baseline = await reference(releases.baseline)
    const best = await reference(releases.best)
    await session.update({
      baseline: releases.baseline?.version,
      best: releases.best?.version,
      evaluations: { candidate: scored.files, baseline: baseline?.files, best: best?.files },
      metrics: Object.fromEntries(scored.evaluation.metrics.map(({ name, value }) => [name, value])),
    })
    const evidence: Evidence = {
      candidate: {
        weights: candidate.weights,
        record: candidate.record,
        evaluation: scored.evaluation,
        ...(session.options.gate.needs?.includes('latency') && {
          latenciesMs: await timed(session, candidate.weights, rows),
        }),
      },
      baseline: baseline?.reference,
      best: best?.reference,
    }
    const digest = digestJson({
      candidate: scored.digest,
      baseline: baseline?.identity ?? null,
      best: best?.identity ?? null,
    })
    return { value: { evidence, digest }, cached: scored.cached, key: scored.key }
  })
}

/** Scores one model alone: there is nothing to compare it with. */
export function scoreStage(session: Session, bundle: Bundle, rows: Rows<unknown, unknown>): Promise<Evaluation> {
  return session.stage('evaluate', async () => {
    const environment = await session.options.trainer.environment?.(session.context)
    const asked = { name: 'candidate', weights: weightsOf(bundle), prompts: inferencePrompts(bundle) }
    const { evaluation, files, cached, key } = await score(session, asked, rows, environment)
    const metrics = Object.fromEntries(evaluation.metrics.map(({ name, value }) => [name, value]))
    await session.update({ evaluations: { candidate: files }, metrics })
    return { value: evaluation, cached, key }
  })
}

async function scoreReference(
  session: Session,
  release: Release,
  rows: Rows<unknown, unknown>,
  environment: TrainerEnvironment | undefined,
  candidate: Evaluation,
): Promise<{ readonly reference: Reference; readonly identity: Json; readonly files?: Digest | undefined }> {
  const { version, bundle } = release
  try {
    const scored =
      (await scoredAtRelease(session, release, candidate)) ?? (await scoreNow(session, version, rows, environment))
    // The same rows: one copy of what is said of the items is enough.
    const { ids, groups, slices, targets } = candidate
    const evaluation = { ...scored.evaluation, ids, groups, slices, targets }
    const sameModel = evaluation.modelDigest === candidate.modelDigest
    return {
      reference: { version, bundle, evaluation, ...(sameModel && { sameModel }) },
      identity: { version, bundle, evaluation: scored.digest },
      files: scored.files,
    }
  } catch (error) {
    session.context.signal.throwIfAborted()
    // A full disk or a dead line is worth another run, and no person's approval.
    if (isSheikhError(error) ? error.retryable : isStorageFault(error)) throw error
    // Not a loss of the candidate and not a pass: the gate is told that the question has no answer.
    const unscorable = messageOf(error)
    session.warn(`The release ${version} could not be scored: ${unscorable}`, { version })
    return { reference: { version, bundle, unscorable }, identity: { version, bundle, unscorable } }
  }
}

async function scoreNow(
  session: Session,
  version: string,
  rows: Rows<unknown, unknown>,
  environment: TrainerEnvironment | undefined,
): Promise<Scored> {
  const directory = await session.folder(`release-${version}`)
  const opened = await session.options.releaser.open(version, directory, session.context)
  const asked = { name: version, weights: weightsOf(opened), prompts: inferencePrompts(opened) }
  return score(session, asked, rows, environment)
}

/**
 * The scores that the release keeps, if they are of these items and metrics. Another trainer than the one that made it may
 * not load it, or may read its inputs in another way and make it look worse than it is.
 */
async function scoredAtRelease(session: Session, release: Release, candidate: Evaluation): Promise<Scored | undefined> {
  const evaluation = await releasedAnswers(session, release, candidate)
  if (evaluation === undefined) return undefined
  const directory = await session.folder('scored')
  const digest = await writeEvaluation(join(directory, evaluationFile), evaluation, session.context)
  const files = await session.options.store.objects.putDirectory(directory, session.context)
  return { evaluation, digest, files, cached: true }
}

/** A model that fails on an input is said by its outcomes: here it was timed on nothing. */
async function timed(
  session: Session,
  weights: WeightsDirectory,
  rows: Rows<unknown, unknown>,
): Promise<readonly number[]> {
  await using model = await session.options.trainer.load(weights, session.context)
  try {
    return await measureLatency({ model, rows }, session.context)
  } catch (error) {
    session.context.signal.throwIfAborted()
    session.warn(`The candidate could not be timed: ${messageOf(error)}`)
    return []
  }
}

interface Scored {
  readonly evaluation: Evaluation
  /** Of the evaluation's file. */
  readonly digest: Digest
  /** The directory in the store that holds it. */
  readonly files?: Digest | undefined
  readonly cached: boolean
  readonly key?: Key | undefined
}

/** What is asked: weights, and the prompts that a model may use when it answers. */
interface Asked {
  /** Names the model in events: `candidate`, or the version of a release. */
  readonly name: string
  readonly weights: WeightsDirectory
  readonly prompts: readonly Json[]
}

export const evaluationFile = 'evaluation.safetensors'
const predictionsFile = 'predictions.safetensors'

/** What a bundle's models answer with, besides the weights. */
const inferencePrompts = ({ manifest }: Bundle): readonly Json[] =>
  manifest.files
    .filter(({ path }) => path.startsWith('prompts/inference/'))
    .map(({ path, digest }) => ({ path, digest }))

async function score(
  session: Session,
  { name, weights, prompts }: Asked,
  rows: Rows<unknown, unknown>,
  environment: TrainerEnvironment | undefined,
): Promise<Scored> {
  const { trainer, gate } = session.options
  const metrics = gate.metrics.map(identityOf)
  const scorer = { weights: weights.digest, prompts, trainer: identityOf(trainer), environment: environment ?? null }
  const versioned = scorer.trainer !== undefined
  // Answers do not depend on what is made of them: another metric asks no model again.
  const answersKey = versioned ? stageKeyOf({ kind: 'predict', ...scorer }) : undefined
  const key =
    versioned && metrics.every((metric) => metric !== undefined)
      ? stageKeyOf({ kind: 'evaluate', ...scorer, rows: rows.digest, metrics })
      : undefined
  const kept = await keptFile(session, key, evaluationFile, readEvaluation)
  if (kept !== undefined) return { evaluation: kept.value, digest: kept.digest, files: kept.files, cached: true, key }

  const known = await keptFile(session, answersKey, predictionsFile, readPredictions)
  const load = async () => {
    const loaded = await trainer.load(weights, session.context)
    return { ...askedBy(loaded), digest: modelDigest(loaded.digest, prompts) }
  }
  await using model = await rememberingModel(load, known?.value)
  const onProgress = evaluationProgress(session, name, rows.size)
  const evaluation = await evaluate({ model, rows, metrics: gate.metrics, onProgress }, session.context)
  const file = (path: string) => writeEvaluation(path, evaluation, session.context)
  const written = await keepFile(
    session,
    key !== undefined && isAnswered(evaluation) ? key : undefined,
    evaluationFile,
    file,
  )
  if (model.asked > 0)
    await keepFile(session, answersKey, predictionsFile, (path) =>
      writePredictions(path, model.answers(), session.context),
    )
  return { evaluation, ...written, cached: false, key }
}

/** At most a hundred events on the way, and one at the end. */
function evaluationProgress(session: Session, model: string, items: number): (done: number) => void {
  let told = 0
  return (done) => {
    if (done < items && done - told < items / 100) return
    told = done
    session.emit({ type: 'evaluate-progress', model, done, items })
  }
}

/** A model's digest covers the templates that it answers with: without any it is the model's own. */
const modelDigest = (model: Digest, prompts: readonly Json[]): Digest =>
  prompts.length === 0 ? model : digestJson({ model, prompts })

// A model may be an object of a class: its members are not its own, and would be lost in a copy.
const askedBy = (model: Model<unknown>): Omit<Model<unknown>, 'digest'> => ({
  predict: (inputs, context) => model.predict(inputs, context),
  [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
})

/** What failed for want of time or memory may work next time: such an evaluation is not kept. */
const isAnswered = ({ outcomes }: Evaluation) => [...codesOf(outcomes).names].every((outcome) => outcome === 'ok')

/** A file that an earlier run kept under this key; `undefined` where there is none, or it is damaged. */
const keptFile = <T>(
  session: Session,
  key: Key | undefined,
  name: string,
  read: (path: string, context: CallContext) => Promise<T>,
): Promise<{ readonly value: T; readonly digest: Digest; readonly files: Digest } | undefined> =>
  findKept(session, key, {
    lost: 'An evaluation kept from an earlier run is damaged or gone: scoring again.',
    async open({ value: digest, files }) {
      if (files === undefined || !isDigest(digest)) return undefined
      const directory = await openKeptFiles(session, files, 'kept')
      return { value: await read(join(directory, name), session.context), digest, files }
    },
  })

async function keepFile(
  session: Session,
  key: Key | undefined,
  name: string,
  write: (path: string) => Promise<Digest>,
): Promise<{ readonly digest: Digest; readonly files?: Digest | undefined }> {
  const directory = await session.folder('scored')
  const digest = await write(join(directory, name))
  if (key === undefined) return { digest }
  const files = await session.options.store.objects.putDirectory(directory, session.context)
  await keep(session, key, digest, files)
  return { digest, files }
}
