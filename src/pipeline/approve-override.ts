import { isSheikhError, SheikhError } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import { type LedgerEntry, type LedgerEvent, refusedForGood } from '../gate/index.js'
import { type Release, type ReleaseRecord, readBundle } from '../releaser/index.js'
import { chosenAmong } from './choose.js'
import { isJudgedBy } from './failed-before.js'
import { keptEvaluations } from './kept-evaluations.js'
import { measurementOf } from './measurement.js'
import { checkReleasesPresent } from './missing-releases.js'
import type { ApproveOptions, OverrideOptions } from './options.js'
import { publish } from './publish.js'
import { recover } from './recovery.js'
import { answersOf } from './released-answers.js'
import { trainingOf } from './released-weights.js'
import { readRun, writeRun } from './run-records.js'
import type { RunRecord, RunResult } from './run-result.js'
import type { Session } from './session.js'
import { stagesOf, stageValues } from './stage-values.js'
import type { ReleaseRequest } from './stages/release.js'
import { checkPerson, checkReason } from './who-decides.js'

/** A decision of a person, and the runs that it applies to. */
interface Decision {
  readonly verb: 'approve' | 'override'
  readonly name: 'approval' | 'override'
  readonly isOpen: (run: RunRecord) => boolean
  readonly event: Extract<LedgerEvent, { readonly type: 'approval' | 'override' }>
}

/** Releases the model of an inconclusive run. */
export function approve(session: Session, runId: string, { by, reason }: ApproveOptions): Promise<RunResult> {
  const person = named({ by, reason }, 'approve')
  return releaseByHand(session, runId, () => ({
    verb: 'approve',
    name: 'approval',
    isOpen: ({ status }) => status === 'awaiting-approval',
    event: { type: 'approval', runId, ...person },
  }))
}

/** Releases the model of a held run despite the evidence. A person is responsible until a given day. */
export function override(
  session: Session,
  runId: string,
  { by, reason, untilMs }: OverrideOptions,
): Promise<RunResult> {
  const person = named({ by, reason }, 'override')
  if (!(Number.isSafeInteger(untilMs) && untilMs > session.context.clock.nowMs()))
    throw new SheikhError(
      'invalid-options',
      'Cannot override: the end of the override is not in the future. Choose a later day.',
    )
  return releaseByHand(session, runId, (run) => {
    const failed = run?.verdict?.findings.filter(({ status, critical }) => critical && status !== 'pass') ?? []
    const never = refusedForGood(failed)
    if (never !== undefined)
      throw new SheikhError(
        'release-rejected',
        `Cannot override the run ${runId}: the check ${never.check} failed (${never.reason}) and cannot be overridden. Fix the trainer and run again.`,
        { facts: { runId, check: never.check } },
      )
    const checks = [...new Set(failed.filter(({ status }) => status !== 'not-applicable').map(({ check }) => check))]
    return {
      verb: 'override',
      name: 'override',
      isOpen: ({ status, reason: why }) => status === 'held' && (why === 'fail' || why === 'inconclusive'),
      event: {
        ...{ type: 'override', runId, ...person, untilMs, checks },
        // The ledger has a verdict for each candidate of the run.
        ...(run?.candidates !== undefined && { bundle: run.bundle }),
      },
    }
  })
}

/** A decision is void once something newer was committed or released. */
async function releaseByHand(
  session: Session,
  openRunId: string,
  decide: (run: RunRecord | undefined) => Decision,
): Promise<RunResult> {
  const { store } = session.options
  const recovered = await recover(session)
  checkReleasesPresent(session, recovered)
  const { history } = recovered
  const open = await readRun(store, openRunId)
  const decision = decide(open)
  const { verb, name, event } = decision
  const verdict = open?.verdict
  if (open === undefined || verdict === undefined || open.bundle === undefined || !decision.isOpen(open))
    throw new SheikhError(
      'not-found',
      `Cannot ${verb} the run ${openRunId}: ${open === undefined ? 'the store does not contain it' : `it is ${open.status}${open.reason === undefined ? '' : ` (${open.reason})`}`}. List the runs that await approval with "sheikh status". For a held run use "sheikh override".`,
      { facts: { runId: openRunId } },
    )
  // A crash after the publication and before the record: the release is there, and must not be made twice.
  const made = history.find(({ record }) => record[name]?.runId === openRunId)
  if (made?.withdrawn !== undefined)
    throw new SheikhError(
      'release-rejected',
      `Cannot ${verb} the run ${openRunId}: it was released as ${made.version}, which is withdrawn (${made.withdrawn.reason}). Run again.`,
      { facts: { runId: openRunId, version: made.version } },
    )
  const decidedAgainst = made === undefined ? await checkStillOpen(session, open, verb) : undefined
  const { by, reason } = event
  const untilMs = 'untilMs' in event ? event.untilMs : undefined
  await session.update({ ...carried(open), verdict, decision: { by, reason, untilMs } })
  const said = session.hide(event)
  const entries = await session.ledger.read(session.context)
  // Another person, or another reason, after a crash: the ledger names everyone who decided.
  const isNoted = (entry: LedgerEntry) =>
    entry.type === said.type && entry.runId === openRunId && entry.by === said.by && entry.reason === said.reason
  if (made === undefined && !entries.some(isNoted)) await session.ledger.append(said, session.context)

  const settle = (version: string) => writeRun(store, { ...open, status: 'released', reason: undefined, version })
  try {
    const release = made ?? (await releaseKept(session, open, { history, decidedAgainst, decision: said, verb }))
    await settle(release.version)
    return { runId: session.runId, ...chosenAmong(open.candidates), status: 'released', release, verdict }
  } catch (error) {
    // A stage of the host's failed after the release: the run is not open any more.
    const { version } = session.record
    if (version !== undefined) await settle(version)
    throw error
  }
}

async function releaseKept(
  session: Session,
  open: RunRecord,
  by: Pick<Decision, 'verb'> &
    Pick<ReleaseRequest, 'history' | 'decidedAgainst'> & { readonly decision: Decision['event'] },
): Promise<Release> {
  const directory = await session.folder('bundle')
  try {
    await session.options.store.objects.getDirectory(open.bundle!, directory, session.context)
  } catch (error) {
    if (!isSheikhError(error, 'not-found') && !isSheikhError(error, 'artifact-corrupt')) throw error
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot ${by.verb} the run ${open.runId}: its bundle in the store is damaged or gone. Run again.`,
      { cause: error },
    )
  }
  const kept = open.evaluations?.candidate === undefined ? undefined : await judgedCandidate(session, open.runId)
  const answers = kept && (await answersOf(session, kept))
  const record: Partial<ReleaseRecord> = {
    metrics: open.metrics,
    evaluationDigest: open.dataset?.evaluationDigest,
    ...(answers !== undefined && { answers }),
    verdict: open.verdict,
    policy: open.policy,
    candidate: open.candidate?.record,
    candidates: open.candidates,
    training: trainingOf(open),
    dataset: open.dataset,
    measured: measurementOf(open),
    source: open.source,
    stages: stageValues(stagesOf(open)),
    ...decisionOf(by.decision),
  }
  return publish(session, {
    bundle: await readBundle(directory, session.context),
    history: by.history,
    decidedAgainst: by.decidedAgainst,
    sourceKey: open.sourceKey,
    record,
  })
}

/** As the release's record holds it. */
function decisionOf(event: Decision['event']): Pick<ReleaseRecord, 'approval' | 'override'> {
  if (event.type === 'approval') {
    const { type: _, ...approval } = event
    return { approval }
  }
  const { type: _, bundle: _bundle, ...override } = event
  return { override }
}

/** What the run judged; `undefined` if the store lost it, which is no reason to refuse what a person decided. */
async function judgedCandidate(session: Session, runId: string): Promise<Evaluation | undefined> {
  try {
    return (await keptEvaluations(session.options.store, runId, session.context)).candidate
  } catch (error) {
    if (!isSheikhError(error, 'not-found') && !isSheikhError(error, 'artifact-corrupt')) throw error
    return undefined
  }
}

/** @returns where the channel points: at what the run was compared with. */
async function checkStillOpen(session: Session, open: RunRecord, verb: string): Promise<string | undefined> {
  const { provenance: read, releaser, gate } = session.options
  const provenance = await read?.(session.context)
  const released = await releaser.current(session.channel, session.context)
  const fact =
    provenance?.commit !== open.commit
      ? `the repository is at the commit ${provenance?.commit ?? 'none'}, but the run used ${open.commit ?? 'none'}`
      : released?.version !== open.baseline
        ? `the released version is ${released?.version ?? 'none'}, but the run was compared with ${open.baseline ?? 'none'}`
        : !isJudgedBy(open.policy, session.hide(gate.describe()))
          ? 'the gate or the version of a check has changed since the run'
          : undefined
  if (fact === undefined) return released?.version
  throw new SheikhError(
    'release-conflict',
    `Cannot ${verb} the run ${open.runId}: ${fact}. Run again and ${verb} the new run.`,
    { facts: { runId: open.runId } },
  )
}

function named({ by, reason }: { readonly by: string; readonly reason: string }, verb: string) {
  checkPerson(by, verb)
  checkReason(reason, verb)
  return { by, reason }
}

/** The members of the open run's record that the record of the decision repeats. */
function carried(open: RunRecord): Partial<RunRecord> {
  const { commit, dirty, sourceKey, source, dataset, candidate, candidates, bundle, baseline, best, metrics } = open
  return { commit, dirty, sourceKey, source, dataset, candidate, candidates, bundle, baseline, best, metrics }
}
