import type { Verdict } from '../../gate/index.js'
import { comparisonMarkup } from '../../report/run/index.js'
import { html, type Markup } from '../markup.js'
import { type PageBody, type Place, report } from './layout.js'

/** Something that can be compared: a release, or a run that was judged. */
export interface Choice {
  /** A version, or the id of a run. */
  readonly name: string
  readonly text: string
}

export interface ComparablePair {
  readonly before: string
  readonly after: string
}

/** @param pairs each release and the one before it. */
export function comparePage(choices: readonly Choice[], pairs: readonly ComparablePair[], place: Place): PageBody {
  const { root, isLive } = place
  const none = html`<p class="note">There are no two releases to compare yet.</p>`
  const items = pairs.map(
    ({ before, after }) =>
      html`<li><a href="${root}compare/${before}/${after}.html">${after} compared with ${before}</a></li>`,
  )
  const links = items.length === 0 ? none : html`<ul>${items}</ul>`
  const form = isLive && choices.length > 1 ? formOf(choices, root) : undefined
  return {
    title: 'Compare',
    section: 'compare',
    body: html`<h1>Compare</h1>${form}<h2>Each release and the one before</h2>${links}`,
  }
}

function formOf(choices: readonly Choice[], root: string): Markup {
  const options = (chosen: number) =>
    choices.map(
      ({ name, text }, index) =>
        html`<option value="${name}"${index === chosen ? html` selected` : undefined}>${text}</option>`,
    )
  return html`<form action="${root}compare.html" method="get">
<p><label for="before">Before</label> <select id="before" name="before">${options(1)}</select></p>
<p><label for="after">After</label> <select id="after" name="after">${options(0)}</select></p>
<p><button type="submit">Show the comparison</button></p>
</form>`
}

export function comparisonPage(verdict: Verdict, { before, after }: ComparablePair): PageBody {
  const title = `${after} compared with ${before}`
  return {
    title,
    section: 'compare',
    body: html`<div class="report">${report(comparisonMarkup(verdict, { title }))}</div>`,
  }
}
