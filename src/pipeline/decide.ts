// From a candidate to a result: scored, judged, and published if the gate lets it through.
import { join } from 'node:path'
import { type Digest, digestJson, isSheikhError } from '../core/index.js'
import { type Evaluation, writeEvaluation } from '../evaluation/index.js'
import type { Evidence, Verdict } from '../gate/index.js'
import type { Rows } from '../model/index.js'
import type { Bundle, JudgedCandidate, Release, ReleaseRecord } from '../releaser/index.js'
import type { Candidate } from '../trainer/index.js'
import { isBetter, markChosen, notJudged, recordChoice, type Standing, withOthers } from './choose.js'
import { type Judged, judgeOne } from './judge-candidate.js'
import { latestReleaseOf } from './lookup.js'
import { measurementOf } from './measurement.js'
import type { RunOptions } from './options.js'
import { publish } from './publish.js'
import { recover } from './recovery.js'
import { answersOf } from './released-answers.js'
import { trainingOf } from './released-weights.js'
import type { RunRecord, RunResult } from './run-result.js'
import type { Session } from './session.js'
import { stagesOf, stageValues } from './stage-values.js'
import { tellVerdict } from './stages/gate.js'
import type { HostStages } from './stages/host.js'
import { isOvertaken, noteSource } from './stages/release.js'
import { evaluationFile } from './stages/score-model.js'
import type { Variant } from './variants.js'
import type { Known } from './walk-start.js'

/** A candidate of the run. */
export interface Offer {
  readonly variant: Variant
  readonly candidate: Candidate
  readonly bundle: Bundle
  /** As the run's record has it. `weights`: as they were trained, before a stage of the host's changed them. */
  readonly made: NonNullable<RunRecord['candidate']>
  /** The host's stages of this run. Absent: they ran on another machine, and only those that need the release run here. */
  readonly host?: HostStages | undefined
}

/** The candidates, and what they are judged on. */
export interface Decision extends Pick<RunOptions, 'until' | 'releaseAs'> {
  readonly offers: readonly [Offer, ...Offer[]]
  /** The names of all candidates that the run chooses among, if another machine chose one of them. @default those of `offers` */
  readonly names?: readonly string[] | undefined
  readonly evaluation: Rows<unknown, unknown>
  readonly key: Digest | undefined
  /** What the candidate predicted on another machine. Absent: it is asked here. */
  readonly told?: (() => Promise<Evaluation>) | undefined
  /** Asks the candidate here all the same, and warns if it answers otherwise. @default false */
  readonly isAskedAgain?: boolean | undefined
}

/** Judges the candidates, and publishes the best of those that the gate lets through. */
export function decide(session: Session, decision: Decision, known: Known): Promise<RunResult> {
  // What this run itself published and withdrew, because another machine was faster, counts for nothing.
  const withdrawn = new Set(
    decision.offers
      .map(({ bundle }) => bundle.digest)
      .filter((digest) => latestReleaseOf(known.history, digest)?.withdrawn !== undefined),
  )
  return decideAgainstCurrent(session, known, (against) => {
    const standings = decision.offers.map(({ bundle: { digest } }): Standing => {
      if (digest === against.current?.bundle) return 'up-to-date'
      return withdrawn.has(digest) ? 'withdrawn' : 'judge'
    })
    return standings.includes('judge')
      ? judge(session, decision, standings, against)
      : endWithout(session, decision, standings, against)
  })
}

/** The end of a run without a new candidate: nothing is scored. */
async function endWithout(
  session: Session,
  { offers, names, key, until }: Decision,
  standings: readonly Standing[],
  known: Known,
): Promise<RunResult> {
  const at = Math.max(0, standings.indexOf('up-to-date'))
  const { bundle } = offers[at]!
  const table = offers.map((offer, index) => notJudged(offer, standings[index]!, known))
  const chosen = await recordChoice(session, offers[at]!, withOthers(markChosen(table, at), names), {})
  if (standings[at] === 'up-to-date') return upToDate(session, { release: known.current!, bundle, key, until, chosen })
  const release = latestReleaseOf(known.history, bundle.digest)!
  return { runId: session.runId, ...chosen, status: 'held', reason: 'withdrawn', release }
}

async function upToDate(
  session: Session,
  {
    release,
    bundle,
    key,
    until,
    chosen,
  }: Pick<Decision, 'key' | 'until'> & {
    readonly release: Release
    readonly bundle: Bundle
    readonly chosen: Pick<RunResult, 'candidates'>
  },
): Promise<RunResult> {
  const { runId } = session
  if (until !== undefined) {
    await keepBundle(session, bundle)
    return { runId, ...chosen, status: 'awaiting-release', identicalTo: release.version }
  }
  await noteSource(session, release, key)
  return { runId, ...chosen, status: 'up-to-date', release }
}

async function judge(
  session: Session,
  decision: Decision,
  standings: readonly Standing[],
  known: Known,
): Promise<RunResult> {
  const { runId } = session
  const { offers, key, until, releaseAs } = decision
  const table: JudgedCandidate[] = []
  let best: (Judged & { readonly at: number }) | undefined
  let last: Verdict | undefined
  for (const [index, offer] of offers.entries()) {
    const standing = standings[index]!
    if (standing === 'withdrawn') {
      table.push(notJudged(offer, standing, known))
      continue
    }
    const judged = await judgeOne(session, { offer, decision, standing }, known)
    const row = { name: offer.variant.name ?? '', bundle: offer.bundle.digest, metrics: judged.noted.metrics }
    const { verdict } = judged
    table.push(
      verdict === undefined
        ? { ...notJudged(offer, standing, known), ...row }
        : { ...row, status: verdict.status, reason: verdict.summary },
    )
    last = verdict ?? last
    // Only the evidence of the best is kept in memory.
    if (best === undefined || isBetter(judged, best, session.options.gate)) best = { ...judged, at: table.length - 1 }
  }
  const { offer, evidence, digest, verdict, noted, at } = best!
  const { bundle, host } = offer
  const chosen = await recordChoice(session, offer, withOthers(markChosen(table, at), decision.names), noted)
  if (verdict === undefined) return upToDate(session, { release: known.current!, bundle, key, until, chosen })
  const evaluations = { ...evidence, candidate: evidence.candidate.evaluation }
  if (offer.variant.name !== undefined) {
    tellVerdict(session, verdict, last)
    await host?.add('evaluations', { value: evaluations }, digest)
  }
  await host?.add('verdict', { value: verdict }, digestJson(verdict))
  if (until !== undefined)
    return { ...(await awaitRelease(session, bundle, evaluations.candidate, verdict)), ...chosen }
  const held = await heldBack(session, verdict, bundle)
  if (held !== undefined) return { ...held, ...chosen }
  const answers = await answersOf(session, evaluations.candidate)
  const record = { ...releaseRecord(session, evidence, verdict), ...(answers !== undefined && { answers }) }
  const request = { bundle, history: known.history, decidedAgainst: known.current?.version, sourceKey: key, record }
  const release = await publish(session, { ...request, releaseAs }, host)
  return { runId, ...chosen, status: 'released', release, verdict }
}

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
    candidates: session.record.candidates,
    training: trainingOf(session.record),
    dataset: session.record.dataset,
    measured: measurementOf(session.record),
    source: session.record.source,
    stages: stageValues(stagesOf(session.record)),
  }
}
