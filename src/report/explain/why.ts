import { countedChanges, type Finding, type Verdict } from '../../gate/index.js'
import { count, isKnown, percent, points, signed } from '../markdown.js'

const mostNames = 3

/** Explains the deciding finding in numbers, and lists other findings with the same status. */
export function why({ status, summary, findings }: Verdict, [deciding, ...others]: readonly Finding[]): string {
  if (deciding === undefined) return summary === '' ? 'No critical check passed.' : summary
  const first =
    status === 'pass' &&
    findings.some((finding) => finding.status === 'not-applicable') &&
    findings.every(({ against }) => against === undefined)
      ? ' No earlier release exists to compare it with.'
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
    regressions,
    improvements,
    estimate,
    threshold,
    against,
  } = finding
  const of = slice === undefined ? '' : ` of ${slice}`
  if (isKnown(estimate) && isKnown(groups) && metric !== undefined) {
    const asked = check.startsWith('improves(') ? ' It must be better.' : ''
    const items = `${isKnown(all) && all !== groups ? `${count(all)} items in ${count(groups)} groups` : `${count(groups)} independent items`}${of}`
    if (against !== undefined && kind === 'binary' && isKnown(regressions) && isKnown(improvements))
      return `On ${items}, the new model has ${countedChanges(regressions, improvements)} compared with ${referenceOf(finding)}. That is ${change(estimate, ['a gain of', 'a loss of', 'no change'], points)} in ${metric}${values(finding, percent)}.${asked}`
    if (against !== undefined)
      return `On ${items}, the new model's ${metric} is ${change(estimate, ['better by', 'worse by', 'neither better nor worse'], signed)} than ${referenceOf(finding)}${values(finding, number)}.${asked}`
    if (isKnown(threshold) && unit === undefined)
      return `On ${items}, the new model's ${metric} is ${percent(estimate)}; it must be at ${isCeiling(finding) ? 'most' : 'least'} ${percent(threshold)}.`
  }
  return `${capital(check)}${of}: ${reason.replace(/\.$/, '')}.`
}

/** Whether the finding compares a "lower is better" value with a threshold. */
export const isCeiling = ({ check, unit }: Finding) => unit !== undefined || /^(at-most|calibration)/.test(check)

/** `version 0.2.0`. A reference without a version, such as a file, has its own name. */
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

// Five digits, because a small difference of large values shows only in their last digits.
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
