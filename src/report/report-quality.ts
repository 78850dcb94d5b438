import { escapeHtml, escapeMarkdown } from '../core/index.js'
import type { ScoreBounds } from '../gate/index.js'
import type { MeasuredQuality, ReviewQuality, ScorePair } from '../repository/index.js'
import { paragraph } from './html.js'
import { intervalPlot } from './interval-plot.js'
import { count, differenceUnit, inUnit, percent } from './markdown.js'
import { intervalRows } from './plots/interval-rows.js'
import { openReasons, regressedItems, regressedItemsOf } from './run/report-comparison.js'
import { type Section, sectionHtml, sectionMarkdown } from './section.js'

// A comment has at most 64 KiB.
const mostScores = 40

/** Renders what a change does to quality as blocks of Markdown. Contains ids and numbers, and no text of samples. */
export function qualityMarkdown(quality: ReviewQuality | undefined): readonly string[] {
  if (quality?.status !== 'measured') return []
  const { findings = [] } = quality.verdict ?? {}
  const plot = intervalPlot(findings)
  return [
    ...sectionMarkdown(scoresSection(quality)),
    // GitHub shows no SVG in a comment. A name with backticks would end the block.
    ...(plot === '' ? [] : [`\`\`\`text\n${plot.replaceAll('`', "'")}\n\`\`\``]),
    ...openReasons(findings).map(({ status, text }) => escapeMarkdown(`${status}: ${text}`)),
    ...regressedItemsOf(findings).map(regressedItems),
  ]
}

/** Renders the same as markup. */
export function qualityHtml(quality: ReviewQuality | undefined): readonly string[] {
  if (quality?.status !== 'measured') return []
  const { findings = [] } = quality.verdict ?? {}
  const plot = intervalRows(findings)
  return [
    ...sectionHtml(scoresSection(quality)),
    ...(plot === '' ? [] : ['<h2>Differences and their confidence intervals</h2>', plot]),
    ...openReasons(findings).map(({ status, text }) => paragraph(`${status}: ${text}`)),
    ...regressedItemsOf(findings).flatMap(({ name, ids, total }) => [
      `<h2>Regressed items: ${escapeHtml(name)}</h2>`,
      `<p>${ids.map((id) => `<code>${escapeHtml(id)}</code>`).join(' ')}</p>`,
      paragraph(`${count(ids.length)} of ${count(total)}, by id.`, 'note'),
    ]),
  ]
}

function scoresSection({ scores, items, groups, share, trained, leftOut }: MeasuredQuality): Section {
  const rows = items === groups ? `${count(items)} development rows` : `${count(items)} rows in ${count(groups)} groups`
  const more = scores.length > mostScores ? ` ${count(scores.length - mostScores)} more slices are not listed.` : ''
  return {
    heading: 'Quality',
    header: ['Metric', 'Slice', 'Rows', 'Base', 'Pull request', 'Difference', 'Result'],
    rows: scores
      .slice(0, mostScores)
      .map((pair) => [
        ...[pair.metric, pair.slice ?? 'all', pair.items, boundsText(pair.base, pair), boundsText(pair.head, pair)],
        ...[differenceText(pair), pair.difference?.status],
      ]),
    note: `Measured on ${rows} of the base, ${percent(share)} of its training data, by the gate of the base. Neither model was trained on them: the base on ${count(trained.base)} rows, without ${count(leftOut.base)}; the pull request on ${count(trained.head)} rows, without ${count(leftOut.head)}. Bounds hold with 95 % confidence each.${more}`,
  }
}

function boundsText(bounds: ScoreBounds | undefined, { metricKind }: ScorePair): string | undefined {
  if (bounds === undefined) return undefined
  const unit = inUnit[metricKind === 'binary' ? 'ratio' : 'number']
  const { value, lower, upper } = bounds
  return lower === undefined || upper === undefined
    ? unit(value)
    : `${unit(value)} (${unit(lower).replace(' %', '')} to ${unit(upper).replace(' %', '')})`
}

function differenceText({ difference, metricKind }: ScorePair): string | undefined {
  if (difference === undefined) return undefined
  const unit = differenceUnit(metricKind)
  const bare = (value: number) => unit(value).replace(/ points$/, '')
  const { estimate, lower, upper } = difference
  return lower === undefined || upper === undefined
    ? unit(estimate)
    : `${unit(estimate)} (${bare(lower)} to ${bare(upper)})`
}
