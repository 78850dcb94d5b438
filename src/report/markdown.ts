/** Text as it may stand in a Markdown table cell or sentence: data must not become markup. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<|#~]/g, '\\$&').replace(/[\r\n\t]+/g, ' ')
}

/** A table with a header; numbers to the right. */
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

/** A ratio in 0..1 in per cent, with one decimal. */
export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : `${(value * 100).toFixed(1)} %`
}

/** A difference of two ratios, in percentage points with one decimal. */
export function points(value: number): string {
  const text = `${Math.abs(value * 100).toFixed(1)} points`
  return value < 0 ? `−${text}` : value > 0 ? `+${text}` : text
}

/** A difference in a unit that nobody knows here: three digits that count. */
export function signed(value: number): string {
  const text = String(Number(Math.abs(value).toPrecision(3)))
  return value < 0 ? `−${text}` : value > 0 ? `+${text}` : text
}

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
