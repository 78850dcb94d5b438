import { escapeHtml, escapeMarkdown } from '../core/index.js'
import type { Review } from '../repository/index.js'
import { htmlPage, paragraph } from './html.js'
import { diffBlocksHtml, diffTitle, reportDiff } from './report-diff.js'
import { outlookHtml, outlookMarkdown } from './report-outlook.js'
import { qualityHtml, qualityMarkdown } from './report-quality.js'

const words = { pass: 'Pass.', fail: 'Fail.', inconclusive: 'Inconclusive.' } as const
const mostPlaces = 20

/** Renders a review as Markdown: the verdict, the problems with their places, quality, what the merge leads to, and what changed. */
export function reportReview(review: Review): string {
  const { verdict, summary, problems, warnings, missing, notices, diff, quality, afterMerge } = review
  const places = [...problems, ...warnings].flatMap((problem) => problem.places)
  const lines = [
    // The summary contains the first.
    ...[...problems.slice(1), ...warnings].map(({ message }) => `- ${escapeMarkdown(message)}`),
    ...missing.map((message) => `- Needed for a run: ${escapeMarkdown(message)}`),
    ...notices.map((message) => `- ${escapeMarkdown(message)}`),
  ]
  const named = places
    .slice(0, mostPlaces)
    .map(
      ({ path, line, message }) =>
        `- ${escapeMarkdown(path)}${line === undefined ? '' : `:${line}`}: ${escapeMarkdown(message)}`,
    )
  const more = places.length > mostPlaces ? [`- and ${places.length - mostPlaces} more`] : []
  return [
    headline(verdict, summary),
    ...(lines.length === 0 ? [] : [lines.join('\n')]),
    ...(named.length === 0 ? [] : [`**Places**`, [...named, ...more].join('\n')]),
    ...qualityMarkdown(quality),
    ...outlookMarkdown(afterMerge),
    // The heading of the comparison, one level lower.
    reportDiff(diff)
      .replace(/^(#+) /gm, '#$1 ')
      .trimEnd(),
  ].join('\n\n')
}

/** The verdict in bold and the summary, which may begin with the same word. */
function headline(verdict: Review['verdict'], summary: string): string {
  const word = words[verdict].slice(0, -1)
  return summary.startsWith(`${word}: `)
    ? `**${word}:**${escapeMarkdown(summary.slice(word.length + 1))}`
    : `**${word}.** ${escapeMarkdown(summary)}`
}

/** Renders the same as a self-contained HTML page. */
export function reportReviewHtml(review: Review): string {
  const { verdict, summary, problems, warnings, missing, notices, diff, quality, afterMerge } = review
  const title = `Review of ${diff.to.name.slice(0, 10)}`
  const lines = [
    ...[...problems.slice(1), ...warnings].map(({ message }) => message),
    ...missing.map((message) => `Needed for a run: ${message}`),
    ...notices,
    ...[...problems, ...warnings].flatMap(({ places }) =>
      places.map(({ path, line, message }) => `${path}${line === undefined ? '' : `:${line}`}: ${message}`),
    ),
  ]
  const body = [
    `<h1>${escapeHtml(title)}</h1>`,
    `<section class="verdict ${verdict}"><h2>${escapeHtml(words[verdict])}</h2>${paragraph(summary)}</section>`,
    ...lines.map((line) => paragraph(line)),
    ...qualityHtml(quality),
    ...outlookHtml(afterMerge),
    `<h2>${escapeHtml(diffTitle(diff))}</h2>`,
    ...diffBlocksHtml(diff),
  ]
  return htmlPage(title, body.join('\n'))
}
