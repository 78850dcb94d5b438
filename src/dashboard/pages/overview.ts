import { count, sectionHtml } from '../../report/index.js'
import type { OverviewAnswer, PanelsAnswer, RunAnswer } from '../answers.js'
import { html, type Markup, table } from '../markup.js'
import { type PageBody, type Place, report, runLink, shown, state, time } from './layout.js'
import { releaseColumns, releaseRow } from './releases.js'
import { announcementOf, progressBar, runColumns, runRow, waitingItem } from './runs.js'

export function overviewPage(overview: OverviewAnswer, place: Place): PageBody {
  const { running, waiting, released, missingReleases, runs, ledger } = overview
  const body = html`<h1>Overview</h1>
${shown(missingReleases, missing)}
${running.length === 0 ? undefined : html`<section><h2>Running</h2>${running.map((run) => runningItem(run, place))}</section>`}
<section><h2>Waiting for a decision</h2>${shown(waiting, (items) => (items.length === 0 ? html`<p class="note">Nothing waits for a decision on the current commit.</p>` : html`${items.map((item) => waitingItem(item, place))}`))}</section>
<section><h2>Channels</h2>${shown(released, (releases) =>
    releases.length === 0
      ? html`<p class="note">Nothing is released yet. Start a run with: <code>sheikh run</code></p>`
      : table(
          'Channels',
          releaseColumns,
          releases.map((release) => releaseRow(release, place)),
        ),
  )}</section>
<section><h2>Latest runs</h2>${
    runs.length === 0
      ? html`<p class="note">No runs yet.</p>`
      : table(
          'Latest runs',
          runColumns,
          runs.map((run) => runRow(run, place)),
        )
  }</section>
<section><h2>Ledger</h2>${shown(ledger, ({ entries, tip }) => ledgerSentence(entries, tip, place))}</section>`
  const [first] = running
  const announcement = first?.live === undefined ? undefined : `Run ${first.run.runId}. ${announcementOf(first.live)}`
  return { title: 'Overview', section: 'index', body, refreshMs: running.length > 0 ? 2000 : 5000, announcement }
}

const missing = (versions: readonly string[]): Markup =>
  versions.length === 0
    ? html``
    : html`<p class="problem"><strong>Releases are missing.</strong> The ledger records ${versions.join(', ')}, but the registry does not contain ${versions.length === 1 ? 'this release' : 'these releases'}. Runs are refused until they are restored, or until the loss is accepted: <code>sheikh ledger accept-loss --reason "…"</code></p>`

function runningItem({ run, live }: RunAnswer, place: Place): Markup {
  if (run.status === 'unreadable') return html``
  const stage = live?.stages.findLast(({ state: word }) => word === 'running')?.name
  return html`<p>${runLink(run.runId, place)} ${state('running')} since ${time(run.startedAtMs)}${stage === undefined ? '' : `, stage ${stage}`}</p>${live?.progress === undefined ? undefined : progressBar(live.progress)}`
}

export const ledgerSentence = (entries: number, tip: string | null, { root }: Place): Markup =>
  tip === null
    ? html`<p class="note">The ledger is empty.</p>`
    : html`<p><strong class="pass">intact</strong> <a href="${root}ledger.html">${count(entries)} ${entries === 1 ? 'entry' : 'entries'}</a>, each with the digest of the one before it. Last: <code>${tip}</code></p>`

/** Tables about the model in use. */
export function usePage(panels: PanelsAnswer): PageBody {
  const parts = panels.flatMap(({ name, sections }) => {
    if ('error' in sections || sections.value.length > 0)
      return [shown(sections, (list) => report(list.flatMap(sectionHtml).join('\n')))]
    // Somebody named a folder, perhaps the wrong one.
    return name === 'feedback'
      ? [
          html`<h2>Feedback</h2><p class="note">The folder that <code>--feedback</code> names contains no answers yet.</p>`,
        ]
      : []
  })
  const none = html`<p class="note">There is no live test. <code>--feedback</code> and <code>--drift</code> of <code>sheikh dashboard</code> show feedback and drift.</p>`
  return { title: 'In use', section: 'use', body: html`<h1>The model in use</h1>${parts.length === 0 ? none : parts}` }
}
