import { join } from 'node:path'
import { canonicalJson, type Digest, digestJson, isSheikhError, type Json, messageOf } from '../../core/index.js'
import { type Evaluation, measureLatency, rescore, writeEvaluation } from '../../evaluation/index.js'
import type { Evidence, Reference } from '../../gate/index.js'
import type { Rows, WeightsDirectory } from '../../model/index.js'
import { type Bundle, type Release, weightsOf } from '../../releaser/index.js'
import { isStorageFault } from '../../store/index.js'
import type { Candidate, Trainer, TrainerEnvironment } from '../../trainer/index.js'
import { isOfWorkers } from '../evaluate-in-shards.js'
import { releasedAnswers } from '../released-answers.js'
import type { Session } from '../session.js'
import { type Variant, variantOf } from '../variants.js'
import { evaluationFile, inferencePrompts, type Scored, score } from './score-model.js'

/** The evidence, and the digest of all evaluations in it. */
export interface Evaluated {
  readonly evidence: Evidence
  readonly digest: Digest
}

/**
 * Scores the candidate, the released model and the best one on the same items.
 *
 * @param told the candidate's predictions from another machine, whose scores are computed here. Absent: the candidate is loaded
 *   and asked here.
 */
export function evaluateStage(
  session: Session,
  { candidate, bundle, variant }: { readonly candidate: Candidate; readonly bundle: Bundle; readonly variant: Variant },
  rows: Rows<unknown, unknown>,
  releases: { readonly baseline?: Release | undefined; readonly best?: Release | undefined },
  told?: Evaluation,
): Promise<Evaluated> {
  const { trainer } = variant
  const work = async () => {
    // On demand: a machine that only computes scores may lack the device of the trainer.
    const asked = new Map<AnyTrainer, Promise<TrainerEnvironment | undefined>>()
    const environment = (of: AnyTrainer) => {
      const known = asked.get(of) ?? Promise.resolve(of.environment?.(session.context))
      asked.set(of, known)
      return known
    }
    const name = variant.name === undefined ? 'candidate' : `candidate ${variant.name}`
    const own = { name, weights: candidate.weights, prompts: inferencePrompts(bundle), trainer }
    const scored =
      told === undefined
        ? await score(session, own, rows, await environment(trainer))
        : await scoreTold(session, told, rows)
    const isSame = (release: Release, modelDigest: Digest, isKept: boolean) =>
      modelDigest === scored.evaluation.modelDigest &&
      ((told === undefined && !isKept) || hasSameFiles(release, bundle))
    const reference = async (release: Release | undefined) =>
      release === undefined ? undefined : scoreReference(session, release, rows, environment, scored.evaluation, isSame)
    const baseline = await reference(releases.baseline)
    const best = await reference(releases.best)
    const isDisguised = [baseline?.reference, best?.reference].some(
      (one) =>
        one !== undefined &&
        'evaluation' in one &&
        one.evaluation.modelDigest === scored.evaluation.modelDigest &&
        !one.sameModel,
    )
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
        // Under the digest of a release with other files it would not be compared with that. Bundles differ if files do.
        evaluation: isDisguised ? { ...scored.evaluation, modelDigest: bundle.digest } : scored.evaluation,
        ...(session.options.gate.needs?.includes('latency') && {
          latenciesMs: await timed(session, candidate.weights, rows, trainer),
        }),
      },
      baseline: isDisguised ? underBundle(baseline?.reference) : baseline?.reference,
      best: isDisguised ? underBundle(best?.reference) : best?.reference,
    }
    const digest = digestJson({
      candidate: scored.digest,
      baseline: baseline?.identity ?? null,
      best: best?.identity ?? null,
    })
    return { value: { evidence, digest }, cached: scored.cached, key: scored.key }
  }
  return session.stage('evaluate', work, variant.name)
}

type AnyTrainer = Trainer<unknown, unknown>

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
  environment: (trainer: AnyTrainer) => Promise<TrainerEnvironment | undefined>,
  candidate: Evaluation,
  isSame: (release: Release, modelDigest: Digest, isKept: boolean) => boolean,
): Promise<{ readonly reference: Reference; readonly identity: Json; readonly files?: Digest | undefined }> {
  const { version, bundle } = release
  try {
    const kept = await scoredAtRelease(session, release, candidate)
    const scored = kept ?? (await scoreNow(session, release, rows, environment))
    // The same rows: one copy of what is said of the items is enough.
    const { ids, groups, slices, targets } = candidate
    const evaluation = { ...scored.evaluation, ids, groups, slices, targets }
    const sameModel = isSame(release, evaluation.modelDigest, kept !== undefined)
    return {
      reference: { version, bundle, evaluation, ...(sameModel && { sameModel }) },
      identity: { version, bundle, evaluation: scored.digest },
      files: scored.files,
    }
  } catch (error) {
    session.context.signal.throwIfAborted()
    // A full disk, a dead line or a worker that cannot start is worth another run, and no person's approval.
    if (isSheikhError(error) ? error.retryable || isOfWorkers(error) : isStorageFault(error)) throw error
    // Not a loss of the candidate and not a pass: the gate is told that the question has no answer.
    const unscorable = messageOf(error)
    session.warn(`The release ${version} could not be scored: ${unscorable}`, { version })
    return { reference: { version, bundle, unscorable }, identity: { version, bundle, unscorable } }
  }
}

/** Scores what another machine's run predicted. */
async function scoreTold(session: Session, told: Evaluation, rows: Rows<unknown, unknown>): Promise<Scored> {
  const { gate, store } = session.options
  const evaluation = await rescore({ evaluation: told, rows, metrics: gate.metrics }, session.context)
  const directory = await session.folder('scored')
  const digest = await writeEvaluation(join(directory, evaluationFile), evaluation, session.context)
  const files = await store.objects.putDirectory(directory, session.context)
  return { evaluation, digest, files, cached: true }
}

const underBundle = (reference: Reference | undefined): Reference | undefined =>
  reference === undefined || 'unscorable' in reference || reference.sameModel
    ? reference
    : { ...reference, evaluation: { ...reference.evaluation, modelDigest: reference.bundle } }

/** Another machine may have told the digest, of the candidate or of a release: two models are the same only if their files are. */
function hasSameFiles({ bundle: digest, manifest }: Release, candidate: Bundle): boolean {
  const released = { digest, manifest, directory: '' }
  return (
    weightsOf(released).digest === weightsOf(candidate).digest &&
    canonicalJson(inferencePrompts(released)) === canonicalJson(inferencePrompts(candidate))
  )
}

async function scoreNow(
  session: Session,
  { version, record }: Release,
  rows: Rows<unknown, unknown>,
  environment: (trainer: AnyTrainer) => Promise<TrainerEnvironment | undefined>,
): Promise<Scored> {
  const { trainer } = variantOf(session.options, record.candidate)
  const directory = await session.folder(`release-${version}`)
  const opened = await session.options.releaser.open(version, directory, session.context)
  const asked = { name: version, weights: weightsOf(opened), prompts: inferencePrompts(opened), trainer }
  return score(session, asked, rows, await environment(trainer))
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
export async function timed(
  session: Session,
  weights: WeightsDirectory,
  rows: Rows<unknown, unknown>,
  trainer: AnyTrainer = session.options.trainer,
): Promise<readonly number[]> {
  await using model = await trainer.load(weights, await session.modelContext())
  try {
    return await measureLatency({ model, rows }, session.context)
  } catch (error) {
    session.context.signal.throwIfAborted()
    session.warn(`The candidate could not be timed: ${messageOf(error)}`)
    return []
  }
}
