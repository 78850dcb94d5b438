import type { ComparisonFinding, Finding, Verdict } from '../../gate/index.js'
import { count, differenceUnit, inUnit, percent } from '../markdown.js'

/** How likely chance explains the result, in the numbers of the deciding finding. */
export function howSure(verdict: Verdict, finding: Finding | undefined): string {
  const { status, reuse } = verdict
  const parts: string[] = []
  if (finding !== undefined)
    parts.push(status === 'pass' ? passed(finding) : status === 'fail' ? failed(finding, verdict) : open(finding))
  if (reuse !== undefined && reuse.evaluationCount > 1)
    parts.push(
      `This evaluation set has judged ${count(reuse.evaluationCount)}${reuse.maximumEvaluations === undefined ? '' : ` of at most ${count(reuse.maximumEvaluations)}`} candidates: the chance that a bad one has passed is at most ${percent(reuse.falsePassChance)}.`,
    )
  return parts.length > 0 ? parts.join(' ') : 'Nothing was measured, so nothing is certain.'
}

/** The level of a claim of harm. */
const harmAlpha = 0.05

const noChance = 'Chance plays no role: everything was checked, not a sample.'

function passed(finding: Finding): string {
  if (finding.kind !== 'comparison') return bound(finding) ?? noChance
  const { margin, metricKind } = finding
  return luck(finding, margin > 0 ? `worse by the margin of ${size(margin, metricKind)}` : 'no better')
}

const luck = ({ pPass, alpha }: ComparisonFinding, worse: string) =>
  `If it were truly ${worse}, it would look this good by chance ${oneIn(pPass)}; the limit is 1 time in ${count(Math.round(1 / alpha))}.`

function failed(finding: Finding, { findings }: Verdict): string {
  if (finding.kind !== 'comparison') return bound(finding) ?? noChance
  const { pFail, pFailAdjusted = pFail, slice } = finding
  const looked = findings.filter((one) => one.kind === 'comparison' && one.slice !== undefined).length
  const where = slice === undefined || looked < 2 ? '' : ` in any of the ${looked} slices`
  return `If the new model were equally good, a loss this large${where} would happen by chance ${oneIn(pFailAdjusted)}.`
}

function open(finding: Finding): string {
  if (finding.kind === 'statement') return 'Nothing can be concluded: the check gave no answer.'
  if (finding.kind === 'comparison') {
    const { lower, margin, metricKind, pPass } = finding
    if (margin > 0 && lower === undefined)
      return 'Unknown: the metric has no range, so nothing bounds the scores of other items.'
    if (margin === 0 || lower === undefined)
      return pPass >= 0.5 ? 'It does not look better.' : luck(finding, 'no better')
    const unit = differenceUnit(metricKind)
    const tolerated = `the largest tolerated loss is ${size(margin, metricKind)}`
    if (lower <= -margin) return `The true change may be as low as ${unit(lower)}, and ${tolerated}.`
    // The interval alone would pass, but a stricter test or the minimum number of items does not.
    return `This is close: the true change is most likely above ${unit(lower)}, and ${tolerated}, but there are too few items for the stricter of the two tests.`
  }
  if (finding.kind === 'bound' && finding.lower !== undefined && finding.upper !== undefined) {
    const unit = inUnit[finding.unit]
    return `The true value may be anywhere from ${unit(finding.lower)} to ${unit(finding.upper)}, which includes the threshold ${unit(finding.threshold)}.`
  }
  return 'There are too few items to say more.'
}

/** A sentence on the bound that is on one side of the threshold; `undefined` if none is. */
function bound(finding: Finding): string | undefined {
  if (finding.kind !== 'bound') return undefined
  const { status, lower, upper, threshold, alpha } = finding
  const unit = inUnit[finding.unit]
  const sure = `${Number((100 * (1 - (status === 'fail' ? harmAlpha : alpha))).toPrecision(4))} %`
  if (lower !== undefined && lower >= threshold)
    return `With ${sure} confidence the true value is at least ${unit(lower)}.`
  if (upper !== undefined && upper <= threshold)
    return `With ${sure} confidence the true value is at most ${unit(upper)}.`
  return undefined
}

const size = (margin: number, metricKind: string) => differenceUnit(metricKind)(margin).replace('+', '')

/** `fewer than 1 time in 10,000`, `about 1 time in 40`, `about 4 times in 10`. */
function oneIn(chance: number): string {
  if (chance < 1e-4) return 'fewer than 1 time in 10,000'
  if (chance > 0.15) return `about ${Math.round(10 * chance)} times in 10`
  return `about 1 time in ${count(Number((1 / chance).toPrecision(2)))}`
}
