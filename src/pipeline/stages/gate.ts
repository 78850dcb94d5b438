import { digestJson, SheikhError } from '../../core/index.js'
import type { Evidence, Verdict } from '../../gate/index.js'
import type { Session } from '../session.js'

/** Asks the gate, and writes the consultation of the evaluation set into the ledger. Never cached: deciding is cheap. */
export function gateStage(session: Session, evidence: Evidence): Promise<Verdict> {
  return session.stage('gate', async () => {
    const verdict = session.hide(checkVerdict(await session.options.gate.decide(evidence, session.context)))
    const { evaluationDigest } = evidence.candidate.evaluation
    const digest = digestJson(verdict)
    const last = (await session.ledger.read(session.context)).findLast((entry) => entry.type === 'verdict')
    // The same models on the same items again tell nothing new of them.
    const repeated = last?.type === 'verdict' && last.verdict === digest && last.evaluationDigest === evaluationDigest
    if (!repeated)
      await session.ledger.append(
        { type: 'verdict', runId: session.runId, evaluationDigest, status: verdict.status, verdict: digest },
        session.context,
      )
    await session.update({ verdict })
    session.emit({ type: 'gate-verdict', verdict })
    return { value: verdict, cached: false }
  })
}

/** A host's gate may answer anything; only an answer that can be acted on is taken. */
function checkVerdict(verdict: Verdict): Verdict {
  const sound =
    ['pass', 'fail', 'inconclusive'].includes(verdict?.status) &&
    Array.isArray(verdict.findings) &&
    ['ask', 'hold', 'release'].includes(verdict.whenInconclusive) &&
    (verdict.status === 'inconclusive' || verdict.findings.some((finding) => finding.status === verdict.status))
  if (sound) return verdict
  throw new SheikhError(
    'stage-failed',
    'The gate answered with something that is not a verdict: its status needs at least one finding of that status, and a policy. Correct the gate.',
    { facts: { stage: 'gate' } },
  )
}
