import { type Finding, refusedForGood, type Verdict } from '../../gate/index.js'
import { count, isKnown, points } from '../markdown.js'

/** What would lead to another verdict. */
export function whatWouldChangeIt({ status, findings }: Verdict, finding: Finding | undefined): string {
  if (status === 'pass') return afterPass(findings)
  const never = refusedForGood(findings)
  if (never !== undefined) return `Other weights. The check ${never.check} cannot be overridden.`
  if (status === 'fail')
    return 'Another model. If the items themselves are wrong, correct them in a commit of their own. A person who answers for it may override this, with a reason and an end date.'
  const person = 'Or a person decides, and gives a reason.'
  if (finding === undefined) return `A question that counts, answered with yes. ${person}`
  if (!isKnown(finding.estimate))
    return `An answer: mend what stood in its way, or ask what the items can tell, and run again. ${person}`
  return [...size(finding), person].join(' ')
}

function afterPass(findings: readonly Finding[]): string {
  const slices = findings.filter(({ slice, critical }) => slice !== undefined && critical)
  const open = slices.filter(({ status }) => status === 'inconclusive').length
  return open === 0
    ? 'Nothing that is known now. New data or new items would be judged anew.'
    : `Nothing that is known now. Of ${count(slices.length)} slices ${count(open)} ${open === 1 ? 'is' : 'are'} too small to settle alone: more items there would show what the whole hides.`
}

function size({ against, items, groups, groupsNeeded, smallestDetectableDrop, kind }: Finding): readonly string[] {
  if (against === undefined) return ['More items, or a model that is clearly on one side of what is asked.']
  const parts: string[] = []
  if (isKnown(groupsNeeded) && isKnown(groups) && groupsNeeded > groups)
    parts.push(
      (items ?? groups) === groups
        ? `More items: with about ${count(groupsNeeded)} independent ones in place of ${count(groups)}, a model of the same quality passes four times in five.`
        : `More groups: with about ${count(groupsNeeded)} like these in place of ${count(groups)}, a model of the same quality passes four times in five.`,
    )
  if (isKnown(smallestDetectableDrop) && kind === 'binary')
    parts.push(
      `These show a loss only from about ${points(smallestDetectableDrop).replace('+', '')} on (four times in five).`,
    )
  if (kind === 'binary') parts.push('New labels help most where the two models disagree.')
  return parts.length > 0 ? parts : ['More items.']
}
