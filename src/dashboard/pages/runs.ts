import { duration } from '../../report/index.js'
import type { Page, RunAnswer, RunSummary, WaitingRun } from '../answers.js'
import type { LiveRun } from '../live-run.js'
import { html, type Markup, table } from '../markup.js'
import { commitId, type PageBody, type Place, pagedTable, problem, runLink, state, time } from './layout.js'

const refreshMs = 5000

export const runColumns = [
  { name: 'Run' },
  { name: 'State' },
  { name: 'Version' },
  { name: 'Started (UTC)' },
  { name: 'Time', isSecondary: true },
  { name: 'Commit', isSecondary: true },
  { name: 'Outcome', isSecondary: true },
]

export function runRow(run: RunSummary, place: Place): readonly (Markup | string | undefined)[] {
  const link = runLink(run.runId, place)
  if (run.status === 'unreadable')
    return [link, state(run.status), '', '', '', '', 'The record is damaged, or from another version of this program.']
  const { command, status, reason, version, startedAtMs, endedAtMs, commit, outcome } = run
  return [
    link,
    html`${command === 'run' ? '' : `${command}: `}${state(status, reason)}`,
    version,
    time(startedAtMs),
    endedAtMs === undefined ? '' : duration(Math.max(0, endedAtMs - startedAtMs)),
    commitId(commit),
    html`<span class="text">${outcome}</span>`,
  ]
}

export function runsPage(runs: Page<RunSummary>, place: Place): PageBody {
  const list = { name: 'Runs', file: 'runs', columns: runColumns, empty: 'No runs yet. Start one with: sheikh run' }
  const rows = pagedTable({ ...list, row: (run: RunSummary) => runRow(run, place) }, runs, place)
  return {
    title: runs.page === 1 ? 'Runs' : `Runs, page ${runs.page}`,
    section: 'runs',
    body: html`<h1>Runs of this machine</h1>${rows}`,
    refreshMs: runs.page === 1 ? refreshMs : undefined,
  }
}

/** @param report of the run, as markup. Absent while it is running, or if the record cannot be read. */
export function runPage(
  { run, live, stages }: RunAnswer,
  { report, problem: missing }: { readonly report?: Markup | undefined; readonly problem?: string | undefined },
): PageBody {
  const title = `Run ${run.runId}`
  if (run.status === 'unreadable') {
    const fact =
      'The record of this run is damaged, or from another version of this program. Other runs are not affected.'
    return { title, section: 'runs', body: html`<h1>${title}</h1>${problem(fact)}` }
  }
  if (live === undefined) {
    // The report names the command if a person decides.
    const note = missing === undefined ? undefined : problem(missing)
    return { title, section: 'runs', body: html`${note}${report}`, announcement: `The run has ended: ${run.status}.` }
  }
  const head = html`<h1>${title}</h1><p>${run.command === 'run' ? '' : `${run.command}: `}${state(run.status)} since ${time(run.startedAtMs)}${run.commit === undefined ? '' : html`, commit ${commitId(run.commit)}`}.</p>`
  const done =
    live.stages.length > 0
      ? live
      : {
          ...live,
          stages: stages.map(({ cached, ...stage }) => ({
            ...stage,
            state: cached ? ('cached' as const) : ('done' as const),
          })),
        }
  return {
    title,
    section: 'runs',
    body: html`${head}${liveSection(done)}`,
    refreshMs: 1000,
    announcement: announcementOf(live),
  }
}

export function liveSection(live: LiveRun): Markup {
  const { progress, warnings, stages } = live
  const rows = stages.map(({ name, state: word, durationMs }) => [name, state(word), duration(durationMs)])
  return html`${progress === undefined ? undefined : progressBar(progress)}
<h2>Stages</h2>
${rows.length === 0 ? html`<p class="note">No stage has begun.</p>` : table('Stages', [{ name: 'Stage' }, { name: 'State' }, { name: 'Time' }], rows)}
${warnings.length === 0 ? undefined : html`<h2>Warnings</h2><ul>${warnings.map((text) => html`<li>${text}</li>`)}</ul>`}`
}

export const progressBar = ({ of, done, total, detail }: NonNullable<LiveRun['progress']>): Markup =>
  html`<p class="progress"><progress max="${total}" value="${Math.min(done, total)}" aria-label="${of}"></progress> <span>${of}: ${Math.floor((100 * Math.min(done, total)) / total)} %, ${detail}</span></p>`

/** Changes when a stage begins and with every quarter of one, so that a screen reader is not busy with it alone. */
export function announcementOf({ stages, progress }: LiveRun): string {
  const stage = stages.findLast(({ state: word }) => word === 'running')?.name
  if (stage === undefined) return 'The run is between two stages.'
  const quarters =
    progress === undefined ? 0 : Math.floor((4 * Math.min(progress.done, progress.total)) / progress.total)
  return `Stage ${stage}${quarters === 0 ? ' is running' : `: ${25 * quarters} %`}.`
}

/** What a person may decide, and how. Never a button. */
export const waitingItem = ({ runId, status, summary, command }: WaitingRun, place: Place): Markup =>
  html`<div class="waiting"><p>${runLink(runId, place)} ${state(status)}</p><p>${summary}</p><p>To ${status === 'awaiting-approval' ? 'release it' : 'decide on it'}: <code>${command}</code></p></div>`
