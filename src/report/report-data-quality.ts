import { escapeHtml } from '../core/index.js'
import {
  type LabelMoves,
  type QualityFinding,
  type QualityReport,
  qualityKinds,
  type TokenDistribution,
} from '../dataset/index.js'
import { htmlPage } from './html.js'
import { count } from './markdown.js'
import { type Section, sectionHtml, sectionMarkdown } from './section.js'

/** Findings per kind that a report lists. */
const mostPerKind = 20
const mostIds = 5

/** Renders the findings about data as Markdown: ids and places, and no text of samples. */
export const reportDataQuality = (report: QualityReport): string =>
  `${[`# ${title(report)}`, ...sectionsOf(report).flatMap(sectionMarkdown)].join('\n\n')}\n`

/** Renders the same as a self-contained HTML page. */
export const reportDataQualityHtml = (report: QualityReport): string =>
  htmlPage(
    title(report),
    [`<h1>${escapeHtml(title(report))}</h1>`, ...sectionsOf(report).flatMap(sectionHtml)].join('\n'),
  )

/** Below a title that names the subject. */
const sectionsOf = (report: QualityReport): readonly Section[] => [
  { ...dataQualitySection(report), heading: 'Findings' },
  ...tokensSection(report),
]

/** The tokens of prompts and answers as a table of a report, if they were counted. */
export function tokensSection({ tokens }: Pick<QualityReport, 'tokens'>): readonly Section[] {
  if (tokens === undefined) return []
  const { tokenizer, rows, uncounted, sample, prompt, answer, roles = {}, limit } = tokens
  const row = (name: string, { minimum, median, p95, maximum, total }: TokenDistribution) => [
    ...[name, count(minimum), count(median), count(p95), count(maximum), count(total)],
  ]
  const notes = [
    `Counted in ${count(rows)} ${rows === 1 ? 'sample' : 'samples'} by the tokenizer of ${tokenizer.name}.`,
    ...Object.entries(roles).map(
      ([role, { messages, tokens }]) => `${role}: ${count(messages)} messages, ${count(tokens)} tokens.`,
    ),
    ...(uncounted > 0 ? [`${count(uncounted)} inputs are neither text nor a conversation and were not counted.`] : []),
    ...(limit === undefined
      ? ['There is no limit.']
      : [`${count(limit.exceeding)} of ${count(rows)} have more than ${count(limit.maximumTokens)} tokens.`]),
  ]
  return [
    {
      heading: 'Tokens',
      header: ['Part', 'Least', 'Median', '95 %', 'Most', 'Total'],
      rows: [
        row('prompt and answer', sample),
        row('prompt', prompt),
        ...(answer === undefined ? [] : [row('answer', answer)]),
      ],
      note: notes.join(' '),
    },
  ]
}

/** The findings as a table of a report. */
export function dataQualitySection(report: QualityReport & { readonly left?: number }): Section {
  const { findings, relabelled, unchecked, left = 0 } = report
  const shown = qualityKinds.flatMap((kind) => findings.filter((one) => one.kind === kind).slice(0, mostPerKind))
  const more = findings.length + left - shown.length
  const notes = [
    ...(findings.length + left === 0 ? ['No findings.'] : []),
    ...(relabelled === undefined || relabelled.rows === 0 ? [] : [movesSentence(relabelled)]),
    ...(more > 0 ? [`${more.toLocaleString('en')} more findings: sheikh data check --json`] : []),
    ...unchecked,
  ]
  return {
    heading: 'Data quality',
    // On a phone, a person sees the first columns without scrolling.
    header: ['Severity', 'Kind', 'Finding', 'Samples', 'First place', 'Key'],
    rows: shown.map((finding) => [
      finding.severity,
      finding.kind,
      finding.message,
      samplesOf(finding),
      placeOf(finding),
      finding.key,
    ]),
    note: notes.length === 0 ? undefined : notes.join(' '),
  }
}

/** Moves between labels that a report names. */
const mostMoves = 10

function movesSentence({ rows, compared, moves }: LabelMoves): string {
  const named = moves.slice(0, mostMoves).map(({ before, after, rows }) => `${before} → ${after} (${rows})`)
  const more = moves.length > mostMoves ? ', and others' : ''
  const [all, some] = [compared, rows].map((count) => count.toLocaleString('en'))
  return `Labels since the release: ${some} of ${all} training rows have another one: ${named.join(', ')}${more}.`
}

function title({ status, rows, findings }: QualityReport): string {
  const failing = findings.filter(({ severity }) => severity === 'fail').length
  const count = (number: number, name: string) => `${number.toLocaleString('en')} ${name}${number === 1 ? '' : 's'}`
  const result = {
    pass: 'no findings',
    warn: count(findings.length, 'warning'),
    fail: failing === 1 ? '1 finding that fails' : `${count(failing, 'finding')} that fail`,
  }
  return `Data quality of ${count(rows, 'row')}: ${result[status]}`
}

function samplesOf({ ids }: QualityFinding): string {
  const named = ids.slice(0, mostIds).join(', ')
  return ids.length > mostIds ? `${named} and ${(ids.length - mostIds).toLocaleString('en')} more` : named
}

function placeOf({ places: [first] }: QualityFinding): string | undefined {
  if (first === undefined) return undefined
  const line = /^line (\d+)$/.exec(first.position)?.[1]
  return line === undefined ? `${first.path} ${first.position}`.trim() : `${first.path}:${line}`
}
