import { digestJson, isSheikhError } from '../core/index.js'
import { type Evidence, foreseenText, type Verdict } from '../gate/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import { type Bundle, endedOverride, type Release, type ReleaseRecord } from '../releaser/index.js'
import { foreseen } from './foresee.js'
import { bestRelease, findBySource, isRemoved, latestReleaseOf } from './lookup.js'
import { checkReleasesPresent } from './missing-releases.js'
import type { RunOptions } from './options.js'
import { askProvenance, recordProvenance } from './provenance.js'
import { publish } from './publish.js'
import { recover } from './recovery.js'
import { answersOf } from './released-answers.js'
import { trainingOf } from './released-weights.js'
import { restore } from './restore.js'
import type { RunResult } from './run-result.js'
import type { Session } from './session.js'
import { recordSourceKey } from './source.js'
import { stageValues } from './stage-values.js'
import { assembleBundle } from './stages/bundle.js'
import { evaluateStage } from './stages/evaluate.js'
import { gateStage } from './stages/gate.js'
import { HostStages } from './stages/host.js'
import { isOvertaken, noteSource } from './stages/release.js'
import { trainStage } from './stages/train.js'
import { validateStage } from './stages/validate.js'
import { versionOf } from './versioning.js'

/** The whole road, once: validate, train, evaluate, decide, release. */
export async function walk(session: Session, options: RunOptions): Promise<RunResult> {
  const { runId, channel } = session
  const { releaser } = session.options
  const { releaseAs } = options
  // A name that is no version is known before an hour of training.
  if (releaseAs !== undefined) versionOf({}, { level: 'patch' }, { used: [], releaseAs })
  const { provenance, value } = await askProvenance(session, async () => {
    const recovered = await recover(session)
    checkReleasesPresent(session, recovered)
    return recovered
  })
  await recordProvenance(session, provenance, options)
  const { history, entries } = value
  const current = await releaser.current(channel, session.context)
  warnOfEndedOverride(session, current)

  const { dataset, payload } = await validateStage(session)
  const key = await recordSourceKey(session, dataset.summary, payload)
  const known = options.retrain || key === undefined ? undefined : findBySource(entries, history, key, current)
  if (known !== undefined && !isRemoved(known)) {
    if (known.version === current?.version) return { runId, status: 'up-to-date', release: known }
    if (known.withdrawn !== undefined) return { runId, status: 'held', reason: 'withdrawn', release: known }
    return restore(session, { release: known, history, decidedAgainst: current?.version, sourceKey: key, releaseAs })
  }

  // An hour of training for a candidate that will be refused is worth a line before it.
  for (const finding of await foreseen(session.options))
    session.warn(foreseenText(finding), { check: finding.check, reason: finding.reason })
  const host = new HostStages(session)
  const snapshot = await dataset.snapshot()
  const { summary, training, evaluation } = snapshot
  await host.add('dataset', { value: summary, training, evaluation }, digestJson(summary))
  const trained = await trainStage(session, snapshot, { forced: options.retrain ?? false, history })
  const offered = await host.add(
    'candidate',
    { value: trained.record, files: trained.weights.path },
    digestJson({ value: trained.record, files: trained.weights.digest }),
  )
  const changed = offered.files !== trained.weights.path
  const candidate = changed
    ? { ...trained, weights: await rereadWeightsDirectory(offered.files, session.context) }
    : trained
  const bundle = await assembleBundle(session, candidate.weights, payload)
  await session.update({ bundle: bundle.digest })

  if (bundle.digest === current?.bundle) {
    await noteSource(session, current, key)
    return { runId, status: 'up-to-date', release: current }
  }
  const last = latestReleaseOf(history, bundle.digest)
  if (last?.withdrawn !== undefined) return { runId, status: 'held', reason: 'withdrawn', release: last }

  const judge = async (known_: Known): Promise<RunResult> => {
    const evaluated = await evaluateStage(session, { candidate, bundle }, evaluation, referencesOf(session, known_))
    const { evidence } = evaluated
    const evaluations = { ...evidence, candidate: evidence.candidate.evaluation }
    await host.add('evaluations', { value: evaluations }, evaluated.digest)
    const verdict = await gateStage(session, evidence, { bundle: bundle.digest, current: known_.current })
    await host.add('verdict', { value: verdict }, digestJson(verdict))
    const held = await heldBack(session, verdict, bundle)
    if (held !== undefined) return held
    const answers = await answersOf(session, evidence.candidate.evaluation)
    const record = { ...releaseRecord(session, evidence, verdict), ...(answers !== undefined && { answers }) }
    const request = { bundle, history: known_.history, decidedAgainst: known_.current?.version, sourceKey: key, record }
    const release = await publish(session, { ...request, releaseAs }, host)
    return { runId, status: 'released', release, verdict }
  }
  return judgeAgainstCurrent(session, { history, current }, judge)
}

/** What is released, as a decision sees it. */
interface Known {
  readonly history: readonly Release[]
  readonly current: Release | undefined
}

// Another machine may release again and again; each time costs a comparison of answers that are stored.
const decisions = 5

/** Decides again if another machine published a release since: what was decided was about an earlier one. */
async function judgeAgainstCurrent(
  session: Session,
  known: Known,
  judge: (known: Known) => Promise<RunResult>,
): Promise<RunResult> {
  for (let count = 1; ; count += 1) {
    try {
      return await judge(known)
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

function warnOfEndedOverride(session: Session, current: Release | undefined): void {
  const ended = current === undefined ? undefined : endedOverride(current, session.context.clock.nowMs())
  if (current === undefined || ended === undefined) return
  session.warn(
    `The release ${current.version} went against the evidence, and ${ended.by} answered for it until ${new Date(ended.untilMs).toISOString().slice(0, 10)}. Release a better one, or roll back.`,
    { version: current.version, untilMs: ended.untilMs },
  )
}

/** The end of a run that the gate did not let through; `undefined` where it did. */
async function heldBack(session: Session, verdict: Verdict, bundle: Bundle): Promise<RunResult | undefined> {
  const { runId } = session
  if (verdict.status === 'pass') return undefined
  if (verdict.status === 'inconclusive' && verdict.whenInconclusive === 'release') return undefined
  // Kept, since a person may release it all the same.
  await session.options.store.objects.putDirectory(bundle.directory, session.context, bundle)
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
    source: session.record.source,
    stages: stageValues(session.record.stages),
  }
}
