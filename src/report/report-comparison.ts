import type { Finding, Verdict } from '../gate/index.js'
import { explainVerdict } from './explain-verdict.js'
import { escapeMarkdown, markdownTable, percent, points, signed } from './markdown.js'

/** A comparison as Markdown: the decision in a sentence, every finding, and the items that were lost, by id. */
export function reportComparison(verdict: Verdict): string {
  const lost = verdict.findings.filter(
    ({ worst, slice }) => slice === undefined && worst !== undefined && worst.length > 0,
  )
  const { why, howSure, whatWouldChangeIt } = explainVerdict(verdict)
  return [
    `**${words[verdict.status]}** ${escapeMarkdown(verdict.summary)}`,
    [
      `**Why.** ${escapeMarkdown(why)}`,
      `**How sure.** ${escapeMarkdown(howSure)}`,
      `**What would change it.** ${escapeMarkdown(whatWouldChangeIt)}`,
    ].join('\n\n'),
    markdownTable(findingsHeader, findingRows(verdict.findings)),
    ...explained(verdict.findings),
    ...lost.map(lostItems),
  ].join('\n\n')
}

const words = { pass: 'Pass.', fail: 'Fail.', inconclusive: 'Inconclusive.' } as const

export const findingsHeader: readonly string[] = [
  ...['Question', 'Of', 'Answer', 'Estimate', 'Lower', 'Upper', 'Wanted', 'Groups', 'Lost', 'Won'],
]

/** A row a finding, under `findingsHeader`. */
export function findingRows(findings: readonly Finding[]): readonly (readonly (string | number | undefined)[])[] {
  return findings.map((finding) => [
    finding.against === undefined
      ? finding.check
      : `${finding.check} against ${finding.againstVersion ?? finding.against}`,
    finding.slice ?? 'all',
    finding.status,
    shown(finding, finding.estimate),
    shown(finding, finding.lower),
    shown(finding, finding.upper),
    wanted(finding),
    finding.groups,
    finding.lost,
    finding.won,
  ])
}

function shown({ margin, kind, unit }: Finding, value: number | undefined): string | undefined {
  if (value === undefined) return undefined
  if (unit !== undefined) return inUnit(value, unit)
  if (kind !== undefined && kind !== 'binary') return signed(value)
  return margin === undefined ? percent(value) : points(value)
}

const inUnit = (value: number, unit: 'bytes' | 'ms') =>
  unit === 'bytes' ? `${value.toLocaleString('en')} bytes` : `${Number(value.toPrecision(3))} ms`

function wanted({ margin, threshold, kind, unit, check }: Finding): string | undefined {
  if (threshold !== undefined && unit !== undefined) return `≤ ${inUnit(threshold, unit)}`
  if (threshold !== undefined && /^(at-most|calibration)/.test(check)) return `≤ ${percent(threshold)}`
  if (margin !== undefined) return `> ${kind === undefined || kind === 'binary' ? points(-margin) : signed(-margin)}`
  return threshold === undefined ? undefined : `≥ ${percent(threshold)}`
}

/** Whatever did not pass, in its own words. */
function explained(findings: readonly Finding[]): string[] {
  // A slice that is too small to settle anything is in the table; it holds nothing, and needs no sentence.
  const open = findings.filter(
    ({ status, critical, slice }) =>
      critical && (status === 'fail' || (status === 'inconclusive' && slice === undefined)),
  )
  if (open.length === 0) return []
  return [
    open
      .map((finding) => {
        const where = finding.slice === undefined ? '' : ` (${finding.slice})`
        const needed =
          finding.groupsNeeded === undefined
            ? ''
            : ` About ${finding.groupsNeeded} groups would let an identical model pass four times in five.`
        return `- ${finding.status}: ${escapeMarkdown(`${finding.check}${where}: ${finding.reason}`)}${needed}`
      })
      .join('\n'),
  ]
}

function lostItems({ worst = [], check, lost = worst.length }: Finding): string {
  // Between backticks nothing is markup but a backtick; a line break would end the paragraph.
  const ids = worst.map((id) => `\`${id.replace(/[\p{Cc}`]/gu, '?')}\``).join(', ')
  return `Lost in ${escapeMarkdown(check)} (${worst.length} of ${lost} shown): ${ids}`
}
