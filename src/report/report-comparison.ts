import type { Finding, Verdict } from '../gate/index.js'
import { explainVerdict } from './explain/explain-verdict.js'
import { isCeiling } from './explain/why.js'
import { count, differenceUnit, escapeMarkdown, isKnown, markdownTable, percent, signed, visible } from './markdown.js'

/** Renders a comparison as Markdown: the decision in sentences, every finding, and the ids of regressed items. */
export function reportComparison(verdict: Verdict): string {
  const { decided, why, howSure, whatWouldChangeIt } = explainVerdict(verdict)
  const open = openReasons(verdict.findings).map(({ status, text }) => `- ${status}: ${escapeMarkdown(text)}`)
  return [
    `**${words[verdict.status]}** ${escapeMarkdown(decided)}`,
    ...(verdict.policyChanges ?? []).map(({ change }) => `**Policy changed.** ${escapeMarkdown(change)}.`),
    `**Why.** ${escapeMarkdown(why)}`,
    `**How certain.** ${escapeMarkdown(howSure)}`,
    `**What would change it.** ${escapeMarkdown(whatWouldChangeIt)}`,
    markdownTable(findingsHeader, findingRows(verdict.findings)),
    ...(open.length === 0 ? [] : [open.join('\n')]),
    ...regressedItemsOf(verdict.findings).map(regressedItems),
  ].join('\n\n')
}

const words = { pass: 'Pass.', fail: 'Fail.', inconclusive: 'Inconclusive.' } as const

export const findingsHeader: readonly string[] = [
  ...[
    'Check',
    'Slice',
    'Result',
    'Estimate',
    'Lower',
    'Upper',
    'Required',
    'Items',
    'Groups',
    'Regressions',
    'Improvements',
  ],
]

/** One row per finding, for the columns of `findingsHeader`. */
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
  // Either one model's value, or the difference between two.
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

/** The reasons of the findings that did not pass. The table says it all about a difference that was measured. */
export function openReasons(
  findings: readonly Finding[],
): readonly { readonly status: 'fail' | 'inconclusive'; readonly text: string }[] {
  return findings.flatMap(({ status, critical, check, slice, required, reason, groupsNeeded, against, estimate }) => {
    // A slice that is too small to decide is in the table. It does not block the release, so it needs no sentence.
    const counts = critical && (slice === undefined || required === true || status === 'fail')
    if (!counts || (status !== 'fail' && status !== 'inconclusive')) return []
    if (against !== undefined && isKnown(estimate)) return []
    const where = slice === undefined ? '' : ` (${slice})`
    const needed = isKnown(groupsNeeded)
      ? ` About ${count(groupsNeeded)} groups are needed for a model of equal quality to pass with 80 % power.`
      : ''
    return [{ status, text: `${check}${where}: ${reason.replace(/\.$/, '')}.${needed}` }]
  })
}

interface Regressed {
  /** Name of the check. */
  readonly name: string
  readonly ids: readonly string[]
  readonly total: number
}

/** The regressed items over all items, per check. */
export function regressedItemsOf(findings: readonly Finding[]): readonly Regressed[] {
  return findings
    .filter(({ slice, regressedIds: ids }) => slice === undefined && ids !== undefined && ids.length > 0)
    .map((finding) => {
      const { regressedIds: ids = [], regressions } = finding
      return { name: questionOf(finding), ids, total: Math.max(ids.length, isKnown(regressions) ? regressions : 0) }
    })
}

function regressedItems({ name, ids, total }: Regressed): string {
  // Between backticks, only a backtick is markup.
  const shownIds = ids.map((id) => `\`${visible(id).replaceAll('`', '?')}\``).join(', ')
  return `Regressions in ${escapeMarkdown(name)} (${ids.length} of ${total} shown): ${shownIds}`
}
