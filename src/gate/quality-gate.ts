import {
  type CallContext,
  canonicalJson,
  identityOf,
  isSheikhError,
  type Json,
  messageOf,
  SheikhError,
} from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import { holm } from '../statistics/index.js'
import type { Check, EvaluationSetUse, Evidence, Finding, Gate, InconclusivePolicy, Prospect, Verdict } from './gate.js'
import { alpha } from './partial-finding.js'

export interface QualityGateOptions {
  /** What an inconclusive verdict leads to. @default 'ask' */
  readonly whenInconclusive?: InconclusivePolicy | undefined
  /**
   * How many candidates one evaluation set may judge. Each test that lets one pass is then held to 5 % divided by them, so
   * that the chance of ever releasing a model that is worse than the best by the margin is at most 5 % over all of them; a
   * candidate beyond is inconclusive until a new set is pinned. It costs power: `planGate` says how much. @default as many as
   * there are, each at 5 %
   */
  readonly maximumEvaluations?: number | undefined
}

/**
 * Decides over the findings of its checks.
 *
 * `fail` if a critical finding failed, slices after Holm's correction over all of them; else `inconclusive` if a critical
 * finding over all items, or of a required slice, is; else `pass`, with at least one critical pass. A crashed check, one
 * that says nothing and a number that is not finite are inconclusive: silence is not a pass.
 *
 * @throws `invalid-options` without checks that decide anything, or with two of one name, or with two metrics of one; from `decide`: `baseline-mismatch` and
 *   `evaluation-invalid` for evidence that cannot be compared.
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
  if (checks.every(({ decides }) => decides === false))
    throw new SheikhError(
      'invalid-options',
      'Cannot make a gate of no checks that decide anything: it would let anything pass. Add atLeast(), noRegression() or weightIntegrity().',
    )
  const names = checks.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined)
    throw new SheikhError('invalid-options', `Cannot make a gate with the check "${twice}" twice. Leave one out.`)
  checkMetrics(checks)
  const metrics = [...new Map(checks.flatMap((check) => check.metrics).map((metric) => [metric.name, metric])).values()]
  const versioned = [...checks, ...metrics].every(({ version }) => version !== undefined)
  return {
    contract: 1,
    name: 'quality',
    version: versioned ? '1' : undefined,
    metrics,
    primaryMetric: checks.find(({ compares }) => compares === true)?.metrics[0]?.name,
    timesAnswers: checks.some(({ timesAnswers }) => timesAnswers === true),
    describe: () =>
      ({
        whenInconclusive,
        ...(maximumEvaluations !== undefined && { maximumEvaluations }),
        checks: checks.map((check) => identityOf(check) ?? check.name),
        metrics: metrics.map((metric) => identityOf(metric) ?? metric.name),
      }) as Json,
    foresee: (prospect) => checks.flatMap((check) => foreseenBy(check, prospect)),
    async decide(evidence, context) {
      const passAlpha = maximumEvaluations === undefined ? (evidence.passAlpha ?? alpha) : alpha / maximumEvaluations
      const found: Finding[] = []
      for (const check of checks) found.push(...(await examine(check, { ...evidence, passAlpha }, context)))
      const reuse = reuseOf(evidence, maximumEvaluations)
      if (reuse !== undefined && maximumEvaluations !== undefined && reuse.evaluationCount > maximumEvaluations)
        found.push(wornOut(reuse.evaluationCount, maximumEvaluations))
      return { ...decide(correctSlices(found)), whenInconclusive, ...(reuse !== undefined && { reuse }) } as Verdict
    },
  }
}

/** Of candidates that are worse by the margin, each test lets through one in twenty, or one in 20 × maximumEvaluations: their sum. */
function reuseOf(
  { evaluationCount, baseline, best }: Evidence,
  maximumEvaluations: number | undefined,
): EvaluationSetUse | undefined {
  if (evaluationCount === undefined || (baseline === undefined && best === undefined)) return undefined
  const falsePassChance = Math.min(1, (evaluationCount * alpha) / (maximumEvaluations ?? 1))
  return { evaluationCount, falsePassChance, ...(maximumEvaluations !== undefined && { maximumEvaluations }) }
}

const wornOut = (use: number, maximumEvaluations: number): Finding => ({
  check: 'evaluation-set',
  status: 'inconclusive',
  critical: true,
  reason: `the evaluation set was to judge ${maximumEvaluations} candidates, and this is number ${use}: pin a new one`,
})

/** Each metric is scored once, by its name: of two that share one, the other's scores would be judged. */
function checkMetrics(checks: readonly Check[]): void {
  const known = new Map<string, Metric>()
  // A range may hold infinities, which are no JSON.
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
        `Cannot make a gate with two metrics called "${metric.name}": they are not the same. Give one another name.`,
      )
    known.set(metric.name, metric)
  }
}

function foreseenBy(check: Check, prospect: Prospect): readonly Finding[] {
  try {
    return check.foresee?.(prospect) ?? []
  } catch (error) {
    const reason = `the check cannot say what it will answer: ${messageOf(error)}`
    return [{ check: check.name, status: 'inconclusive', critical: false, reason }]
  }
}

async function examine(check: Check, evidence: Evidence, context: CallContext): Promise<readonly Finding[]> {
  const silent = (reason: string): readonly Finding[] => [
    { check: check.name, status: 'inconclusive', critical: true, reason },
  ]
  try {
    const findings = await check.examine(evidence, context)
    context.signal.throwIfAborted()
    if (findings.length === 0) return silent('the check said nothing')
    return findings.map((finding) =>
      hasFiniteNumbers(finding)
        ? finding
        : {
            ...withoutNumbers(finding),
            status: 'inconclusive',
            reason: `a number of it is not finite: ${finding.reason}`,
          },
    )
  } catch (error) {
    context.signal.throwIfAborted()
    // Evidence that is none is an error of whoever brought it, not an answer that a person could approve.
    if (isSheikhError(error, 'baseline-mismatch') || isSheikhError(error, 'evaluation-invalid')) throw error
    return silent(`the check failed: ${messageOf(error)}`)
  }
}

const hasFiniteNumbers = (finding: Finding) =>
  Object.values(finding).every((value) => typeof value !== 'number' || Number.isFinite(value))

function withoutNumbers(finding: Finding): Finding {
  return Object.fromEntries(
    Object.entries(finding).filter(([, value]) => typeof value !== 'number'),
  ) as unknown as Finding
}

/** One family over slices, metrics, references and checks: with twenty slices one of them is worse by chance. */
function correctSlices(findings: readonly Finding[]): readonly Finding[] {
  const family = findings.filter(({ slice, pFail }) => slice !== undefined && pFail !== undefined)
  const adjusted = holm(family.map(({ pFail }) => pFail!))
  return findings.map((finding) => {
    const index = family.indexOf(finding)
    if (index < 0) return finding
    const pFailAdjusted = adjusted[index]!
    // A slice that was lost to all appearance, and may have been by chance among so many.
    if (finding.status === 'fail' && pFailAdjusted > alpha)
      return {
        ...finding,
        pFailAdjusted,
        status: 'inconclusive',
        reason: `${finding.reason} by itself, and may be among ${family.length} slices`,
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
    return { status: 'inconclusive', findings, summary: `The evidence does not settle it: ${describe(open)}.` }
  const passed = critical.filter(({ status }) => status === 'pass')
  if (passed.length === 0)
    return {
      status: 'inconclusive',
      findings,
      summary: 'The evidence does not settle it: no critical check has passed.',
    }
  const compared = passed.find(({ against, slice }) => against !== undefined && slice === undefined)
  return { status: 'pass', findings, summary: `The candidate may be released: ${describe(compared ?? passed[0]!)}.` }
}

/** Where else it failed: a person looks there first. */
function alsoOn(findings: readonly Finding[]): string {
  const slices = [...new Set(findings.flatMap(({ slice }) => slice ?? []))]
  if (slices.length === 0) return ''
  return `; by slice it fails on ${slices.slice(0, 5).join(', ')}${slices.length > 5 ? ` and ${slices.length - 5} more` : ''}`
}

const describe = ({ check, slice, against, againstVersion, reason }: Finding) =>
  `${check}${slice === undefined ? '' : ` on ${slice}`}${against === undefined ? '' : ` against ${againstVersion ?? against}`}: ${reason}`
