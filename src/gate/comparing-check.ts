import type { CallContext, Json } from '../core/index.js'
import type { Evaluation, Metric } from '../evaluation/index.js'
import type { Answer } from './answer.js'
import type { Check, Finding, Opponent } from './gate.js'
import { checkComparable, type Pairs, pairGroups } from './paired-groups.js'

export interface ComparingCheckParts {
  readonly name: string
  readonly metric: Metric
  readonly describe: () => Json
  /** What every finding says: a margin, a level. */
  readonly common: Pick<Finding, 'margin' | 'alpha'>
  /** Why it does not apply to a first release. */
  readonly notYet: string
  /** Whether the best release is asked about, too. */
  readonly asksBest: boolean
  readonly requiredSlices?: readonly string[] | undefined
  /** Answers over all items, or by slice. */
  readonly ask: (pairs: Pairs, candidate: Evaluation, context: CallContext) => readonly Answer[]
}

/**
 * A check that compares the candidate with what was released, item by item. Not applicable to a first release; inconclusive
 * against a release that cannot be scored any more.
 */
export function comparingCheck(parts: ComparingCheckParts): Check {
  const { name, metric, describe, notYet, asksBest, requiredSlices, ask } = parts
  const common = { check: name, metric: metric.name, kind: metric.kind, critical: true, ...parts.common }

  const against = (role: 'baseline' | 'best', opponent: Opponent, candidate: Evaluation, context: CallContext) => {
    const asked = { ...common, against: role, againstVersion: opponent.version }
    if ('unscorable' in opponent) {
      const reason = `the ${role} ${opponent.version} could not be scored (baseline-unscorable): ${opponent.unscorable}`
      return [{ ...asked, status: 'inconclusive' as const, reason }]
    }
    checkComparable(candidate, opponent.evaluation)
    const answers = ask(pairGroups(candidate, opponent.evaluation, metric), candidate, context)
    return answers.map((answer): Finding => ({ ...asked, ...answer }))
  }

  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    compares: true,
    ...(requiredSlices !== undefined && { requiredSlices }),
    describe,
    async examine({ candidate: { evaluation }, baseline, best }, context) {
      context.signal.throwIfAborted()
      const findings: Finding[] = []
      if (baseline !== undefined) findings.push(...against('baseline', baseline, evaluation, context))
      if (best !== undefined && asksBest) findings.push(...against('best', best, evaluation, context))
      return findings.length > 0 ? findings : [{ ...common, status: 'not-applicable', reason: notYet }]
    },
  }
}
