const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

// Controls say nothing on a page, and directional marks reorder what stands around them.
const invisible = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Text as it may stand in an element or a quoted attribute: data must not become markup. */
export function escapeHtml(text: string): string {
  return text
    .replace(/[\n\t]+/g, ' ')
    .replace(invisible, '�')
    .replace(/[&<>"']/g, (character) => entities[character]!)
}

/** A table with a header; the first cell of a row names it. Cells are text, and are escaped. */
export function htmlTable(
  header: readonly string[],
  rows: readonly (readonly (string | number | undefined)[])[],
): string {
  const head = header.map((cell) => `<th scope="col">${escapeHtml(cell)}</th>`).join('')
  const body = rows.map((row) => {
    const cells = row.map((cell, column) => {
      const text = cell === undefined ? '' : escapeHtml(String(cell))
      return column === 0 ? `<th scope="row">${text}</th>` : `<td>${text}</td>`
    })
    return `<tr>${cells.join('')}</tr>`
  })
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`
}

export const paragraph = (text: string) => `<p>${escapeHtml(text)}</p>`

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
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
}

const style = `
:root { --ink: #1c2024; --soft: #5f6770; --line: #d4d9de; --paper: #ffffff; --panel: #f5f7f8;
  --pass: #1a7f4b; --fail: #b42318; --open: #8a5a00; --mark: #1f5fbf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a3abb3; --line: #3a4149; --paper: #16191c;
  --panel: #1f2428; --pass: #5fcf95; --fail: #ff8f85; --open: #f0b95a; --mark: #82b1ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .75rem; }
p { margin: 0 0 .75rem; max-width: 44rem; }
.verdict { border-left: .4rem solid var(--soft); background: var(--panel); padding: 1rem 1.25rem; }
.verdict.pass { border-color: var(--pass); } .verdict.fail { border-color: var(--fail); }
.verdict.inconclusive { border-color: var(--open); }
.verdict p:first-child { font-size: 1.15rem; font-weight: 600; } .verdict p:last-child { margin: 0; }
dt { font-weight: 600; } dd { margin: 0 0 .75rem; max-width: 44rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; } tbody th { font-weight: 400; min-width: 11rem; }
td { white-space: nowrap; } .wide { margin-bottom: 1rem; }
figure { margin: 0 0 1rem; max-width: 36rem; } figcaption, .note { color: var(--soft); font-size: .9rem; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.rows { list-style: none; margin: 0; padding: 0; max-width: 44rem; }
.rows li { padding: .35rem 0; border-bottom: 1px solid var(--line); }
.rows strong { white-space: nowrap; }
.rows .name { display: flex; justify-content: space-between; gap: 1rem; font-size: .9rem; }
.pass { color: var(--pass); } .fail { color: var(--fail); } .inconclusive { color: var(--open); }
.verdict.pass, .verdict.fail, .verdict.inconclusive { color: var(--ink); }
code { font-size: .88em; background: var(--panel); padding: .05em .3em; }
@media print { body { font-size: 11pt; } main { max-width: none; } }
`
