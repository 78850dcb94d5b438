import { escapeHtml } from '../core/index.js'
import { pageStyle } from './page-style.js'

// Longer cells are broken into lines.
const longestLine = 40

/**
 * A table with a header. The first cell of a row names it, and a column without values is omitted. Cells are text and
 * are escaped.
 */
export function htmlTable(
  name: string,
  header: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string {
  const columns = header.map((_, column) => column).filter((column) => rows.some((row) => row[column] !== undefined))
  const head = columns.map((column) => `<th scope="col">${escapeHtml(header[column]!)}</th>`)
  const body = rows.map((row) => {
    const cells = columns.map((column) => {
      const text = escapeHtml(String(row[column] ?? ''))
      if (column === 0) return `<th scope="row">${text}</th>`
      return text.length > longestLine ? `<td class="text">${text}</td>` : `<td>${text}</td>`
    })
    return `<tr>${cells.join('')}</tr>`
  })
  // A table wider than a phone scrolls inside its own box, by keyboard too, so that the page does not scroll sideways.
  return `<div class="wide" role="region" aria-label="${escapeHtml(name)}" tabindex="0"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`
}

/** Escapes sentences, and keeps each number on the same line as its unit. */
export const prose = (text: string) => escapeHtml(text).replace(/(\d) (%|points|ms|times?\b)/g, '$1&nbsp;$2')

export const paragraph = (text: string, kind?: 'note') =>
  `<p${kind === undefined ? '' : ` class="${kind}"`}>${prose(text)}</p>`

/** A self-contained page without scripts, external fonts or images. @param body markup. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
}
