import { escapeMarkdown } from '../core/index.js'

/** A table with a header. Numbers are right-aligned. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string {
  const numeric = header.map(
    (_, column) =>
      rows.length > 0 &&
      rows.every((row) => typeof row[column] !== 'string' || /^[−+≥>]? ?[−+]?\d/.test(row[column] as string)),
  )
  const line = (cells: readonly (string | number | undefined)[]) =>
    `| ${cells.map((cell) => (cell === undefined ? '' : escapeMarkdown(String(cell)))).join(' | ')} |`
  const rule = `| ${numeric.map((right) => (right ? '--:' : '---')).join(' | ')} |`
  return [line(header), rule, ...rows.map(line)].join('\n')
}

/** Whether a value is a finite number. JSON contains null instead of a number that is not finite. */
export const isKnown = (value: number | null | undefined): value is number => Number.isFinite(value)

/** A count with thousands separators. */
export const count = (value: number) => value.toLocaleString('en')

/** A ratio in 0..1 in per cent, with one decimal. */
export function percent(value: number | null | undefined): string {
  return isKnown(value) ? `${(value * 100).toFixed(1)} %` : '–'
}

/** A difference of two ratios, in percentage points with one decimal. */
export function points(value: number): string {
  const size = Math.abs(100 * value)
  // Equal averages may differ in their last digits, so tiny differences are 0.0. A margin of a hundredth of a point
  // must not be shown as 0.
  const text = size < 1e-3 ? '0.0' : size < 0.1 ? String(Number(size.toPrecision(1))) : size.toFixed(1)
  return `${size < 1e-3 ? '' : value < 0 ? '−' : '+'}${text} points`
}

/** A difference in an unknown unit, with three significant digits. */
export function signed(value: number): string {
  const text = String(Number(Math.abs(value).toPrecision(3)))
  return value < 0 ? `−${text}` : value > 0 ? `+${text}` : text
}

/** Writes a difference of a metric: of ratios in points, of other metrics in their own unit. */
export const differenceUnit = (metricKind: string) => (metricKind === 'binary' ? points : signed)

/** Writes a value in its unit. */
export const inUnit = {
  ratio: percent,
  // Five digits, because a small difference of large values shows only in their last digits.
  number: (value: number) => String(Number(value.toPrecision(5))).replace('-', '−'),
  bytes: (value: number) => `${count(value)} bytes`,
  ms: (value: number) => `${Number(value.toPrecision(3))} ms`,
} as const

/** A duration for people: `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** UTC, to the second. */
export function moment(ms: number): string {
  return new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, ' UTC')
}

/** A size for people, in powers of ten: `512 B`, `3.1 kB`, `1.2 GB`. */
export function bytes(size: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = size < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(size) / 3))
  return `${power === 0 ? size : (size / 1000 ** power).toFixed(1)} ${units[power]}`
}

/** Two counts: `12 → 15 (+3)`, or `12` if they are equal. */
export const countChange = (before: number, now: number) =>
  before === now ? String(now) : `${before} → ${now} (${now > before ? '+' : '−'}${Math.abs(now - before)})`

const maximumTextLength = 300

/** The first 300 characters. */
export function shorten(text: string): string {
  const letters = [...text.slice(0, 2 * maximumTextLength)]
  return letters.length <= maximumTextLength ? text : `${letters.slice(0, maximumTextLength).join('')}…`
}
