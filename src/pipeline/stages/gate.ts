import { canonicalJson, type Digest, digestJson, fits, misfitOf, SheikhError } from '../../core/index.js'
import { alpha, type Evidence, type Finding, type Verdict, verdictShape } from '../../gate/index.js'
import type { Release } from '../../releaser/index.js'
import { earlierVerdict, failedBefore, failedChecks, type VerdictEntry } from '../failed-before.js'
import { policyOf, withPolicy } from '../release-policy.js'
import type { Session } from '../session.js'

/**
 * Asks the gate, and writes the consultation of the evaluation set into the ledger. Never cached: deciding is cheap.
 *
 * @param request.isPreliminary writes nothing into the ledger: another machine asks again before it releases.
 */
export function gateStage(
  session: Session,
  evidence: Evidence,
  {
    bundle,
    current,
    isPreliminary = false,
    candidate,
    candidates = 1,
    unlisted = 0,
  }: {
    readonly bundle: Digest
    readonly current: Release | undefined
    readonly isPreliminary?: boolean
    /** Its name. Absent: it is the only one. */
    readonly candidate?: string | undefined
    /** How many candidates the run chooses among. Each is judged at the level divided by this number. */
    readonly candidates?: number
    /** How many of them another machine judged. */
    readonly unlisted?: number
  },
): Promise<Verdict> {
  const work = async () => {
    const { evaluationDigest } = evidence.candidate.evaluation
    const against = [evidence.baseline, evidence.best].flatMap((reference) => reference?.version ?? [])
    // Training may have taken hours: others may have used the evaluation set meanwhile.
    const entries = await session.ledger.readAnew(session.context)
    const asked = entries.filter((entry) => entry.type === 'verdict' && entry.evaluationDigest === evaluationDigest)
    const { runId } = session
    const { sourceKey } = session.record
    const uses = usesOf(asked as readonly VerdictEntry[], { runId, sourceKey, bundle, against, unlisted })
    const { gate } = session.options
    // Judged alone at the whole level, the best of several candidates would lose the correction for the choice.
    const earlier = asked.flatMap((entry) =>
      (entry as VerdictEntry).bundle === bundle ? ((entry as VerdictEntry).candidates ?? 1) : [],
    )
    const divisor = Math.max(candidates, ...earlier)
    const judged: Evidence = {
      ...evidence,
      evaluationCount: uses.count,
      ...(divisor > 1 && { passAlpha: alpha / divisor }),
    }
    const asIs = checkVerdict(await gate.decide(judged, session.context))
    const level = levelUsed(asIs, alpha / divisor)
    const falsePassChance = Math.min(1, uses.spentAlpha(level))
    const decided = await withPolicy(
      asIs.reuse === undefined ? asIs : { ...asIs, reuse: { ...asIs.reuse, falsePassChance } },
      { gate, description: session.hide(gate.describe()), evidence: judged, current },
      session.context,
    )
    const failed = await failedBefore(
      entries,
      (entry) => entry.bundle === bundle && entry.evaluationDigest === evaluationDigest,
      session.options,
    )
    const verdict = session.hide(failed === undefined ? decided : stillFailed(decided, failed))
    const digest = digestJson(verdict)
    const isNew = !uses.repeated || asked.every((entry) => (entry as VerdictEntry).verdict !== digest)
    if (isNew && !isPreliminary)
      await session.ledger.append(
        {
          ...{ type: 'verdict', runId, evaluationDigest, status: verdict.status, verdict: digest, bundle, against },
          ...(candidate !== undefined && { candidate, candidates }),
          ...(unlisted > 0 && { unlisted }),
          ...(level !== levelOf({ candidates }) && { passAlpha: level }),
          ...(verdict.status === 'fail' && { failed: failedChecks(verdict, gate.describe()) }),
          ...(verdict.policyChanges && { policyChanges: verdict.policyChanges.map(({ change }) => change) }),
          ...(sourceKey !== undefined && { sourceKey }),
        },
        session.context,
      )
    const policy = policyOf(gate, evidence.candidate.evaluation)
    await session.update({ verdict, policy })
    if (candidate === undefined) tellVerdict(session, verdict)
    else session.emit({ type: 'candidate-judged', candidate, verdict })
    return { value: verdict, cached: false }
  }
  return session.stage('gate', work, candidate)
}

/** Tells the verdict of the run. @param last the verdict that counts all uses of the evaluation set. */
export function tellVerdict(session: Session, verdict: Verdict, last: Verdict = verdict): void {
  session.emit({ type: 'gate-verdict', verdict })
  warnOfReuse(session, last)
}

/** The uses of the evaluation set until this one. */
interface Uses {
  /** How many, this one included. */
  readonly count: number
  /** The same candidate was judged against the same releases before, and so were the unlisted ones. */
  readonly repeated: boolean
  /** The sum of the levels of all these uses, if this one has the level `passAlpha`. */
  spentAlpha(passAlpha: number): number
}

/**
 * The same candidate against the same releases again tells nothing new of them: it is the same use of the set, at the
 * highest level at which it was judged. Runs of other sources have other unlisted candidates.
 */
function usesOf(
  asked: readonly VerdictEntry[],
  now: Pick<VerdictEntry, 'runId' | 'sourceKey' | 'bundle' | 'against' | 'unlisted'>,
): Uses {
  const uses = new Map<string, { readonly count: number; readonly level: number }>()
  const partsOf = ({
    runId,
    sourceKey,
    bundle,
    against = [],
    unlisted = 0,
  }: typeof now): readonly [string, number][] => {
    const name = bundle === undefined ? runId : canonicalJson([bundle, ...against])
    return [[name, 1], ...(unlisted === 0 ? [] : [[`${name} ${sourceKey ?? runId}`, unlisted] as [string, number]])]
  }
  const add = (parts: ReturnType<typeof partsOf>, atLevel: number) => {
    for (const [part, times] of parts) {
      const { count, level } = uses.get(part) ?? { count: 0, level: 0 }
      uses.set(part, { count: Math.max(count, times), level: Math.max(level, atLevel) })
    }
  }
  for (const entry of asked) add(partsOf(entry), levelOf(entry))
  const own = new Map(partsOf(now))
  const repeated = [...own].every(([part, count]) => count <= (uses.get(part)?.count ?? 0))
  add([...own], 0)
  const upToNow = [...uses].slice(0, [...uses.keys()].findLastIndex((part) => own.has(part)) + 1)
  return {
    count: upToNow.reduce((sum, [, { count }]) => sum + count, 0),
    repeated,
    spentAlpha: (passAlpha) =>
      upToNow.reduce(
        (sum, [part, { count, level }]) => sum + count * (own.has(part) ? Math.max(level, passAlpha) : level),
        0,
      ),
  }
}

const levelOf = ({ passAlpha, candidates = 1 }: Pick<VerdictEntry, 'passAlpha' | 'candidates'>): number =>
  passAlpha ?? alpha / candidates

/** The level of a verdict. The findings of a host's gate may have a higher level than the gate reports or was given. */
function levelUsed({ passAlpha, findings }: Verdict, given: number): number {
  const levels = findings.flatMap((finding) => (finding.kind === 'comparison' ? finding.alpha : []))
  return Math.min(1, Math.max(passAlpha ?? (levels.length === 0 ? given : 0), ...levels))
}

/** A candidate that failed once does not pass by asking again, with a gate that was loosened or a baseline that is gone. */
function stillFailed(verdict: Verdict, { runId, atMs, against = [] }: VerdictEntry): Verdict {
  if (verdict.status === 'fail') return verdict
  const references = against.length === 0 ? '' : ` against ${against.join(' and ')}`
  const finding: Finding = {
    kind: 'statement',
    check: earlierVerdict,
    status: 'fail',
    critical: true,
    reason: `this candidate failed${references} on this evaluation set on ${new Date(atMs).toISOString().slice(0, 10)} (run ${runId}), and nobody overrode that`,
  }
  return {
    ...verdict,
    status: 'fail',
    findings: [finding, ...verdict.findings],
    summary: `The candidate must not be released: ${finding.reason}.`,
  }
}

function warnOfReuse(session: Session, { reuse }: Verdict): void {
  if (reuse === undefined || reuse.falsePassChance <= 0.05 + 1e-9) return
  const { evaluationCount: use, falsePassChance } = reuse
  session.warn(
    `The evaluation set has judged ${use} candidates: the chance that it let through one that is worse by the margin is up to ${Math.round(100 * falsePassChance)} %. Pin a new set, or limit its uses.`,
    { use, falsePassChance },
  )
}

/** A host's gate may answer anything; only an answer that can be acted on is taken. */
function checkVerdict(answer: unknown): Verdict {
  const isSound = ({ status, findings }: Verdict) =>
    status === 'inconclusive' || findings.some((finding) => finding.status === status)
  if (fits(verdictShape, answer) && isSound(answer)) return answer
  const misfit = misfitOf(verdictShape, answer, 'verdict')
  throw new SheikhError(
    'stage-failed',
    `The gate answered with something that is not a verdict: ${misfit === undefined ? 'its status needs at least one finding of that status' : `"${misfit}" is missing or has another form`}. Correct the gate.`,
    { facts: { stage: 'gate' } },
  )
}
