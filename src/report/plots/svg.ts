import { escapeHtml } from '../../core/index.js'

export interface Axis {
  readonly from: number
  readonly to: number
  /** Coordinates of the ends. */
  readonly start: number
  readonly end: number
}

/** The position of a value on an axis, to a hundredth of a unit. Values outside the axis are placed at its ends. */
export function place({ from, to, start, end }: Axis, value: number): number {
  const share = to === from ? 0.5 : Math.min(1, Math.max(0, (value - from) / (to - from)))
  return Math.round(100 * (start + share * (end - start))) / 100
}

export interface SvgParts {
  /** Size and, where it is drawn to scale, the view box: attributes of our own. */
  readonly attributes: string
  readonly title: string
  readonly description: string
  /** Markup; its numbers are our own. */
  readonly body: string
}

export const svg = ({ attributes, title, description, body }: SvgParts) =>
  `<svg ${attributes} role="img"><title>${escapeHtml(title)}</title><desc>${escapeHtml(description)}</desc>${body}</svg>`

/** A place in units of the view box, or of the width as it turns out (`12.5%`). */
export type Coordinate = number | `${number}%`

export const line = (x1: Coordinate, y1: number, x2: Coordinate, y2: number, attributes: string) =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${attributes}/>`

export const polyline = (points: readonly (readonly [number, number])[], attributes: string) =>
  `<polyline fill="none" points="${points.map((point) => point.join(',')).join(' ')}" ${attributes}/>`

/** @param anchor start, middle or end. */
export const label = (x: number, y: number, text: string, anchor = 'middle') =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeHtml(text)}</text>`
