import {
  type BoundFinding,
  type ComparisonFinding,
  countedChanges,
  type Finding,
  type Verdict,
} from '../../gate/index.js'
import { count, inUnit, percent, points, signed } from '../markdown.js'

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
  const { check, reason, metric, slice } = finding
  const of = slice === undefined ? '' : ` of ${slice}`
  if (finding.kind === 'comparison') return `On ${itemsOf(finding)}${of}, ${difference(finding)}`
  if (finding.kind === 'bound' && metric !== undefined) {
    const unit = inUnit[finding.unit]
    return `On ${itemsOf(finding)}${of}, the new model's ${metric} is ${unit(finding.estimate)}; it must be ${finding.side.replace('-', ' ')} ${unit(finding.threshold)}.`
  }
  return `${capital(check)}${of}: ${reason.replace(/\.$/, '')}.`
}

const itemsOf = ({ items, groups }: BoundFinding | ComparisonFinding) =>
  items === groups ? `${count(groups)} independent items` : `${count(items)} items in ${count(groups)} groups`

function difference(finding: ComparisonFinding): string {
  const { metric, metricKind, margin, estimate, regressions, improvements } = finding
  const asked = margin === 0 ? ' It must be better.' : ''
  return metricKind === 'binary'
    ? `the new model has ${countedChanges(regressions, improvements)} compared with ${referenceOf(finding)}. That is ${change(estimate, ['a gain of', 'a loss of', 'no change'], points)} in ${metric}${values(finding, percent)}.${asked}`
    : `the new model's ${metric} is ${change(estimate, ['better by', 'worse by', 'neither better nor worse'], signed)} than ${referenceOf(finding)}${values(finding, inUnit.number)}.${asked}`
}

/** `version 0.2.0`. A reference without a version, such as a file, has its own name. */
function referenceOf({ against, againstVersion }: ComparisonFinding): string {
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

function values({ referenceValue, candidateValue }: ComparisonFinding, unit: (value: number) => string): string {
  return referenceValue === undefined || candidateValue === undefined
    ? ''
    : ` (${unit(referenceValue)} before, ${unit(candidateValue)} now)`
}

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
