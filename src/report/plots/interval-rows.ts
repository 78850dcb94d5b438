import type { Finding } from '../../gate/index.js'
import { escapeHtml } from '../html.js'
import { points, signed } from '../markdown.js'
import { type Axis, label, line, place, svg } from './svg.js'

const mostRows = 30
const width = 400
const height = 18

interface Shown extends Finding {
  readonly estimate: number
  readonly lower: number
  readonly upper: number
  readonly margin: number
}

/** Differences with their intervals, a row each, the worst first where there are many; empty where there is none. */
export function intervalRows(findings: readonly Finding[]): string {
  const all = findings.filter((finding): finding is Shown =>
    [finding.estimate, finding.lower, finding.upper, finding.margin].every(Number.isFinite),
  )
  if (all.length === 0) return ''
  const overall = all.filter(({ slice }) => slice === undefined)
  const slices = all.filter(({ slice }) => slice !== undefined)
  const shown = [
    ...overall,
    ...[...slices].sort((one, other) => one.lower - other.lower).slice(0, Math.max(0, mostRows - overall.length)),
  ]
  const axis: Axis = {
    from: Math.min(...shown.map(({ lower, margin }) => Math.min(lower, -1.5 * margin))),
    to: Math.max(...shown.map(({ upper, margin }) => Math.max(upper, 1.5 * margin))),
    start: 4,
    end: width - 4,
  }
  const [{ margin, kind }] = shown as [Shown, ...Shown[]]
  const unit = (value: number) => (kind === undefined || kind === 'binary' ? points(value) : signed(value))
  const left = all.length - shown.length
  const note = `The dot is the difference that was seen; the true one is above the left end of the line, and below the right end, with 95 % confidence each. To the right of the solid line the new model is better, to the left of the dashed one it is worse by more than the margin of ${unit(margin).replace('+', '')}.${left > 0 ? ` ${left} more slices are in the table.` : ''}`
  return `<ul class="rows">${shown.map((finding) => row(finding, axis, unit)).join('\n')}</ul>${scale(axis, unit)}<p class="note">${escapeHtml(note)}</p>`
}

function row(
  { slice, against, againstVersion, estimate, lower, upper, margin, status }: Shown,
  axis: Axis,
  unit: (value: number) => string,
): string {
  const name = `${slice ?? 'all items'}${against === 'best' ? ` (against the best, ${againstVersion})` : ''}`
  const middle = height / 2
  const at = (value: number) => place(axis, value)
  const body = [
    line(at(-margin), 0, at(-margin), height, 'stroke="var(--soft)" stroke-dasharray="3 3"'),
    line(at(0), 0, at(0), height, 'stroke="var(--soft)"'),
    line(at(lower), middle, at(upper), middle, 'stroke="currentColor" stroke-width="3"'),
    `<circle cx="${at(estimate)}" cy="${middle}" r="4.5" fill="currentColor"/>`,
  ].join('')
  const description = `${unit(estimate)}, from ${unit(lower)} to ${unit(upper)}: ${status}`
  return `<li><div class="name"><span>${escapeHtml(name)}</span><strong class="${status}">${status}</strong></div><div class="${status}">${svg({ width, height, title: name, description, body })}</div></li>`
}

function scale(axis: Axis, unit: (value: number) => string): string {
  const body = [label(axis.start, 11, unit(axis.from), 'start'), label(axis.end, 11, unit(axis.to), 'end')].join('')
  return `<div class="rows" aria-hidden="true">${svg({ width, height: 14, title: 'Scale', description: `${unit(axis.from)} to ${unit(axis.to)}`, body })}</div>`
}
