import { escapeHtml } from '../html.js'

export interface Axis {
  readonly from: number
  readonly to: number
  /** Where the ends are drawn. */
  readonly start: number
  readonly end: number
}

/** Where a value stands on an axis, to a tenth of a unit; what lies outside stands at the end. */
export function place({ from, to, start, end }: Axis, value: number): number {
  const share =
    to === from ? 0.5 : (Math.min(Math.max(value, Math.min(from, to)), Math.max(from, to)) - from) / (to - from)
  return Math.round(10 * (start + share * (end - start))) / 10
}

/** @param body markup; its numbers are our own. */
export function svg(parts: {
  readonly width: number
  readonly height: number
  readonly title: string
  readonly description: string
  readonly body: string
}): string {
  const { width, height, title, description, body } = parts
  return `<svg viewBox="0 0 ${width} ${height}" role="img"><title>${escapeHtml(title)}</title><desc>${escapeHtml(description)}</desc>${body}</svg>`
}

export const polyline = (points: readonly (readonly [number, number])[], attributes: string) =>
  `<polyline fill="none" points="${points.map((point) => point.join(',')).join(' ')}" ${attributes}/>`

export const line = (x1: number, y1: number, x2: number, y2: number, attributes = 'stroke="var(--line)"') =>
  `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${attributes}/>`

/** @param anchor start, middle or end. */
export const label = (x: number, y: number, text: string, anchor = 'middle', attributes = '') =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" ${attributes}>${escapeHtml(text)}</text>`
