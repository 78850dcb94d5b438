import { escapeHtml, escapeMarkdown } from '../core/index.js'
import { type DriftReport, type DriftTest, nameOf } from '../drift/index.js'
import { htmlPage, paragraph } from './html.js'
import { count, percent } from './markdown.js'
import { type Section, sectionHtml, sectionMarkdown } from './section.js'

const words = { found: 'Drift found', none: 'No drift found', 'not-enough-data': 'Not enough data' } as const
const kinds = { found: 'fail', none: 'pass', 'not-enough-data': 'inconclusive' } as const

/** Renders a comparison of live traffic with the training data as Markdown. It contains text of users only if the report does. */
export function reportDrift(report: DriftReport, { title }: { readonly title: string }): string {
  const blocks = [
    `# ${escapeMarkdown(title)}`,
    `**${words[report.status]}.** ${escapeMarkdown(report.summary)}`,
    escapeMarkdown(comparedText(report)),
    ...sectionsOf(report).flatMap(sectionMarkdown),
  ]
  return `${blocks.join('\n\n')}\n`
}

/** Renders the same as a self-contained HTML page. */
export function reportDriftHtml(report: DriftReport, { title }: { readonly title: string }): string {
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    `<section class="verdict ${kinds[report.status]}"><h2>${words[report.status]}</h2>${paragraph(report.summary)}</section>`,
    paragraph(comparedText(report), 'note'),
    ...sectionsOf(report).flatMap(sectionHtml),
  ]
  return htmlPage(title, body.join('\n'))
}

function comparedText({ reference, live, level, look, minimumEffect }: DriftReport): string {
  const of = ({ items, compared }: DriftReport['live']) =>
    items === compared ? count(items) : `${count(compared)} of ${count(items)}`
  const share = look === undefined ? '' : ` (look ${look})`
  return `Compared: ${of(reference)} reference items and ${of(live)} live items. Level ${Number(level.toPrecision(2))}${share}, smallest effect ${minimumEffect}.`
}

function sectionsOf({ tests, skipped }: DriftReport): readonly Section[] {
  const rows = tests.map((test) => [
    ...[nameOf(test), test.effect.toFixed(2), pText(test.pValue), pText(test.adjusted)],
    test.isFound ? 'drift' : '',
  ])
  return [
    ...(tests.length === 0
      ? []
      : [
          {
            heading: 'Tests',
            header: ['part', 'effect', 'p', 'p (corrected)', 'result'],
            rows,
            note: 'The effect is the share of items that would have to change at least, from 0 to 1.',
          },
        ]),
    ...tests.flatMap(changesOf),
    ...(skipped.length === 0
      ? []
      : [
          { heading: 'Not compared', header: ['part', 'why'], rows: skipped.map(({ part, reason }) => [part, reason]) },
        ]),
  ]
}

function changesOf(test: DriftTest): readonly Section[] {
  if (test.changes === undefined || test.changes.length === 0) return []
  const rows = test.changes.map(({ value, reference, live }) => [value, percent(reference), percent(live)])
  return [{ heading: `Changed shares: ${nameOf(test)}`, header: ['value', 'reference', 'live'], rows }]
}

const pText = (p: number) => (p < 1e-4 ? '< 0.0001' : p.toFixed(4))
