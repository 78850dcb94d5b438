import { escapeMarkdown, visible } from '../../core/index.js'
import type { BoundFinding, ComparisonFinding, Finding, LimitFinding, Verdict } from '../../gate/index.js'
import { explainVerdict } from '../explain/explain-verdict.js'
import { count, differenceUnit, inUnit, markdownTable } from '../markdown.js'

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

type Cell = string | number | undefined

/** One row per finding, for the columns of `findingsHeader`. */
export function findingRows(findings: readonly Finding[]): readonly (readonly Cell[])[] {
  return findings.map((finding) => {
    const { estimate, lower, upper, required, items, groups, regressions, improvements } = cellsOf(finding)
    return [
      ...[questionOf(finding), finding.slice ?? 'all', finding.status],
      ...[estimate, lower, upper, required, items, groups, regressions, improvements],
    ]
  })
}

const questionOf = ({ check, against, againstVersion }: Finding) =>
  against === undefined ? check : `${check} against ${againstVersion ?? against}`

/** The cells of the numbers that a finding has. */
function cellsOf(finding: Finding): Readonly<Record<string, Cell>> {
  switch (finding.kind) {
    case 'statement':
      return {}
    case 'value': {
      const { metricKind, candidateValue, items } = finding
      return { estimate: inUnit[metricKind === 'binary' ? 'ratio' : 'number'](candidateValue), items }
    }
    case 'regressions': {
      const { items, groups, regressions, allowed } = finding
      return { items, groups, regressions, required: `≤ ${count(allowed)}` }
    }
    case 'limit':
      return { estimate: inUnit[finding.unit](finding.estimate), required: thresholdOf(finding) }
    case 'bound': {
      const { items, groups, unit } = finding
      return { ...intervalOf(finding, inUnit[unit]), required: thresholdOf(finding), items, groups }
    }
    case 'comparison': {
      const { items, groups, regressions, improvements, margin, metricKind } = finding
      const unit = differenceUnit(metricKind)
      return { ...intervalOf(finding, unit), required: `> ${unit(-margin)}`, items, groups, regressions, improvements }
    }
  }
}

function intervalOf({ estimate, lower, upper }: BoundFinding | ComparisonFinding, unit: (value: number) => string) {
  const bound = (value: number | undefined) => (value === undefined ? undefined : unit(value))
  return { estimate: unit(estimate), lower: bound(lower), upper: bound(upper) }
}

const thresholdOf = ({ side, threshold, unit }: LimitFinding | BoundFinding) =>
  `${side === 'at-most' ? '≤' : '≥'} ${inUnit[unit](threshold)}`

/** The reasons of the findings that did not pass. The table says it all about a difference that was measured. */
export function openReasons(
  findings: readonly Finding[],
): readonly { readonly status: 'fail' | 'inconclusive'; readonly text: string }[] {
  return findings.flatMap(({ kind, status, critical, check, slice, required, reason }) => {
    // A slice that is too small to decide is in the table. It does not block the release, so it needs no sentence.
    const counts = critical && (slice === undefined || required === true || status === 'fail')
    if (!counts || (status !== 'fail' && status !== 'inconclusive') || kind === 'comparison') return []
    const where = slice === undefined ? '' : ` (${slice})`
    return [{ status, text: `${check}${where}: ${reason.replace(/\.$/, '')}.` }]
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
  return findings.flatMap((finding) => {
    if ((finding.kind !== 'comparison' && finding.kind !== 'regressions') || finding.slice !== undefined) return []
    const { regressedIds: ids, regressions: total } = finding
    return ids.length === 0 ? [] : [{ name: questionOf(finding), ids, total }]
  })
}

export function regressedItems({ name, ids, total }: Regressed): string {
  // Between backticks, only a backtick is markup.
  const shownIds = ids.map((id) => `\`${visible(id).replaceAll('`', '?')}\``).join(', ')
  return `Regressions in ${escapeMarkdown(name)} (${ids.length} of ${total} shown): ${shownIds}`
}
