import { escapeHtml } from '../../core/index.js'
import type { Finding, FindingStatus } from '../../gate/index.js'
import { paragraph } from '../html.js'
import { type Drawn, type IntervalGroup, intervalGroups } from './intervals.js'
import { type Axis, type Coordinate, line, place, svg } from './svg.js'

const height = 18
const middle = height / 2
const rule = 'stroke="var(--soft)"'
const dashed = `${rule} stroke-dasharray="3 3"`

/** Differences with their intervals, a row each; empty where there is none. */
export function intervalRows(findings: readonly Finding[]): string {
  const groups = intervalGroups(findings)
  const heading = ({ name }: IntervalGroup) => (groups.length > 1 ? `<h3>${escapeHtml(name)}</h3>` : '')
  return groups.map((group) => `${heading(group)}${rows(group)}`).join('\n')
}

function rows(group: IntervalGroup): string {
  const { shown, from, to, unit, margin, left } = group
  const note = [
    'The mark is the observed change. The true change is above the left end of the line, and below the right end, each with at least 95 % confidence.',
    margin === 0
      ? 'To the right of the solid line, the new model is better.'
      : `To the right of the solid line, the new model is better; to the left of the dashed line, it is worse by more than the margin of ${unit(margin).replace('+', '')}.`,
    ...(shown.some(({ status, upper }) => status === 'inconclusive' && upper < 0)
      ? ['Among many slices, some look worse by chance. An inconclusive slice may be one of these.']
      : []),
    ...(left > 0 ? [`${left} more slices are in the table: these are the worst.`] : []),
  ]
  const scale = `<div class="row" aria-hidden="true"><div class="plot scale"><span>${unit(from)}</span><span>${unit(to)}</span></div></div>`
  return `<ul class="rows">${shown.map((finding) => row(finding, group)).join('\n')}</ul>${scale}${legend(margin)}${paragraph(note.join(' '), 'note')}`
}

function row(finding: Drawn, { from, to, margin, unit }: IntervalGroup): string {
  const { slice, estimate, lower, upper, status } = finding
  const axis: Axis = { from, to, start: 1, end: 99 }
  const at = (value: number): Coordinate => `${place(axis, value)}%`
  const name = slice ?? 'all items'
  const body = [
    ...(margin === 0 ? [] : [line(at(-margin), 0, at(-margin), height, dashed)]),
    line(at(0), 0, at(0), height, rule),
    line(at(lower), middle, at(upper), middle, 'stroke="currentColor" stroke-width="3"'),
    mark(status, at(estimate)),
  ].join('')
  const bare = (value: number) => unit(value).replace(/ points$/, '')
  const description = `${unit(estimate)}, from ${unit(lower)} to ${unit(upper)}: ${status}`
  const plot = svg({ attributes: `width="100%" height="${height}"`, title: name, description, body })
  return `<li class="row${slice === undefined ? ' all' : ''}"><span class="name">${escapeHtml(name)}</span><strong class="${status}">${status}</strong><div class="plot ${status}">${plot}</div><span class="said">${bare(estimate)} <small>(${bare(lower)} to ${bare(upper)})</small></span></li>`
}

/** A shape for each answer: not everybody sees colours, and not every printer prints them. */
function mark(status: FindingStatus, x: Coordinate): string {
  if (status === 'fail')
    return `<rect x="${x}" y="${middle - 5}" width="10" height="10" transform="translate(-5 0)" fill="currentColor"/>`
  const fill = status === 'pass' ? 'currentColor' : 'var(--paper)'
  return `<circle cx="${x}" cy="${middle}" r="4.5" fill="${fill}" stroke="currentColor" stroke-width="2"/>`
}

function legend(margin: number): string {
  const item = (name: string, body: string, status = '') =>
    `<span${status}>${svg({ attributes: `class="key" width="24" height="${height}"`, title: name, description: 'How it is drawn', body })} ${name}</span>`
  const shape = (status: FindingStatus) => item(status, mark(status, '50%'), ` class="${status}"`)
  return `<p class="legend">${[
    ...(['pass', 'inconclusive', 'fail'] as const).map(shape),
    item('no change', line(12, 0, 12, height, rule)),
    ...(margin === 0 ? [] : [item('margin', line(12, 0, 12, height, dashed))]),
  ].join(' ')}</p>`
}
