import type { Verdict } from '../gate/index.js'
import type { RunRecord } from '../pipeline/index.js'
import { explainVerdict } from './explain-verdict.js'
import { escapeHtml, htmlPage, htmlTable, paragraph } from './html.js'
import { lossChart, powerChart, reliabilityChart } from './plots/charts.js'
import { intervalRows } from './plots/interval-rows.js'
import { findingRows, findingsHeader } from './report-comparison.js'
import { runSections, runSentence, runTitle } from './report-run.js'

/** A comparison as one page that needs nothing else: what was decided and why, the plots, every finding, the items lost. */
export function reportComparisonHtml(verdict: Verdict, { title }: { readonly title: string }): string {
  return htmlPage(title, [`<h1>${escapeHtml(title)}</h1>`, ...comparison(verdict)].join('\n'))
}

/** A run as one page that needs nothing else. Ids and numbers only: no text of a sample is in it. */
export function reportRunHtml(record: RunRecord): string {
  const title = `Run ${record.runId}: ${runTitle(record)}`
  const loss = lossChart(record.candidate?.record.lossCurve ?? [])
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    paragraph(runSentence(record)),
    ...(record.verdict === undefined ? [] : comparison(record.verdict)),
    ...(loss === '' ? [] : ['<h2>Training</h2>', loss]),
    ...runSections(record).flatMap(({ heading, header, rows, note }) => [
      `<h2>${escapeHtml(heading)}</h2>`,
      htmlTable(header, rows),
      ...(note === undefined ? [] : [`<p class="note">${escapeHtml(note)}</p>`]),
    ]),
  ]
  return htmlPage(title, body.join('\n'))
}

function comparison(verdict: Verdict): readonly string[] {
  const { decided, why, howSure, whatWouldChangeIt } = explainVerdict(verdict)
  const { findings } = verdict
  const section = (heading: string, markup: string) => (markup === '' ? [] : [`<h2>${heading}</h2>`, markup])
  const lost = findings.filter(({ slice, worst }) => slice === undefined && worst !== undefined && worst.length > 0)
  return [
    `<section class="verdict ${verdict.status}">${paragraph(decided)}${paragraph(why)}</section>`,
    `<h2>How sure is that?</h2>${paragraph(howSure)}`,
    `<h2>What would change it?</h2>${paragraph(whatWouldChangeIt)}`,
    ...section('The difference, and how far it is known', intervalRows(findings)),
    ...section('What this set can tell', powerChart(findings)),
    ...section('Calibration', reliabilityChart(findings)),
    '<h2>Every finding</h2>',
    htmlTable(findingsHeader, findingRows(findings)),
    // Of slices there may be hundreds; their numbers say enough.
    ...findings
      .filter(({ slice, critical }) => critical && slice === undefined)
      .map(
        ({ check, status, reason }) =>
          `<p><strong class="${status}">${status}</strong> ${escapeHtml(`${check}: ${reason}`)}.</p>`,
      ),
    ...lost.flatMap(({ worst = [], check, lost: count = worst.length }) => [
      `<h2>Items lost in ${escapeHtml(check)}</h2>`,
      `<p class="note">${worst.length} of ${count}</p><p>${worst.map((id) => `<code>${escapeHtml(id)}</code>`).join(' ')}</p>`,
    ]),
  ]
}
