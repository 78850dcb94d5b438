import type { Finding, Verdict } from '../../gate/index.js'
import { count, isKnown, percent, points, signed } from '../markdown.js'

const mostNames = 3

/** What was seen, in the numbers of the finding that decided, and where else the same was found. */
export function why({ status, summary, findings }: Verdict, [deciding, ...others]: readonly Finding[]): string {
  if (deciding === undefined) return summary === '' ? 'No question that counts was answered with yes.' : summary
  const first =
    status === 'pass' &&
    findings.some((finding) => finding.status === 'not-applicable') &&
    findings.every(({ against }) => against === undefined)
      ? ' No earlier release is there to compare it with.'
      : ''
  return `${seen(deciding)}${first}${status === 'pass' ? '' : elsewhere(deciding, others, status)}`
}

function seen(finding: Finding): string {
  const {
    check,
    reason,
    metric,
    kind,
    unit,
    slice,
    items: all,
    groups,
    regressions: lost,
    improvements: won,
    estimate,
    threshold,
    against,
  } = finding
  const of = slice === undefined ? '' : ` of ${slice}`
  if (isKnown(estimate) && isKnown(groups) && metric !== undefined) {
    const asked = check.startsWith('improves(') ? ' It has to be better.' : ''
    const items = `${isKnown(all) && all !== groups ? `${count(all)} items in ${count(groups)} groups` : `${count(groups)} independent items`}${of}`
    if (against !== undefined && kind === 'binary' && isKnown(lost) && isKnown(won))
      return `Of ${items}, the new model lost ${count(lost)} that ${referenceOf(finding)} had right, and won ${count(won)} that it had wrong. That is ${change(estimate, ['a gain of', 'a loss of', 'no change'], points)} in ${metric}${values(finding, percent)}.${asked}`
    if (against !== undefined)
      return `Over ${items}, the new model's ${metric} is ${change(estimate, ['better by', 'worse by', 'neither better nor worse'], signed)} than that of ${referenceOf(finding)}${values(finding, number)}.${asked}`
    if (isKnown(threshold) && unit === undefined)
      return `Over ${items}, the new model's ${metric} is ${percent(estimate)}; it has to be at ${isCeiling(finding) ? 'most' : 'least'} ${percent(threshold)}.`
  }
  return `${capital(check)}${of}: ${reason.replace(/\.$/, '')}.`
}

/** Whether less is better of what the finding holds against a threshold. */
export const isCeiling = ({ check, unit }: Finding) => unit !== undefined || /^(at-most|calibration)/.test(check)

/** `version 0.2.0`; what is no version, such as a file, goes by its own name. */
export function referenceOf({ against, againstVersion = 'the other' }: Finding): string {
  const name = /^\d/.test(againstVersion) ? `version ${againstVersion}` : againstVersion
  return against === 'best' ? `${name}, the best so far,` : name
}

function change(
  difference: number,
  [better, worse, none]: readonly [string, string, string],
  unit: (value: number) => string,
): string {
  const size = unit(Math.abs(difference)).replace('+', '')
  return /^0(\.0)?( |$)/.test(size) ? none : `${difference > 0 ? better : worse} ${size}`
}

function values({ referenceValue, candidateValue }: Finding, unit: (value: number) => string): string {
  if (!isKnown(referenceValue) || !isKnown(candidateValue)) return ''
  return ` (${unit(referenceValue)} before, ${unit(candidateValue)} now)`
}

// A small difference of large values is seen in their last digits.
const number = (value: number) => String(Number(value.toPrecision(5))).replace('-', '−')

function elsewhere(deciding: Finding, others: readonly Finding[], status: 'fail' | 'inconclusive'): string {
  const names = [
    ...new Set(
      others.map((other) =>
        other.slice !== undefined
          ? other.slice
          : other.check === deciding.check && other.against !== undefined
            ? `${other.check} against ${other.againstVersion ?? other.against}`
            : other.check,
      ),
    ),
  ]
  if (names.length === 0) return ''
  const more = names.length > mostNames ? ` and ${names.length - mostNames} more` : ''
  return ` ${status === 'fail' ? 'It also failed' : 'Also open'}: ${names.slice(0, mostNames).join(', ')}${more}.`
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
