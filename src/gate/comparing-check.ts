import type { CallContext, Json } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import type { Check, Evidence, Finding, Reference } from './gate.js'
import { checkComparable, type Pairs, pairGroups } from './paired-groups.js'
import { alpha, type PartialFinding } from './partial-finding.js'

export interface ComparingCheckParts {
  readonly name: string
  readonly metric: Metric
  readonly describe: () => Json
  /** Added to every finding. */
  readonly common: Pick<Finding, 'margin'>
  /** The reason given for a first release, to which the check does not apply. */
  readonly notYet: string
  /** The finding if the candidate is the released model itself, in another release. */
  readonly whenSame: PartialFinding
  /** Whether the candidate is also compared with the best release. */
  readonly asksBest: boolean
  /** Compares over all items, or per slice. */
  readonly ask: (
    pairs: Pairs,
    evidence: Pick<Evidence, 'candidate'> & { readonly passAlpha: number },
    context: CallContext,
  ) => readonly PartialFinding[]
}

/**
 * A check that compares the candidate with earlier releases, item by item. Not applicable to a first release;
 * inconclusive against a release that can no longer be scored.
 */
export function comparingCheck(parts: ComparingCheckParts): Check {
  const { name, metric, describe, notYet, whenSame, asksBest, ask } = parts
  const common = { check: name, metric: metric.name, kind: metric.kind, critical: true, ...parts.common }

  const against = (role: 'baseline' | 'best', reference: Reference, evidence: Evidence, context: CallContext) => {
    const { candidate, passAlpha = alpha } = evidence
    const asked = { ...common, alpha: passAlpha, against: role, againstVersion: reference.version }
    if ('unscorable' in reference) {
      const reason = `the ${role} ${reference.version} could not be scored (baseline-unscorable): ${reference.unscorable}`
      return [{ ...asked, status: 'inconclusive' as const, reason }]
    }
    if (reference.sameModel === true) return [{ ...asked, ...whenSame }]
    checkComparable(candidate.evaluation, reference.evaluation)
    const pairs = pairGroups(candidate.evaluation, reference.evaluation, metric)
    return ask(pairs, { candidate, passAlpha }, context).map((answer): Finding => ({ ...asked, ...answer }))
  }

  return {
    contract: 1,
    name,
    version: metric.version === undefined ? undefined : '1',
    metrics: [metric],
    needs: ['reference'],
    describe,
    async examine(evidence, context) {
      context.signal.throwIfAborted()
      const { baseline, best } = evidence
      const findings: Finding[] = []
      if (baseline !== undefined) findings.push(...against('baseline', baseline, evidence, context))
      if (best !== undefined && asksBest) findings.push(...against('best', best, evidence, context))
      return findings.length > 0 ? findings : [{ ...common, status: 'not-applicable', reason: notYet }]
    },
  }
}
