import { escapeHtml } from '../../core/index.js'
import { paragraph } from '../html.js'
import { type Axis, label, line, place, polyline, svg } from './svg.js'

export interface Curve {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly colour: string
  /** An SVG dash pattern: curves differ by more than colour. */
  readonly dashes?: string | undefined
  /** Draws dots instead of a line. */
  readonly dots?: boolean | undefined
  /** Fills the area between `points` and these points, which are on the same places across. */
  readonly to?: Curve['points'] | undefined
}

export interface Scale {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly ticks: readonly number[]
  readonly format: (value: number) => string
}

export interface LineChart {
  readonly title: string
  /** Describes the chart in numbers for screen readers. */
  readonly description: string
  readonly curves: readonly Curve[]
  readonly x: Scale
  readonly y: Scale
  /** Upright lines. */
  readonly marks?: readonly number[] | undefined
  readonly caption: string
}

// As wide as the narrowest telephone, so that its text is never drawn smaller than this page's notes.
const width = 340
const height = 230
const grid = 'stroke="var(--line)"'

/** Lines over axes with a few ticks, a legend in words and a caption. */
export function lineChart({ title, description, curves, x, y, marks = [], caption }: LineChart): string {
  const across: Axis = { from: x.from, to: x.to, start: 46, end: width - 22 }
  const up: Axis = { from: y.from, to: y.to, start: height - 38, end: 28 }
  const body = [
    ...y.ticks.flatMap((tick) => [
      line(across.start, place(up, tick), across.end, place(up, tick), grid),
      label(across.start - 6, place(up, tick) + 4, y.format(tick), 'end'),
    ]),
    ...x.ticks.map((tick) => label(place(across, tick), height - 21, x.format(tick))),
    label((across.start + across.end) / 2, height - 4, x.name),
    label(2, 13, y.name, 'start'),
    ...marks.map((at) => line(place(across, at), up.end, place(across, at), up.start, 'stroke="var(--soft)"')),
    ...curves.map((curve) => drawn(curve, across, up)),
  ].join('')
  const plot = svg({ attributes: `class="chart" viewBox="0 0 ${width} ${height}"`, title, description, body })
  return `<figure>${plot}<figcaption>${legend(curves)}${paragraph(caption)}</figcaption></figure>`
}

function drawn({ points, to, colour, dashes, dots }: Curve, across: Axis, up: Axis): string {
  const placed = placedOn(points, across, up)
  if (to !== undefined) return area([...placed, ...placedOn(to, across, up).toReversed()], colour)
  if (dots === true) return placed.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="4" fill="${colour}"/>`).join('')
  return polyline(placed, stroke(colour, dashes))
}

const placedOn = (points: Curve['points'], across: Axis, up: Axis) =>
  points.map(([at, value]) => [place(across, at), place(up, value)] as const)

const area = (corners: Curve['points'], colour: string) =>
  `<polygon points="${corners.map((corner) => corner.join(',')).join(' ')}" fill="${colour}" fill-opacity="0.2"/>`

const stroke = (colour: string, dashes = 'none') => `stroke="${colour}" stroke-width="2" stroke-dasharray="${dashes}"`

function legend(curves: readonly Curve[]): string {
  const named = [...new Map(curves.map((curve) => [curve.name, curve])).values()]
  if (named.length < 2) return ''
  const keys = named.map(({ name, colour, dashes, dots, to }) => {
    const corners = [
      [0, 2],
      [24, 2],
      [24, 16],
      [0, 16],
    ] as const
    const body =
      to !== undefined
        ? area(corners, colour)
        : dots === true
          ? `<circle cx="12" cy="9" r="4" fill="${colour}"/>`
          : line(0, 9, 24, 9, stroke(colour, dashes))
    const key = { attributes: 'class="key" width="24" height="18"', title: name, description: 'How it is drawn', body }
    return `<span>${svg(key)} ${escapeHtml(name)}</span>`
  })
  return `<p class="legend">${keys.join(' ')}</p>`
}

/** A few round numbers from an axis' start to its end. */
export function roundTicks(from: number, to: number): readonly number[] {
  if (!(to > from)) return [from]
  const rough = (to - from) / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * (1 - 1e-9))!
  const ticks: number[] = []
  for (let index = Math.ceil(from / step - 1e-9); index * step <= to + 1e-9 * step; index += 1)
    ticks.push(Number((index * step).toPrecision(12)))
  return ticks
}

/** A number on an axis, in few letters: `−2.5`, `250K`, `1e-7`. */
export function short(value: number): string {
  const size = Math.abs(value)
  const text =
    size >= 1e15 || (size > 0 && size < 1e-4)
      ? size.toExponential(0)
      : size >= 10_000
        ? size.toLocaleString('en', { notation: 'compact' })
        : String(Number(size.toPrecision(4)))
  return value < 0 ? `−${text}` : text
}
