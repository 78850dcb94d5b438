import type { Finding, Verdict } from '../../gate/index.js'
import { count, differenceUnit, isKnown, percent } from '../markdown.js'

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

/** The level of every claim, unless a stricter one is set. */
const usual = 0.05
const levelOf = ({ alpha }: Finding) => (isKnown(alpha) && alpha > 0 ? alpha : usual)

const noChance = 'Chance plays no role: everything was checked, not a sample.'

function passed(finding: Finding): string {
  const { against, pPass, margin, kind } = finding
  if (against === undefined || !isKnown(pPass)) return bound(finding) ?? noChance
  const worse = isKnown(margin) ? `worse by the margin of ${size(margin, kind)}` : 'no better'
  return `If it were truly ${worse}, it would look this good by chance ${oneIn(pPass)}; the limit is 1 time in ${count(Math.round(1 / levelOf(finding)))}.`
}

function failed(finding: Finding, { findings }: Verdict): string {
  const { pFail, pFailAdjusted, slice } = finding
  const p = pFailAdjusted ?? pFail
  if (!isKnown(p)) return bound(finding) ?? noChance
  const looked = findings.filter((one) => one.slice !== undefined && isKnown(one.pFail)).length
  const where = slice === undefined || looked < 2 ? '' : ` in any of the ${looked} slices`
  return `If the new model were equally good, a loss this large${where} would happen by chance ${oneIn(p)}.`
}

function open(finding: Finding): string {
  const { estimate, lower, upper, margin, kind, against, threshold, unit, pPass } = finding
  if (against !== undefined && isKnown(pPass)) {
    if (isKnown(lower) && isKnown(margin)) {
      const tolerated = `the largest tolerated loss is ${size(margin, kind)}`
      if (lower <= -margin) return `The true change may be as low as ${differenceUnit(kind)(lower)}, and ${tolerated}.`
      // The interval alone would pass, but a stricter test or the minimum number of items does not.
      return `This is close: the true change is most likely above ${differenceUnit(kind)(lower)}, and ${tolerated}, but there are too few items for the stricter of the two tests.`
    }
    return pPass >= 0.5
      ? 'It does not look better.'
      : `If it were truly no better, it would look this good by chance ${oneIn(pPass)}; the limit is 1 time in ${count(Math.round(1 / levelOf(finding)))}.`
  }
  if (against === undefined && isKnown(lower) && isKnown(upper) && isKnown(threshold)) {
    const shown = shownIn(unit)
    return `The true value may be anywhere from ${shown(lower)} to ${shown(upper)}, which includes the threshold ${shown(threshold)}.`
  }
  return isKnown(estimate)
    ? 'There are too few items to say more.'
    : 'Nothing can be concluded: the check gave no answer.'
}

/** A sentence on the bound that is on one side of the threshold; `undefined` if none is. */
function bound(finding: Finding): string | undefined {
  const { status, lower, upper, threshold, unit } = finding
  if (!isKnown(threshold)) return undefined
  const shown = shownIn(unit)
  // A claim of harm has its own level, independent of the level for a pass.
  const sure = `${Number((100 * (1 - (status === 'fail' ? usual : levelOf(finding)))).toPrecision(4))} %`
  if (isKnown(lower) && lower >= threshold) return `With ${sure} confidence the true value is at least ${shown(lower)}.`
  if (isKnown(upper) && upper <= threshold) return `With ${sure} confidence the true value is at most ${shown(upper)}.`
  return undefined
}

function shownIn(unit: Finding['unit']): (value: number) => string {
  if (unit === undefined) return percent
  return (value) => (unit === 'bytes' ? `${count(value)} bytes` : `${Number(value.toPrecision(3))} ms`)
}

const size = (margin: number, kind: string | undefined) => differenceUnit(kind)(margin).replace('+', '')

/** `fewer than 1 time in 10,000`, `about 1 time in 40`, `about 4 times in 10`. */
function oneIn(chance: number): string {
  if (chance < 1e-4) return 'fewer than 1 time in 10,000'
  if (chance > 0.15) return `about ${Math.round(10 * chance)} times in 10`
  return `about 1 time in ${count(Number((1 / chance).toPrecision(2)))}`
}
