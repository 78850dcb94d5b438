import type { CallContext, Json } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import type { Finding } from './finding.js'
import type { Check, Evidence, Reference } from './gate.js'
import { checkComparable, type Pairs, pairGroups } from './paired-groups.js'
import { alpha, type PartialFinding } from './partial-finding.js'

export interface ComparingCheckParts {
  readonly name: string
  readonly metric: Metric
  readonly describe: () => Json
  /** The reason given for a first release, to which the check does not apply. */
  readonly notYet: string
  /** The finding if the candidate is the released model itself, in another release. */
  readonly whenSame: Pick<Finding, 'status' | 'reason'>
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
  const common = { check: name, metric: metric.name, metricKind: metric.kind, critical: true }

  const against = (role: 'baseline' | 'best', reference: Reference, evidence: Evidence, context: CallContext) => {
    const { candidate, passAlpha = alpha } = evidence
    const asked = { ...common, against: role, againstVersion: reference.version }
    const statement = { ...asked, kind: 'statement' } as const
    if ('unscorable' in reference) {
      const reason = `the ${role} ${reference.version} could not be scored (baseline-unscorable): ${reference.unscorable}`
      return [{ ...statement, status: 'inconclusive' as const, reason }]
    }
    if (reference.sameModel === true) return [{ ...statement, ...whenSame }]
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
      return findings.length > 0
        ? findings
        : [{ ...common, kind: 'statement', status: 'not-applicable', reason: notYet }]
    },
  }
}
