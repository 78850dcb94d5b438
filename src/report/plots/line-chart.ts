import { escapeHtml } from '../html.js'
import { type Axis, label, line, place, polyline, svg } from './svg.js'

export interface Curve {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
  readonly colour: string
  /** An SVG dash pattern: curves differ by more than colour. */
  readonly dashes?: string | undefined
  /** Dots in place of a line. */
  readonly dots?: boolean | undefined
}

export interface LineChart {
  readonly title: string
  readonly curves: readonly Curve[]
  readonly x: {
    readonly name: string
    readonly from: number
    readonly to: number
    readonly ticks: readonly number[]
    format(value: number): string
  }
  readonly y: {
    readonly name: string
    readonly from: number
    readonly to: number
    readonly ticks: readonly number[]
    format(value: number): string
  }
  readonly marks?: readonly { readonly x: number; readonly name: string }[] | undefined
  readonly caption: string
}

const width = 420
const height = 240

/** Lines over axes with a few ticks, a legend in words and a caption. */
export function lineChart({ title, curves, x, y, marks = [], caption }: LineChart): string {
  const across: Axis = { from: x.from, to: x.to, start: 44, end: width - 12 }
  const up: Axis = { from: y.from, to: y.to, start: height - 34, end: 26 }
  const body = [
    ...y.ticks.flatMap((tick) => [
      line(across.start, place(up, tick), across.end, place(up, tick)),
      label(across.start - 6, place(up, tick) + 4, y.format(tick), 'end'),
    ]),
    ...x.ticks.map((tick) => label(place(across, tick), height - 18, x.format(tick))),
    label((across.start + across.end) / 2, height - 3, x.name),
    label(2, 12, y.name, 'start'),
    ...marks.map(({ x: at }) =>
      line(place(across, at), up.end, place(across, at), up.start, 'stroke="var(--soft)" stroke-dasharray="3 3"'),
    ),
    ...curves.map(({ points, colour, dashes, dots }) => {
      const placed = points.map(([at, value]) => [place(across, at), place(up, value)] as const)
      if (dots === true)
        return placed.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="4" fill="${colour}"/>`).join('')
      return polyline(
        placed,
        `stroke="${colour}" stroke-width="2"${dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`}`,
      )
    }),
  ].join('')
  const legend = curves.map(
    ({ name, colour, dashes, dots }) =>
      `<span>${svg({ width: 24, height: 10, title: name, description: 'as it is drawn', body: dots === true ? `<circle cx="12" cy="5" r="4" fill="${colour}"/>` : line(0, 5, 24, 5, `stroke="${colour}" stroke-width="2"${dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`}`) }).replace('<svg ', '<svg style="display:inline-block;width:24px" ')} ${escapeHtml(name)}</span>`,
  )
  const description = `${y.name} over ${x.name}`
  return `<figure>${svg({ width, height, title, description, body })}<figcaption>${legend.join(' &nbsp; ')}<br>${escapeHtml(caption)}</figcaption></figure>`
}

/** A few round numbers from an axis' start to its end. */
export function roundTicks(from: number, to: number): readonly number[] {
  if (!(to > from)) return [from]
  const rough = (to - from) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!
  const first = Math.ceil(from / step - 1e-9)
  const ticks: number[] = []
  for (let index = first; index * step <= to + 1e-9 * step; index += 1)
    ticks.push(Number((index * step).toPrecision(12)))
  return ticks
}
