import { escapeHtml } from '../../core/index.js'
import { paragraph } from '../html.js'
import { short } from './line-chart.js'
import { type Axis, label, line, place, polyline, svg } from './svg.js'

export interface Coordinate {
  readonly name: string
  /** Position of a value from 0 to 1; `undefined` where a line does not have it, which passes this axis by. */
  readonly position: (index: number) => number | undefined
  /** What is written on the axis, by position. */
  readonly ticks: readonly (readonly [position: number, text: string])[]
}

export interface ParallelCoordinates {
  readonly title: string
  readonly coordinates: readonly Coordinate[]
  /** What each line is drawn as, in the order of the indices; the later ones are above. */
  readonly lines: readonly { readonly index: number; readonly name: string; readonly isMarked: boolean }[]
  readonly caption: string
}

const height = 260
const gap = 132
const margin = 64

/** One upright axis per coordinate, and one line per index through its values. */
export function parallelCoordinates({ title, coordinates, lines, caption }: ParallelCoordinates): string {
  const width = 2 * margin + gap * (coordinates.length - 1)
  const up: Axis = { from: 0, to: 1, start: height - 20, end: 44 }
  const across = (index: number) => margin + gap * index
  const body = [
    ...lines.map(({ index, name, isMarked }) => {
      const points = coordinates.flatMap(({ position }, at) => {
        const value = position(index)
        return value === undefined ? [] : [[across(at), place(up, value)] as const]
      })
      const look = isMarked ? 'stroke="var(--mark)" stroke-width="2"' : 'stroke="var(--soft)" stroke-opacity="0.3"'
      return `<g><title>${escapeHtml(name)}</title>${polyline(points, look)}</g>`
    }),
    '<g class="over">',
    ...coordinates.flatMap(({ name, ticks }, index) => [
      line(across(index), up.end, across(index), up.start, 'stroke="var(--ink)"'),
      // Every second name is higher, so that long ones do not meet.
      label(across(index), index % 2 === 0 ? 12 : 28, cut(name, 34)),
      ...ticks.flatMap(([position, text]) => [
        line(across(index) - 3, place(up, position), across(index) + 3, place(up, position), 'stroke="var(--ink)"'),
        label(across(index) - 6, place(up, position) + 4, cut(text, 14), 'end'),
      ]),
    ]),
    '</g>',
  ].join('')
  const attributes = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
  const plot = svg({ attributes, title, description: caption, body })
  return `<figure><div class="wide" role="region" aria-label="${escapeHtml(title)}" tabindex="0">${plot}</div><figcaption>${paragraph(caption)}</figcaption></figure>`
}

function cut(text: string, most: number): string {
  const letters = [...text]
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join('')}…`
}

/** The ends of a range of numbers as ticks. */
export const endTicks = (low: number, high: number): Coordinate['ticks'] =>
  low === high
    ? [[0.5, short(low)]]
    : [
        [0, short(low)],
        [1, short(high)],
      ]
