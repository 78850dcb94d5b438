import type { Finding, Verdict } from '../gate/index.js'
import type { RunRecord } from '../pipeline/index.js'
import { explainVerdict } from './explain/explain-verdict.js'
import { escapeHtml, htmlPage, htmlTable, paragraph, prose } from './html.js'
import { count } from './markdown.js'
import { intervalRows } from './plots/interval-rows.js'
import { lossCurve } from './plots/loss-curve.js'
import { powerCurve } from './plots/power-curve.js'
import { reliabilityDiagram } from './plots/reliability-diagram.js'
import { findingRows, findingsHeader, openReasons, regressedItemsOf } from './report-comparison.js'
import { runSections, runSentence, runTitle } from './report-run.js'

/**
 * Renders a comparison as a self-contained HTML page: the decision and its reasons, plots, every finding, and the
 * regressed items.
 */
export function reportComparisonHtml(verdict: Verdict, { title }: { readonly title: string }): string {
  return htmlPage(title, [`<h1>${escapeHtml(title)}</h1>`, ...comparison(verdict)].join('\n'))
}

/** Renders a run as a self-contained HTML page. It contains ids and numbers, but no text of samples. */
export function reportRunHtml(record: RunRecord): string {
  const title = runTitle(record)
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    paragraph(runSentence(record)),
    ...(record.verdict === undefined ? [] : comparison(record.verdict)),
    ...section('Training', lossCurve(record.candidate?.record.lossCurve ?? [])),
    ...runSections(record).flatMap(({ heading, header, rows, note, isList }) => [
      `<h2>${escapeHtml(heading)}</h2>`,
      isList === true ? values(rows) : htmlTable(heading, header, rows),
      ...(note === undefined ? [] : [paragraph(note, 'note')]),
    ]),
  ]
  return htmlPage(title, body.join('\n'))
}

const section = (heading: string, markup: string) => (markup === '' ? [] : [`<h2>${heading}</h2>`, markup])

/** A list of names with one value each. Digests are too long for a table on a phone. */
function values(rows: readonly (readonly (string | number | undefined)[])[]): string {
  const lines = rows.map(([name, value]) => `<dt>${escapeHtml(String(name))}</dt><dd>${escapeHtml(String(value))}</dd>`)
  return `<dl class="values">${lines.join('\n')}</dl>`
}

function comparison(verdict: Verdict): readonly string[] {
  const { decided, why, howSure, whatWouldChangeIt } = explainVerdict(verdict)
  const { status, findings } = verdict
  const said = (heading: string, text: string) => `<h3>${heading}</h3>${paragraph(text)}`
  return [
    `<section class="verdict ${status}"><h2>${escapeHtml(decided)}</h2>`,
    `${paragraph(why)}${said('How certain is this?', howSure)}${said('What would change it?', whatWouldChangeIt)}</section>`,
    ...section('Changes and their confidence intervals', intervalRows(findings)),
    ...section('What this evaluation set can detect', powerCurve(findings)),
    ...section('Calibration', reliabilityDiagram(findings)),
    '<h2>All checks</h2>',
    tables(findings),
    paragraph(
      'Groups are independent; the items of one group may not be. Regressions were correct before and are wrong now; improvements were wrong before and are correct now.',
      'note',
    ),
    ...openReasons(findings).map(
      ({ status, text }) => `<p><strong class="${status}">${status}</strong> ${prose(text)}</p>`,
    ),
    ...regressedItemsOf(findings).flatMap(({ name, ids, total }) => [
      `<h2>Regressed items: ${escapeHtml(name)}</h2>`,
      `<p>${ids.map((id) => `<code>${escapeHtml(id)}</code>`).join(' ')}</p>`,
      paragraph(`${count(ids.length)} of ${count(total)}, by id.`, 'note'),
    ]),
  ]
}

/** One table for all items, and one per check with its slices. */
function tables(findings: readonly Finding[]): string {
  const [question, slice, ...rest] = findingsHeader as [string, string, ...string[]]
  const rows = findingRows(findings)
  const isWhole = (_: unknown, index: number) => findings[index]!.slice === undefined
  const questions = new Map<string, (typeof rows)[number][]>()
  for (const [index, [name, ...row]] of rows.entries())
    if (!isWhole(0, index)) questions.set(String(name), [...(questions.get(String(name)) ?? []), row])
  const whole = rows.filter(isWhole).map(([name, , ...row]) => [name, ...row])
  return [
    ...(whole.length === 0 ? [] : [htmlTable('All items', [question, ...rest], whole)]),
    ...[...questions].map(
      ([name, slices]) => `<h3>By slice: ${escapeHtml(name)}</h3>${htmlTable(name, [slice, ...rest], slices)}`,
    ),
  ].join('\n')
}
