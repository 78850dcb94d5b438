import type { Finding, Verdict } from '../gate/index.js'
import { explainVerdict } from './explain/explain-verdict.js'
import { isCeiling } from './explain/why.js'
import { count, differenceUnit, escapeMarkdown, isKnown, markdownTable, percent, signed, visible } from './markdown.js'

/** A comparison as Markdown: what was decided in sentences, every finding, and the items that were lost, by id. */
export function reportComparison(verdict: Verdict): string {
  const { why, howSure, whatWouldChangeIt } = explainVerdict(verdict)
  const open = openReasons(verdict.findings).map(({ status, text }) => `- ${status}: ${escapeMarkdown(text)}`)
  return [
    `**${words[verdict.status]}** ${escapeMarkdown(verdict.summary)}`,
    ...(verdict.policyChanges ?? []).map(({ change }) => `**Policy changed.** ${escapeMarkdown(change)}.`),
    `**Why.** ${escapeMarkdown(why)}`,
    `**How sure.** ${escapeMarkdown(howSure)}`,
    `**What would change it.** ${escapeMarkdown(whatWouldChangeIt)}`,
    markdownTable(findingsHeader, findingRows(verdict.findings)),
    ...(open.length === 0 ? [] : [open.join('\n')]),
    ...lostOf(verdict.findings).map(lostItems),
  ].join('\n\n')
}

const words = { pass: 'Pass.', fail: 'Fail.', inconclusive: 'Inconclusive.' } as const

export const findingsHeader: readonly string[] = [
  ...['Question', 'Of', 'Answer', 'Estimate', 'Lower', 'Upper', 'Wanted', 'Items', 'Groups', 'Lost', 'Won'],
]

/** A row a finding, under `findingsHeader`. */
export function findingRows(findings: readonly Finding[]): readonly (readonly (string | number | undefined)[])[] {
  return findings.map((finding) => [
    questionOf(finding),
    finding.slice ?? 'all',
    finding.status,
    shown(finding, finding.estimate),
    shown(finding, finding.lower),
    shown(finding, finding.upper),
    wanted(finding),
    ...[finding.items, finding.groups, finding.regressions, finding.improvements].map((value) =>
      isKnown(value) ? value : undefined,
    ),
  ])
}

const questionOf = ({ check, against, againstVersion }: Finding) =>
  against === undefined ? check : `${check} against ${againstVersion ?? against}`

function shown({ against, margin, kind, unit }: Finding, value: number | undefined): string | undefined {
  if (!isKnown(value)) return undefined
  if (unit !== undefined) return inUnit(value, unit)
  // A value of one model, or the difference of two.
  const isDifference = against !== undefined || margin !== undefined
  return isDifference
    ? differenceUnit(kind)(value)
    : kind === undefined || kind === 'binary'
      ? percent(value)
      : signed(value)
}

const inUnit = (value: number, unit: 'bytes' | 'ms') =>
  unit === 'bytes' ? `${count(value)} bytes` : `${Number(value.toPrecision(3))} ms`

function wanted(finding: Finding): string | undefined {
  const { margin, threshold, kind, unit } = finding
  if (isKnown(threshold)) {
    const value = unit === undefined ? percent(threshold) : inUnit(threshold, unit)
    return `${isCeiling(finding) ? '≤' : '≥'} ${value}`
  }
  return isKnown(margin) ? `> ${differenceUnit(kind)(-margin)}` : undefined
}

/** Whatever did not pass, in its own words. */
export function openReasons(
  findings: readonly Finding[],
): readonly { readonly status: 'fail' | 'inconclusive'; readonly text: string }[] {
  return findings.flatMap(({ status, critical, check, slice, required, reason, groupsNeeded }) => {
    // A slice that is too small to settle anything is in the table; it holds nothing, and needs no sentence.
    const counts = critical && (slice === undefined || required === true || status === 'fail')
    if (!counts || (status !== 'fail' && status !== 'inconclusive')) return []
    const where = slice === undefined ? '' : ` (${slice})`
    const needed = isKnown(groupsNeeded)
      ? ` About ${count(groupsNeeded)} groups would let an identical model pass four times in five.`
      : ''
    return [{ status, text: `${check}${where}: ${reason.replace(/\.$/, '')}.${needed}` }]
  })
}

interface Lost {
  /** Of the question that was asked. */
  readonly name: string
  readonly worst: readonly string[]
  readonly lost: number
}

/** The items that were lost over all, by question. */
export function lostOf(findings: readonly Finding[]): readonly Lost[] {
  return findings
    .filter(({ slice, regressedIds: worst }) => slice === undefined && worst !== undefined && worst.length > 0)
    .map((finding) => {
      const { regressedIds: worst = [], regressions: lost } = finding
      return { name: questionOf(finding), worst, lost: Math.max(worst.length, isKnown(lost) ? lost : 0) }
    })
}

function lostItems({ name, worst, lost }: Lost): string {
  // Between backticks nothing is markup but a backtick.
  const ids = worst.map((id) => `\`${visible(id).replaceAll('`', '?')}\``).join(', ')
  return `Lost in ${escapeMarkdown(name)} (${worst.length} of ${lost} shown): ${ids}`
}
