import { escapeHtml } from '../../core/index.js'
import type { Finding, Verdict } from '../../gate/index.js'
import type { RunRecord } from '../../pipeline/index.js'
import { explainVerdict } from '../explain/explain-verdict.js'
import { htmlPage, htmlTable, paragraph, prose } from '../html.js'
import { count } from '../markdown.js'
import { intervalRows } from '../plots/interval-rows.js'
import { lossCurve } from '../plots/loss-curve.js'
import { powerCurve } from '../plots/power-curve.js'
import { reliabilityDiagram } from '../plots/reliability-diagram.js'
import { sectionHtml } from '../section.js'
import { findingRows, findingsHeader, openReasons, regressedItemsOf } from './report-comparison.js'
import type { ReportDetails } from './report-details.js'
import { runLine, runSections, runSentence, runTitle } from './report-run.js'

/**
 * Renders a comparison as a self-contained HTML page: the decision and its reasons, plots, every finding, and the
 * regressed items.
 */
export function reportComparisonHtml(verdict: Verdict, { title }: { readonly title: string }): string {
  return htmlPage(title, comparisonMarkup(verdict, { title }))
}

/** What is inside the page of a comparison. */
export const comparisonMarkup = (verdict: Verdict, { title }: { readonly title: string }): string =>
  [`<h1>${escapeHtml(title)}</h1>`, ...comparison(verdict)].join('\n')

/** Renders a run as a self-contained HTML page. It contains ids and numbers, and text of samples only with `inputs`. */
export function reportRunHtml(record: RunRecord, details: ReportDetails = {}): string {
  return htmlPage(runTitle(record, details), runMarkup(record, details))
}

/** What is inside the page of a run. */
export function runMarkup(record: RunRecord, details: ReportDetails = {}): string {
  const training = lossCurve(record.candidate?.record.lossCurve ?? [])
  return [
    `<h1>${escapeHtml(runTitle(record, details))}</h1>`,
    paragraph(runLine(record), 'note'),
    paragraph(runSentence(record)),
    ...(record.verdict === undefined ? charts([['Training', training]]) : comparison(record.verdict, training)),
    ...runSections(record, details).flatMap(sectionHtml),
  ].join('\n')
}

const section = (heading: string, markup: string) => (markup === '' ? [] : [`<h2>${heading}</h2>`, markup])

/** Side by side where the page is wide enough. */
function charts(plots: readonly (readonly [heading: string, plot: string])[]): readonly string[] {
  const drawn = plots.flatMap(([heading, plot]) => section(heading, plot).join('') || [])
  return drawn.length === 0
    ? []
    : [`<div class="charts">${drawn.map((plot) => `<section>${plot}</section>`).join('\n')}</div>`]
}

/** @param training the plot of the training, empty if there is none. */
function comparison(verdict: Verdict, training = ''): readonly string[] {
  const { decided, why, howSure, whatWouldChangeIt } = explainVerdict(verdict)
  const { status, findings } = verdict
  const said = (heading: string, text: string) => `<h3>${heading}</h3>${paragraph(text)}`
  return [
    `<section class="verdict ${status}"><h2>${escapeHtml(decided)}</h2>`,
    `${paragraph(why)}${said('How certain is this?', howSure)}${said('What would change it?', whatWouldChangeIt)}</section>`,
    ...section('Changes and their confidence intervals', intervalRows(findings)),
    ...charts([
      ['What this evaluation set can detect', powerCurve(findings)],
      ['Calibration', reliabilityDiagram(findings)],
      ['Training', training],
    ]),
    '<h2>All checks</h2>',
    tables(findings),
    paragraph(
      'Groups are independent; the items of one group may not be. Regressions are items on which the new model is worse; improvements are items on which it is better.',
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
