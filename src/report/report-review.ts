import { escapeMarkdown } from '../core/index.js'
import type { Review } from '../repository/index.js'
import { reportDiff } from './report-diff.js'

const words = { pass: 'Pass.', fail: 'Fail.', inconclusive: 'Inconclusive.' } as const
const mostPlaces = 20

/** Renders a review as Markdown: the verdict, the problems with their places, and what changed. */
export function reportReview({ verdict, summary, problems, missing, notices, diff }: Review): string {
  const places = problems.flatMap((problem) => problem.places)
  const lines = [
    // The summary contains the first.
    ...problems.slice(1).map(({ message }) => `- ${escapeMarkdown(message)}`),
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
    `**${words[verdict]}** ${escapeMarkdown(summary)}`,
    ...(lines.length === 0 ? [] : [lines.join('\n')]),
    ...(named.length === 0 ? [] : [`**Places**`, [...named, ...more].join('\n')]),
    // The heading of the comparison, one level lower.
    reportDiff(diff)
      .replace(/^(#+) /gm, '#$1 ')
      .trimEnd(),
  ].join('\n\n')
}
