import { visible } from './markdown.js'
import { pageStyle } from './page-style.js'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as it may stand in an element or a quoted attribute: data must not become markup. */
export const escapeHtml = (text: string) => visible(text).replace(/[&<>"']/g, (character) => entities[character]!)

/** A table with a header; the first cell of a row names it, and a column without a value is left out. Cells are text, and are escaped. */
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
      return column === 0 ? `<th scope="row">${text}</th>` : `<td>${text}</td>`
    })
    return `<tr>${cells.join('')}</tr>`
  })
  // Wider than a telephone: it scrolls by itself, by keyboard as well, so that the page does not.
  return `<div class="wide" role="region" aria-label="${escapeHtml(name)}" tabindex="0"><table><thead><tr>${head.join('')}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`
}

/** Escaped text of sentences, in which a number stays with its unit. */
export const prose = (text: string) => escapeHtml(text).replace(/(\d) (%|points|ms|times?\b)/g, '$1&nbsp;$2')

export const paragraph = (text: string, kind?: 'note') =>
  `<p${kind === undefined ? '' : ` class="${kind}"`}>${prose(text)}</p>`

/** A page that needs nothing but itself: no script, no font, no picture from elsewhere. @param body markup. */
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
