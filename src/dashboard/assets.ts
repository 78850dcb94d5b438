import { pageStyle } from '../report/index.js'

/** Style sheet of all pages: that of the reports, and what a site needs besides. */
export const styleSheet = `${pageStyle}
:root { --bar: #e9edf0; } @media (prefers-color-scheme: dark) { :root { --bar: #2a3036; } }
body { font-size: 15px; }
a { color: var(--mark); text-underline-offset: .15em; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; } main:focus { outline: 0; }
.skip { position: absolute; left: 0; top: -4rem; background: var(--paper); padding: .5rem 1rem; z-index: 1; } .skip:focus { top: 0; }
.hidden { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
header { display: flex; flex-wrap: wrap; gap: .25rem 2rem; align-items: baseline; padding: .6rem 1rem; border-bottom: 1px solid var(--line); background: var(--panel); }
header .project { font-weight: 600; color: var(--ink); text-decoration: none; }
header ul { display: flex; flex-wrap: wrap; gap: 0 1.25rem; list-style: none; margin: 0; padding: 0; }
header li a { display: inline-block; padding: .2rem 0; color: var(--soft); text-decoration: none; border-bottom: 2px solid transparent; }
header li a:hover { color: var(--ink); } header li a[aria-current] { color: var(--ink); border-color: var(--mark); }
main { max-width: 78rem; padding-top: 1.25rem; padding-bottom: 2rem; margin: 0; } h1 { font-size: 1.35rem; } h2 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
footer { padding: .75rem 1rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem; } footer p { margin: 0; max-width: none; }
.list { font-size: .87rem; } .list th, .list td { padding-right: 1.25rem; overflow-wrap: normal; } .list tbody th { min-width: 0; white-space: nowrap; }
.list td .text { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; max-width: 36rem; }
.list td .all { display: block; -webkit-line-clamp: none; } .list code { background: none; padding: 0; } .chart { max-width: 25rem; }
.id, time { font-variant-numeric: tabular-nums; } .id, code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; } .id { font-size: .92em; } .list .zone { display: none; }
strong { font-weight: 600; } strong.running { color: var(--mark); } strong.neutral { color: var(--soft); }
.waiting, .problem { border-left: .25rem solid var(--open); background: var(--panel); padding: .6rem .9rem; margin: 0 0 .75rem; max-width: 60rem; }
.waiting p { margin: 0 0 .25rem; max-width: none; } .problem { border-color: var(--fail); } .problem strong { color: var(--fail); }
.progress { display: flex; flex-wrap: wrap; gap: .25rem .9rem; align-items: center; max-width: none; font-size: .9rem; font-variant-numeric: tabular-nums; }
progress { width: 16rem; max-width: 100%; height: .6rem; appearance: none; border: 0; background: var(--bar); color: var(--mark); }
progress::-webkit-progress-bar { background: var(--bar); } progress::-webkit-progress-value { background: var(--mark); } progress::-moz-progress-bar { background: var(--mark); }
.pager { display: flex; gap: 1.25rem; font-size: .9rem; } .pager span { color: var(--soft); }
form p { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; } form label { min-width: 4rem; }
select, button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 3px; padding: .3rem .6rem; max-width: 100%; }
button { cursor: pointer; } button:hover { border-color: var(--soft); }
.stale { color: var(--fail); }
@media (max-width: 56rem) { .list th, .list td { padding-right: .6rem; } .list td, .list tbody th { white-space: normal; } time > span { white-space: nowrap; } }
@media (max-width: 40rem) { .secondary { display: none; } .list th { white-space: normal; } .list td .text { min-width: 0; }
  /* Its time and its random half. */ .list .id { display: inline-block; width: 10.2ch; overflow-wrap: anywhere; }
  main { padding-left: .75rem; padding-right: .75rem; } header { padding: .5rem .75rem; } footer { padding: .75rem; } }
@media (forced-colors: active) { header li a[aria-current] { border-color: Highlight; } }
@media print { header nav, footer, .skip, form { display: none; } }
`

/**
 * Reads the page again and replaces what changed, so that no page is rendered in two places. Text that has not changed
 * is left alone, so that screen readers announce only what is new.
 */
export const script = `'use strict'
const main = document.getElementById('main')
const parts = ['announcement', 'content', 'age']

async function refresh() {
  if (document.hidden || hasSelection()) return
  const age = document.getElementById('age')
  let page
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' } })
    if (!response.ok) throw new Error(String(response.status))
    page = new DOMParser().parseFromString(await response.text(), 'text/html')
  } catch {
    age.className = 'stale'
    age.textContent = 'This page cannot be read again, and is not up to date.'
    return
  }
  for (const id of parts) replace(document.getElementById(id), page.getElementById(id))
  age.className = ''
  document.title = page.title
  const { refresh: interval } = page.getElementById('main').dataset
  if (interval === undefined) delete main.dataset.refresh
  else main.dataset.refresh = interval
}

function replace(old, fresh) {
  if (fresh === null || old.innerHTML === fresh.innerHTML) return
  const { activeElement } = document
  const focused = old.contains(activeElement) ? placeOf(old, activeElement) : undefined
  const scrolled = [...old.querySelectorAll('.wide')].map((box) => box.scrollLeft)
  old.replaceChildren(...fresh.childNodes)
  for (const [index, box] of [...old.querySelectorAll('.wide')].entries()) box.scrollLeft = scrolled[index] ?? 0
  if (focused !== undefined) focusAgain(old, focused)
}

const focusable = 'a[href], button, select, [tabindex]'
const nameOf = (element) => element.getAttribute('href') ?? element.getAttribute('aria-label') ?? element.id

function placeOf(inside, element) {
  const name = nameOf(element)
  return { name, index: [...inside.querySelectorAll(focusable)].filter((other) => nameOf(other) === name).indexOf(element) }
}

function focusAgain(inside, { name, index }) {
  const same = [...inside.querySelectorAll(focusable)].filter((other) => nameOf(other) === name)
  ;(same[index] ?? same[0] ?? main).focus({ preventScroll: true })
}

// Somebody is copying a command: the page waits, and still says when it was read.
function hasSelection() {
  const selection = document.getSelection()
  return selection !== null && !selection.isCollapsed && main.contains(selection.anchorNode)
}

function schedule() {
  const { refresh: interval } = main.dataset
  if (interval === undefined) return
  setTimeout(() => refresh().then(schedule), Number(interval))
}

document.addEventListener('visibilitychange', () => {
  if (main.dataset.refresh !== undefined) void refresh()
})
schedule()
`

export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 13h12M4 13V8m4 5V3m4 10V6" stroke="#5a87c6" stroke-width="2.5" fill="none"/></svg>
`
