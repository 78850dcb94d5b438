import type { Finding, Verdict } from '../gate/index.js'
import { percent, points, signed } from './markdown.js'

/** A verdict in sentences for somebody who did not make the model. */
export interface Explanation {
  readonly decided: string
  readonly why: string
  readonly howSure: string
  readonly whatWouldChangeIt: string
}

/** What was decided, why, how sure it is and what would change it, from the findings' own numbers. */
export function explainVerdict(verdict: Verdict): Explanation {
  const critical = verdict.findings.filter((finding) => finding.critical)
  const deciding =
    verdict.status === 'pass'
      ? (critical.find(
          ({ status, against, slice }) => status === 'pass' && against !== undefined && slice === undefined,
        ) ?? critical.find(({ status }) => status === 'pass'))
      : critical.find(
          ({ status, slice, required }) =>
            status === verdict.status && (status === 'fail' || slice === undefined || required === true),
        )
  return {
    decided: decided[verdict.status],
    why: deciding === undefined ? 'No question that counts was answered with yes.' : why(deciding),
    howSure: howSure(verdict, deciding),
    whatWouldChangeIt: whatWouldChangeIt(verdict, deciding),
  }
}

const decided = {
  pass: 'The new model may be released.',
  fail: 'The new model must not be released.',
  inconclusive: 'The evidence does not settle whether the new model may be released.',
} as const

function why(finding: Finding): string {
  const { against, againstVersion, groups, lost, won, slice, estimate, kind, metric } = finding
  const where = slice === undefined ? '' : ` in ${slice}`
  if (against === undefined || groups === undefined || estimate === undefined)
    return `${capital(finding.check)}${where}: ${finding.reason}.`
  const other = `${against === 'best' ? 'the best release, ' : 'release '}${againstVersion ?? against}`
  if (kind === 'binary' && lost !== undefined && won !== undefined)
    return `Of ${groups} independent items${where}, ${other} had ${lost} right that the new model has wrong, and the new model has ${won} right that it had wrong: a change of ${points(estimate)} in ${metric}.`
  return `Over ${groups} independent items${where}, ${metric} changed by ${signed(estimate)} against ${other} (above 0 is better).`
}

function howSure({ status, reuse }: Verdict, finding: Finding | undefined): string {
  const parts: string[] = []
  const { pFail, pFailAdjusted = pFail, pPass, margin, lower, kind, alpha = 0.05, against } = finding ?? {}
  const unit = (value: number) => (kind === undefined || kind === 'binary' ? points(value) : signed(value))
  if (status === 'fail' && pFailAdjusted !== undefined)
    parts.push(`If the new model were as good, a loss this large would come by chance ${oneIn(pFailAdjusted)}.`)
  else if (status === 'pass' && against !== undefined && pPass !== undefined && margin !== undefined)
    parts.push(
      `If it were worse by the margin of ${unit(margin).replace('+', '')}, it would look this good ${oneIn(pPass)}; the rule is at most 1 time in ${Math.round(1 / alpha)}.`,
    )
  else if (status === 'inconclusive' && lower !== undefined && margin !== undefined)
    parts.push(`The true change may be as low as ${unit(lower)}, and ${unit(-margin)} is the most that is tolerated.`)
  else if (lower !== undefined && finding?.threshold !== undefined && finding.unit === undefined)
    parts.push(`With 95 % confidence the true value is at least ${percent(lower)}.`)
  if (reuse !== undefined && reuse.use > 1)
    parts.push(
      `These items have judged ${reuse.use} candidates${reuse.uses === undefined ? '' : ` of the ${reuse.uses} that they may`}: the chance that a bad one passed by now is up to ${percent(reuse.falsePassChance)}.`,
    )
  return parts.length > 0
    ? parts.join(' ')
    : 'It is no matter of chance: the question was answered by looking, not by sampling.'
}

function whatWouldChangeIt({ status, findings }: Verdict, finding: Finding | undefined): string {
  if (status === 'pass') {
    const small = findings.filter((one) => one.status === 'inconclusive' && one.slice !== undefined)
    return small.length === 0
      ? 'Nothing that is known now. New data, new items or a complaint would be judged anew.'
      : `${small.length} of the slices are too small to say anything of by themselves; more items there would.`
  }
  if (finding?.overridable === false) return 'Only another training: weights that are not whole are never released.'
  if (status === 'fail')
    return 'Another model. If the items themselves are wrong, correct them in a commit of their own; a person who answers for it may override, with a reason and an end.'
  const { groupsNeeded, groups, smallestDetectableDrop } = finding ?? {}
  const more =
    groupsNeeded !== undefined && groups !== undefined && groupsNeeded > groups
      ? `About ${groupsNeeded.toLocaleString('en')} independent items, in place of ${groups.toLocaleString('en')}, would pass a model of the same quality four times in five. `
      : ''
  const seen =
    smallestDetectableDrop === undefined || finding?.kind !== 'binary'
      ? ''
      : `With these it sees a loss of ${points(smallestDetectableDrop).replace('+', '')} four times in five. `
  return `${more}${seen}More labels help most where the two models disagree; or a person decides, and gives a reason.`
}

/** `fewer than 1 time in 10,000`, `1 time in 40`. */
function oneIn(chance: number): string {
  if (chance < 1e-4) return 'fewer than 1 time in 10,000'
  return `about 1 time in ${Math.max(1, Math.round(1 / chance)).toLocaleString('en')}`
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
