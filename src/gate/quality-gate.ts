import {
  type CallContext,
  canonicalJson,
  identityOf,
  isSheikhError,
  type Json,
  messageOf,
  misfitOf,
  SheikhError,
} from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import { holm } from '../statistics/index.js'
import type { ComparisonFinding, Finding } from './finding.js'
import type { Check, EvaluationSetUse, Evidence, Gate, InconclusivePolicy, Prospect, Verdict } from './gate.js'
import { alpha } from './partial-finding.js'
import { findingShape } from './verdict-shape.js'

export interface QualityGateOptions {
  /**
   * What happens after an inconclusive verdict: a person is asked, the candidate is held, or it is released. @default
   * 'ask'
   */
  readonly whenInconclusive?: InconclusivePolicy | undefined
  /**
   * How many candidates one evaluation set may judge. The level of each test that can pass a candidate is then 5 %
   * divided by this number, so that the chance of ever releasing a model that is worse than the best by the margin is
   * at most 5 % over all of them. Further candidates are inconclusive until a new set is pinned. This costs power:
   * `planGate` computes how much. @default unlimited, each candidate at 5 %
   */
  readonly maximumEvaluations?: number | undefined
}

/**
 * Makes a gate that decides from the findings of its checks.
 *
 * The verdict is `fail` if a critical finding failed, for slices after Holm's correction over all of them; otherwise
 * `inconclusive` if a critical finding over all items or of a required slice is inconclusive; otherwise `pass`, which
 * needs at least one critical pass. A check that crashes, returns no finding or returns a number that is not finite is
 * inconclusive.
 *
 * @throws `invalid-options` without a check that decides, or if two checks or two metrics have the same name; from
 * `decide`: `baseline-mismatch` and `evaluation-invalid` for evidence that cannot be compared.
 */
export function qualityGate(
  checks: readonly Check[],
  { whenInconclusive = 'ask', maximumEvaluations }: QualityGateOptions = {},
): Gate {
  if (
    maximumEvaluations !== undefined &&
    !(Number.isSafeInteger(maximumEvaluations) && maximumEvaluations >= 1 && maximumEvaluations <= 10_000)
  )
    throw new SheikhError(
      'invalid-options',
      `Cannot use one evaluation set for ${maximumEvaluations} candidates: give 1 to 10,000.`,
    )
  if (checks.every(({ purpose }) => purpose === 'report'))
    throw new SheikhError(
      'invalid-options',
      'Cannot make a gate without a check that decides: every candidate would pass. Add atLeast(), noRegression() or weightIntegrity().',
    )
  const names = checks.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new SheikhError(
      'invalid-options',
      `Cannot make a gate with two checks called "${twice}". Remove one of them.`,
    )
  checkMetrics(checks)
  const metrics = [...new Map(checks.flatMap((check) => check.metrics).map((metric) => [metric.name, metric])).values()]
  const versioned = [...checks, ...metrics].every(({ version }) => version !== undefined)
  const reporting = checks.filter(({ purpose }) => purpose === 'report').map(({ name }) => name)
  return {
    contract: 1,
    name: 'quality',
    version: versioned ? '1' : undefined,
    metrics,
    primaryMetric: checks.find(({ needs }) => needs?.includes('reference'))?.metrics[0]?.name,
    needs: [...new Set(checks.flatMap(({ needs }) => needs ?? []))],
    describe: () =>
      ({
        whenInconclusive,
        ...(maximumEvaluations !== undefined && { maximumEvaluations }),
        checks: checks.map((check) => identityOf(check) ?? check.name),
        ...(reporting.length > 0 && { reporting }),
        metrics: metrics.map((metric) => identityOf(metric) ?? metric.name),
      }) as Json,
    foresee: (prospect) => checks.flatMap((check) => foreseenBy(check, prospect)),
    async decide(evidence, context) {
      const passAlpha = Math.min(evidence.passAlpha ?? alpha, alpha / (maximumEvaluations ?? 1))
      const found: Finding[] = []
      for (const check of checks) found.push(...(await examine(check, { ...evidence, passAlpha }, context)))
      const reuse = reuseOf(evidence, passAlpha, maximumEvaluations)
      if (reuse !== undefined && maximumEvaluations !== undefined && reuse.evaluationCount > maximumEvaluations)
        found.push(wornOut(reuse.evaluationCount, maximumEvaluations))
      return {
        ...{ ...decide(correctSlices(found)), whenInconclusive },
        ...(passAlpha < alpha && { passAlpha }),
        ...(reuse !== undefined && { reuse }),
      } as Verdict
    },
  }
}

function reuseOf(
  { evaluationCount, baseline, best }: Evidence,
  passAlpha: number,
  maximumEvaluations: number | undefined,
): EvaluationSetUse | undefined {
  if (evaluationCount === undefined || (baseline === undefined && best === undefined)) return undefined
  const falsePassChance = Math.min(1, evaluationCount * passAlpha)
  return { evaluationCount, falsePassChance, ...(maximumEvaluations !== undefined && { maximumEvaluations }) }
}

const wornOut = (use: number, maximumEvaluations: number): Finding => ({
  kind: 'statement',
  check: 'evaluation-set',
  status: 'inconclusive',
  critical: true,
  reason: `the evaluation set may judge ${maximumEvaluations} candidates, and this is number ${use}. Pin a new set`,
})

/** Metrics are scored once per name, so two metrics with the same name would be judged by the scores of one of them. */
function checkMetrics(checks: readonly Check[]): void {
  const known = new Map<string, Metric>()
  // A range may contain infinities, which JSON does not have.
  const identity = (metric: Metric) => {
    const { version, kind, direction, needs, range } = metric
    return canonicalJson({
      version,
      kind,
      direction,
      needs,
      range: range?.map(String),
      describe: metric.describe(),
    } as Json)
  }
  for (const metric of checks.flatMap((check) => check.metrics)) {
    const other = known.get(metric.name)
    if (other !== undefined && other !== metric && identity(other) !== identity(metric))
      throw new SheikhError(
        'invalid-options',
        `Cannot make a gate with two metrics called "${metric.name}": they are different. Rename one of them.`,
      )
    known.set(metric.name, metric)
  }
}

function foreseenBy(check: Check, prospect: Prospect): readonly Finding[] {
  try {
    return check.foresee?.(prospect) ?? []
  } catch (error) {
    const reason = `the check cannot predict its findings: ${messageOf(error)}`
    return [{ kind: 'statement', check: check.name, status: 'inconclusive', critical: false, reason }]
  }
}

async function examine(check: Check, evidence: Evidence, context: CallContext): Promise<readonly Finding[]> {
  const open = (reason: string, critical = true): Finding => ({
    ...{ kind: 'statement', check: check.name, status: 'inconclusive', critical },
    // A message that was cut within a character cannot be written as JSON.
    reason: reason.toWellFormed(),
  })
  try {
    const findings = await check.examine(evidence, context)
    context.signal.throwIfAborted()
    if (findings.length === 0) return [open('the check returned no finding')]
    return findings.map((finding) => {
      const misfit = misfitOf(findingShape, finding, 'finding')
      if (misfit === undefined) {
        // Throws for what a record cannot contain, such as a function in a member of the host's own.
        canonicalJson(finding)
        return finding
      }
      const { reason, critical } = finding
      return open(
        `a finding is malformed ("${misfit}" is missing or has another form)${typeof reason === 'string' ? `: ${reason}` : ''}`,
        critical !== false,
      )
    })
  } catch (error) {
    context.signal.throwIfAborted()
    // Evidence that cannot be compared is the caller's error, not a result that a person could approve.
    if (isSheikhError(error, 'baseline-mismatch') || isSheikhError(error, 'evaluation-invalid')) throw error
    return [open(`the check failed: ${messageOf(error)}`)]
  }
}

/** One family over slices, metrics, references and checks: among twenty slices, one is worse by chance. */
function correctSlices(findings: readonly Finding[]): readonly Finding[] {
  const isSlice = (finding: Finding): finding is ComparisonFinding =>
    finding.kind === 'comparison' && finding.slice !== undefined
  const family = findings.filter(isSlice)
  const adjusted = holm(family.map(({ pFail }) => pFail))
  return findings.map((finding) => {
    if (!isSlice(finding)) return finding
    const pFailAdjusted = adjusted[family.indexOf(finding)]!
    // A slice that fails on its own, but may do so by chance among so many slices.
    if (finding.status === 'fail' && pFailAdjusted > alpha)
      return {
        ...finding,
        pFailAdjusted,
        status: 'inconclusive',
        reason: `${finding.reason} on its own, but may happen by chance among ${family.length} slices`,
      }
    return { ...finding, pFailAdjusted }
  })
}

function decide(findings: readonly Finding[]): Omit<Verdict, 'whenInconclusive'> {
  const critical = findings.filter((finding) => finding.critical)
  const [failed, ...others] = critical.filter(({ status }) => status === 'fail')
  if (failed !== undefined)
    return {
      status: 'fail',
      findings: findings as [Finding, ...Finding[]],
      summary: `The candidate must not be released: ${describe(failed)}${alsoOn(others)}.`,
    } as Omit<Verdict, 'whenInconclusive'>
  const [open] = critical.filter(
    ({ status, slice, required }) => status === 'inconclusive' && (slice === undefined || required === true),
  )
  if (open !== undefined)
    return { status: 'inconclusive', findings, summary: `The evidence is inconclusive: ${describe(open)}.` }
  const passed = critical.filter(({ status }) => status === 'pass')
  if (passed.length === 0)
    return {
      status: 'inconclusive',
      findings,
      summary: 'The evidence is inconclusive: no critical check has passed.',
    }
  const compared = passed.find(({ against, slice }) => against !== undefined && slice === undefined)
  return { status: 'pass', findings, summary: `The candidate may be released: ${describe(compared ?? passed[0]!)}.` }
}

/** The slices that failed as well, because people look there first. */
function alsoOn(findings: readonly Finding[]): string {
  const slices = [...new Set(findings.flatMap(({ slice }) => slice ?? []))]
  if (slices.length === 0) return ''
  return `; by slice it fails on ${slices.slice(0, 5).join(', ')}${slices.length > 5 ? ` and ${slices.length - 5} more` : ''}`
}

const describe = ({ check, slice, against, againstVersion, reason }: Finding) =>
  `${check}${slice === undefined ? '' : ` on ${slice}`}${against === undefined ? '' : ` against ${againstVersion ?? against}`}: ${reason}`
