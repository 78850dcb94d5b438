// From a candidate to a result: scored, judged, and published if the gate lets it through.
import { join } from 'node:path'
import { canonicalJson, type Digest, digestJson, isSheikhError } from '../core/index.js'
import { type Evaluation, writeEvaluation } from '../evaluation/index.js'
import type { Evidence, Verdict } from '../gate/index.js'
import type { Prediction, Rows } from '../model/index.js'
import type { Bundle, ReleaseRecord } from '../releaser/index.js'
import type { Candidate } from '../trainer/index.js'
import { bestRelease, latestReleaseOf } from './lookup.js'
import { measurementOf } from './measurement.js'
import type { RunOptions } from './options.js'
import { publish } from './publish.js'
import { recover } from './recovery.js'
import { answersOf } from './released-answers.js'
import { trainingOf } from './released-weights.js'
import type { RunResult } from './run-result.js'
import type { Session } from './session.js'
import { stageValues } from './stage-values.js'
import { evaluateStage } from './stages/evaluate.js'
import { gateStage } from './stages/gate.js'
import type { HostStages } from './stages/host.js'
import { isOvertaken, noteSource } from './stages/release.js'
import { evaluationFile } from './stages/score-model.js'
import type { Known } from './walk-start.js'

/** A candidate, and what it is judged on. */
export interface Offer extends Pick<RunOptions, 'until' | 'releaseAs'> {
  readonly candidate: Candidate
  readonly bundle: Bundle
  readonly evaluation: Rows<unknown, unknown>
  readonly key: Digest | undefined
  /** The host's stages of this run. Absent: they ran on another machine, and only those that need the release run here. */
  readonly host?: HostStages | undefined
  /** What the candidate predicted on another machine. Absent: it is asked here. */
  readonly told?: (() => Promise<Evaluation>) | undefined
  /** Asks the candidate here all the same, and warns if it answers otherwise. @default false */
  readonly isAskedAgain?: boolean | undefined
}

/** Judges a candidate and publishes it if the gate lets it through. */
export async function decide(session: Session, offer: Offer, known: Known): Promise<RunResult> {
  const { runId } = session
  const { bundle, key, until } = offer
  const { history, current } = known
  if (bundle.digest === current?.bundle) {
    if (until !== undefined) {
      await keepBundle(session, bundle)
      return { runId, status: 'awaiting-release', identicalTo: current.version }
    }
    await noteSource(session, current, key)
    return { runId, status: 'up-to-date', release: current }
  }
  const last = latestReleaseOf(history, bundle.digest)
  if (last?.withdrawn !== undefined) return { runId, status: 'held', reason: 'withdrawn', release: last }
  return decideAgainstCurrent(session, known, (against) => judge(session, offer, against))
}

async function judge(session: Session, offer: Offer, known: Known): Promise<RunResult> {
  const { runId } = session
  const { candidate, bundle, evaluation, key, host, isAskedAgain = false, until, releaseAs } = offer
  const told = await offer.told?.()
  const { evidence, digest } = await evaluateStage(
    session,
    { candidate, bundle },
    evaluation,
    referencesOf(session, known),
    isAskedAgain ? undefined : told,
  )
  const evaluations = { ...evidence, candidate: evidence.candidate.evaluation }
  if (isAskedAgain && told !== undefined) warnOfOtherAnswers(session, told, evaluations.candidate)
  await host?.add('evaluations', { value: evaluations }, digest)
  const isPreliminary = until !== undefined
  const verdict = await gateStage(session, evidence, { bundle: bundle.digest, current: known.current, isPreliminary })
  await host?.add('verdict', { value: verdict }, digestJson(verdict))
  if (isPreliminary) return awaitRelease(session, bundle, evaluations.candidate, verdict)
  const held = await heldBack(session, verdict, bundle)
  if (held !== undefined) return held
  const answers = await answersOf(session, evaluations.candidate)
  const record = { ...releaseRecord(session, evidence, verdict), ...(answers !== undefined && { answers }) }
  const request = { bundle, history: known.history, decidedAgainst: known.current?.version, sourceKey: key, record }
  const release = await publish(session, { ...request, releaseAs }, host)
  return { runId, status: 'released', release, verdict }
}

/** Two devices may round differently: many other answers tell that the predictions were of another model. */
function warnOfOtherAnswers(session: Session, told: Evaluation, here: Evaluation): void {
  let others = 0
  for (let index = 0; index < here.ids.length; index += 1)
    if (answerOf(told.predictions.at(index)) !== answerOf(here.predictions.at(index))) others += 1
  if (others === 0) return
  const items = here.ids.length
  session.warn(
    `The model predicts otherwise here than on the machine that trained it: ${others} of ${items} items. What it predicts here decides.`,
    { items, others },
  )
}

const answerOf = (prediction: Prediction | null | undefined): string =>
  prediction?.kind === 'label' ? `label ${prediction.label}` : canonicalJson(prediction ?? null)

// Another machine may release again and again; each time costs a comparison of answers that are stored.
const decisions = 5

/** Decides again if another machine published a release since: what was decided was about an earlier one. */
async function decideAgainstCurrent(
  session: Session,
  known: Known,
  judgeAgainst: (known: Known) => Promise<RunResult>,
): Promise<RunResult> {
  for (let count = 1; ; count += 1) {
    try {
      return await judgeAgainst(known)
    } catch (error) {
      // What fails after the publication, such as a stage of the host's, is no reason to publish again.
      const published = session.record.version !== undefined
      if (!isSheikhError(error, 'release-conflict') || count === decisions || published) throw error
      // Finishes the release of a machine that published it and has not moved the channel yet.
      const { history } = await recover(session)
      const current = await session.options.releaser.current(session.channel, session.context)
      const isOwn = current?.record.runId === session.runId
      if (isOwn || (!isOvertaken(error) && current?.version === known.current?.version)) throw error
      session.warn(`${error.message} The candidate is compared with ${current?.version ?? 'nothing'} now.`)
      known = { history, current }
    }
  }
}

function referencesOf(session: Session, { history, current }: Known) {
  const baseline = current?.withdrawn === undefined ? current : undefined
  return { baseline, best: bestRelease(history, session.options.gate, baseline) }
}

/** Keeps what another machine needs to decide again, whatever the verdict was: that machine writes the ledger. */
async function awaitRelease(
  session: Session,
  bundle: Bundle,
  evaluation: Evaluation,
  verdict: Verdict,
): Promise<RunResult> {
  await keepBundle(session, bundle)
  const { evaluations } = session.record
  // An evaluation with a timeout or a crash is not cached.
  if (evaluations?.candidate === undefined) {
    const directory = await session.folder('judged')
    await writeEvaluation(join(directory, evaluationFile), evaluation, session.context)
    const candidate = await session.options.store.objects.putDirectory(directory, session.context)
    await session.update({ evaluations: { ...evaluations, candidate } })
  }
  return { runId: session.runId, status: 'awaiting-release', verdict }
}

const keepBundle = ({ options, context }: Session, bundle: Bundle) =>
  options.store.objects.putDirectory(bundle.directory, context, bundle)

/** The end of a run that the gate did not let through; `undefined` where it did. */
async function heldBack(session: Session, verdict: Verdict, bundle: Bundle): Promise<RunResult | undefined> {
  const { runId } = session
  if (verdict.status === 'pass') return undefined
  if (verdict.status === 'inconclusive' && verdict.whenInconclusive === 'release') return undefined
  // Kept, since a person may release it all the same.
  await keepBundle(session, bundle)
  if (verdict.status === 'fail') return { runId, status: 'held', reason: 'fail', verdict }
  if (verdict.whenInconclusive === 'hold') return { runId, status: 'held', reason: 'inconclusive', verdict }
  return { runId, status: 'awaiting-approval', verdict }
}

function releaseRecord(session: Session, evidence: Evidence, verdict: Verdict): Partial<ReleaseRecord> {
  return {
    metrics: session.record.metrics,
    evaluationDigest: evidence.candidate.evaluation.evaluationDigest,
    verdict,
    policy: session.record.policy,
    candidate: evidence.candidate.record,
    training: trainingOf(session.record),
    dataset: session.record.dataset,
    measured: measurementOf(session.record),
    source: session.record.source,
    stages: stageValues(session.record.stages),
  }
}
