import { moment } from '../../report/index.js'
import type { Page, Part } from '../answers.js'
import { type Column, html, Markup, table } from '../markup.js'

/** Where a page is: on the server, or in a folder of files. */
export interface Place {
  readonly project: string
  /** The way from the page to the first page: empty, or `../` for each folder. */
  readonly root: string
  /** Whether the server answers. A snapshot has neither a form nor a script. */
  readonly isLive: boolean
  readonly nowMs: number
  /** Whether there is a page for this run. */
  hasRun(runId: string): boolean
}

export interface PageBody {
  /** Of the tab. */
  readonly title: string
  /** Absent for an error. */
  readonly section?: Section | undefined
  readonly body: Markup
  /** How often the page is read again while it is visible. Absent: never. */
  readonly refreshMs?: number | undefined
  /** What screen readers announce when it changes. */
  readonly announcement?: string | undefined
}

type Section = keyof typeof sections

const sections = {
  index: 'Overview',
  runs: 'Runs',
  releases: 'Releases',
  compare: 'Compare',
  ledger: 'Ledger',
  use: 'In use',
} as const

/** A complete page. */
export function layout({ title, section, body, refreshMs, announcement }: PageBody, place: Place): string {
  const { project, root, isLive, nowMs } = place
  const links = Object.entries(sections).map(([name, text]) => {
    const current = name === section ? html` aria-current="page"` : undefined
    return html`<li><a href="${root}${name}.html"${current}>${text}</a></li>`
  })
  const refreshes = isLive && refreshMs !== undefined
  const script = isLive ? html`<script src="${root}live.js" defer></script>` : undefined
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} – ${project}</title>
<link rel="icon" href="${root}icon.svg">
<link rel="stylesheet" href="${root}style.css">
${script}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><a class="project" href="${root}index.html">${project}</a><nav aria-label="Pages"><ul>${links}</ul></nav></header>
<main id="main" tabindex="-1"${refreshes ? html` data-refresh="${refreshMs}"` : undefined}>
<p id="announcement" class="hidden" role="status">${announcement}</p>
<div id="content">
${body}
</div>
</main>
<footer><p><span id="age">${isLive ? 'Read' : 'Written'} ${moment(nowMs)}.</span> This page changes nothing: decisions are made with <code>sheikh</code>.</p></footer>
</body>
</html>
`.text
}

const tones: Readonly<Record<string, string>> = {
  ...{ released: 'pass', restored: 'pass', promoted: 'pass', imported: 'pass', reproduced: 'pass', pass: 'pass' },
  ...{ held: 'fail', failed: 'fail', unreadable: 'fail', 'not-reproduced': 'fail', fail: 'fail' },
  ...{ 'awaiting-approval': 'inconclusive', 'awaiting-release': 'inconclusive', inconclusive: 'inconclusive' },
  ...{ interrupted: 'inconclusive', aborted: 'inconclusive', running: 'running' },
}

/** A state in its colour. The word says the same. */
export const state = (status: string, reason?: string): Markup =>
  html`<strong class="${tones[status] ?? 'neutral'}">${status.replaceAll('-', ' ')}</strong>${reason === undefined ? '' : ` (${reason})`}`

export const problem = (message: string): Markup =>
  html`<p class="problem"><strong>Not available.</strong> ${message}</p>`

/** The part, or why it could not be read. */
export const shown = <Value>(part: Part<Value>, show: (value: Value) => Markup): Markup =>
  'error' in part ? problem(part.error.message) : show(part.value)

// The times that a Date can have (ECMA-262, 21.4.1.1). A damaged or foreign record may name another.
const latestMs = 8.64e15

export function time(ms: number): Markup {
  if (!(Math.abs(ms) <= latestMs)) return html`unknown`
  // In tables, the header names the time zone.
  return html`<time datetime="${new Date(ms).toISOString()}"><span>${moment(ms).slice(0, 10)}</span> <span>${moment(ms).slice(11, 16)}</span><span class="zone"> UTC</span></time>`
}

export const commitId = (commit: string | undefined) =>
  commit === undefined ? undefined : html`<code>${commit.slice(0, 10)}</code>`

export function runLink(runId: string, { root, hasRun }: Place): Markup {
  return hasRun(runId)
    ? html`<a class="id" href="${root}runs/${runId}.html">${runId}</a>`
    : html`<span class="id">${runId}</span>`
}

export const releaseLink = (version: string, { root }: Place): Markup =>
  html`<a href="${root}releases/${version}.html">${version}</a>`

/** A list with links to its other pages. */
export function pagedTable<Item>(
  { name, file, columns, row, empty }: PagedTable<Item>,
  { items, page, pages, total }: Page<Item>,
  { root }: Place,
): Markup {
  if (total === 0) return html`<p class="note">${empty}</p>`
  const address = (number: number) => html`${root}${file}${number === 1 ? '' : `-${number}`}.html`
  const link = (number: number, text: string, rel: string) =>
    number < 1 || number > pages ? undefined : html`<a href="${address(number)}" rel="${rel}">${text}</a>`
  const pager =
    pages === 1
      ? undefined
      : html`<nav class="pager" aria-label="Pages of the list">${link(page - 1, 'Newer', 'prev')}<span>Page ${page} of ${pages}, ${total.toLocaleString('en')} in all</span>${link(page + 1, 'Older', 'next')}</nav>`
  return html`${table(name, columns, items.map(row))}${pager}`
}

interface PagedTable<Item> {
  readonly name: string
  /** Of the first page, without `.html`. */
  readonly file: string
  readonly columns: readonly Column[]
  readonly row: (item: Item) => readonly (Markup | string | undefined)[]
  readonly empty: string
}

export const report = (markup: string) => new Markup(markup)
