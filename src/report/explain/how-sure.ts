import type { Finding, Verdict } from '../../gate/index.js'
import { count, differenceUnit, isKnown, percent } from '../markdown.js'

/** What chance could have done, in the numbers of the finding that decided. */
export function howSure(verdict: Verdict, finding: Finding | undefined): string {
  const { status, reuse } = verdict
  const parts: string[] = []
  if (finding !== undefined)
    parts.push(status === 'pass' ? passed(finding) : status === 'fail' ? failed(finding, verdict) : open(finding))
  if (reuse !== undefined && reuse.evaluationCount > 1)
    parts.push(
      `These items have judged ${count(reuse.evaluationCount)} candidates${reuse.maximumEvaluations === undefined ? '' : ` of the ${count(reuse.maximumEvaluations)} that they may`}: the chance that a bad one passed by now is up to ${percent(reuse.falsePassChance)}.`,
    )
  return parts.length > 0 ? parts.join(' ') : 'Nothing was measured, so nothing is sure.'
}

/** The level of every claim that nobody wants stricter. */
const usual = 0.05
const levelOf = ({ alpha }: Finding) => (isKnown(alpha) && alpha > 0 ? alpha : usual)

const noChance = 'This is no matter of chance: it was looked at as a whole, and not in samples.'

function passed(finding: Finding): string {
  const { against, pPass, margin, kind } = finding
  if (against === undefined || !isKnown(pPass)) return bound(finding) ?? noChance
  const worse = isKnown(margin) ? `worse by the margin of ${size(margin, kind)}` : 'no better'
  return `If it were truly ${worse}, it would look this good by chance ${oneIn(pPass)}; at most 1 time in ${count(Math.round(1 / levelOf(finding)))} is allowed.`
}

function failed(finding: Finding, { findings }: Verdict): string {
  const { pFail, pFailAdjusted, slice } = finding
  const p = pFailAdjusted ?? pFail
  if (!isKnown(p)) return bound(finding) ?? noChance
  const looked = findings.filter((one) => one.slice !== undefined && isKnown(one.pFail)).length
  const where = slice === undefined || looked < 2 ? '' : ` in any of the ${looked} slices`
  return `If the new model were as good, so large a loss${where} would come by chance ${oneIn(p)}.`
}

function open(finding: Finding): string {
  const { estimate, lower, upper, margin, kind, against, threshold, unit, pPass } = finding
  if (against !== undefined && isKnown(pPass)) {
    if (isKnown(lower) && isKnown(margin)) {
      const tolerated = `a loss of ${size(margin, kind)} is the most that is tolerated`
      if (lower <= -margin) return `The true change may be as low as ${differenceUnit(kind)(lower)}, and ${tolerated}.`
      // The interval alone would let it pass: a stricter test, or the fewest items that can show anything, does not.
      return `It comes close: the true change is most likely above ${differenceUnit(kind)(lower)}, and ${tolerated}, but the items are too few for the stricter of the two tests.`
    }
    return pPass >= 0.5
      ? 'It does not look better.'
      : `If it were truly no better, it would look this good by chance ${oneIn(pPass)}; at most 1 time in ${count(Math.round(1 / levelOf(finding)))} is allowed.`
  }
  if (against === undefined && isKnown(lower) && isKnown(upper) && isKnown(threshold)) {
    const shown = shownIn(unit)
    return `The true value may be anywhere from ${shown(lower)} to ${shown(upper)}, and ${shown(threshold)} lies between.`
  }
  return isKnown(estimate)
    ? 'The items are too few to say more.'
    : 'Nothing can be said: the question was not answered.'
}

/** The bound that lies on one side of the threshold; `undefined` where none does. */
function bound(finding: Finding): string | undefined {
  const { status, lower, upper, threshold, unit } = finding
  if (!isKnown(threshold)) return undefined
  const shown = shownIn(unit)
  // A claim of harm has its own level, whatever a pass is held to.
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
