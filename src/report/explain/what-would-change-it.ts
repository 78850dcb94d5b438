import { type Finding, refusedForGood, type Verdict } from '../../gate/index.js'
import { count, points } from '../markdown.js'

/** Explains what would lead to a different verdict. */
export function whatWouldChangeIt({ status, findings }: Verdict, finding: Finding | undefined): string {
  if (status === 'pass') return afterPass(findings)
  const never = refusedForGood(findings)
  if (never !== undefined) return `Different weights. The check ${never.check} cannot be overridden.`
  if (status === 'fail')
    return 'A different model. If evaluation items are wrong, correct them in a separate commit. A person may override this verdict, with a reason and an end date.'
  const person = 'Or a person decides and gives a reason.'
  if (finding === undefined) return `A critical check that passes. ${person}`
  if (finding.kind === 'statement')
    return `A result: fix what prevented the check, or use a check that these items can answer, then run again. ${person}`
  return [...size(finding), person].join(' ')
}

function afterPass(findings: readonly Finding[]): string {
  const slices = findings.filter(({ slice, critical }) => slice !== undefined && critical)
  const open = slices.filter(({ status }) => status === 'inconclusive').length
  return open === 0
    ? 'Nothing that is known now. New data or new items lead to a new verdict.'
    : `Nothing that is known now. ${count(open)} of ${count(slices.length)} slices ${open === 1 ? 'is' : 'are'} too small to judge separately: more items in them would show regressions that the overall result hides.`
}

function size(finding: Finding): readonly string[] {
  if (finding.kind !== 'comparison') return ['More items, or a model that is clearly above or below the threshold.']
  const { items, groups, groupsNeeded = 0, smallestDetectableDrop, metricKind, margin, lower } = finding
  if (margin > 0 && lower === undefined)
    return ['A range of the metric, which bounds the scores of other items (of "sheikh gate compare": --range 0,1).']
  const parts: string[] = []
  if (groupsNeeded > groups)
    parts.push(
      items === groups
        ? `More items: with about ${count(groupsNeeded)} independent items instead of ${count(groups)}, a model of equal quality passes with 80 % power.`
        : `More groups: with about ${count(groupsNeeded)} groups like these instead of ${count(groups)}, a model of equal quality passes with 80 % power.`,
    )
  if (metricKind === 'binary') {
    if (smallestDetectableDrop !== undefined)
      parts.push(
        `The current set detects losses of about ${points(smallestDetectableDrop).replace('+', '')} or more with 80 % power.`,
      )
    parts.push('New labels help most where the two models disagree.')
  }
  return parts.length > 0 ? parts : ['More items.']
}
