import { canonicalJson, type Digest } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import type { Evidence, Verdict } from '../gate/index.js'
import type { Prediction } from '../model/index.js'
import type { Standing } from './choose.js'
import type { Decision, Offer } from './decide.js'
import { bestRelease } from './lookup.js'
import type { RunRecord } from './run-result.js'
import type { Session } from './session.js'
import { evaluateStage } from './stages/evaluate.js'
import { gateStage } from './stages/gate.js'
import type { Known } from './walk-start.js'

/** A candidate that was scored, and the gate's verdict on it: absent for the current release. */
export interface Judged {
  readonly offer: Offer
  readonly evidence: Evidence
  readonly digest: Digest
  readonly verdict?: Verdict | undefined
  /** What the record of the run says of it. */
  readonly noted: Partial<RunRecord>
}

/** Scores a candidate, and asks the gate about it unless it is the current release. */
export async function judgeOne(
  session: Session,
  { offer, decision, standing }: { readonly offer: Offer; readonly decision: Decision; readonly standing: Standing },
  known: Known,
): Promise<Judged> {
  const { bundle, host, variant, made } = offer
  const { offers, evaluation, names, isAskedAgain = false, until } = decision
  // A run that ends early has a record about the candidate that was judged last, and about no other one.
  if (variant.name !== undefined) await session.update({ ...notJudgedYet, candidate: made, bundle: bundle.digest })
  const told = await decision.told?.()
  const { evidence, digest } = await evaluateStage(
    session,
    offer,
    evaluation,
    referencesOf(session, known),
    isAskedAgain ? undefined : told,
  )
  const evaluations = { ...evidence, candidate: evidence.candidate.evaluation }
  if (isAskedAgain && told !== undefined) warnOfOtherAnswers(session, told, evaluations.candidate)
  const noted = (verdict?: Verdict, policy?: RunRecord['policy']) => {
    const { evaluations: kept, metrics, baseline, best } = session.record
    return { offer, evidence, digest, verdict, noted: { evaluations: kept, metrics, baseline, best, verdict, policy } }
  }
  // It is not compared with itself.
  if (standing === 'up-to-date') return noted()
  if (variant.name === undefined) await host?.add('evaluations', { value: evaluations }, digest)
  const candidates = names?.length ?? offers.length
  const verdict = await gateStage(session, evidence, {
    ...{ bundle: bundle.digest, current: known.current, isPreliminary: until !== undefined },
    ...{ candidate: variant.name, candidates, unlisted: candidates - offers.length },
  })
  return noted(verdict, session.record.policy)
}

const notJudgedYet = {
  ...{ evaluations: undefined, metrics: undefined, baseline: undefined, best: undefined },
  ...{ verdict: undefined, policy: undefined },
} satisfies Partial<RunRecord>

function referencesOf(session: Session, { history, current }: Known) {
  const baseline = current?.withdrawn === undefined ? current : undefined
  return { baseline, best: bestRelease(history, session.options.gate, baseline) }
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
