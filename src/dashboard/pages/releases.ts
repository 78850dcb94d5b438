import { moment } from '../../report/index.js'
import { comparisonMarkup } from '../../report/run/index.js'
import type { AuditedCommit, ReleaseCommits, ReleaseLog } from '../../repository/index.js'
import type { Page, ReleaseSummary } from '../answers.js'
import { html, type Markup, table } from '../markup.js'
import {
  commitId,
  type PageBody,
  type Place,
  pagedTable,
  problem,
  releaseLink,
  report,
  runLink,
  state,
  time,
} from './layout.js'
import { ledgerTable } from './ledger.js'

export const releaseColumns = [
  { name: 'Version' },
  { name: 'Channels' },
  { name: 'Published (UTC)' },
  { name: 'Quality', isSecondary: true },
  { name: 'Gate' },
  { name: 'Decided by', isSecondary: true },
  { name: 'Signature', isSecondary: true },
  { name: 'State', isSecondary: true },
]

export function releaseRow(release: ReleaseSummary, place: Place): readonly (Markup | string | undefined)[] {
  const { version, channels, publishedAtMs, metric, verdict, decidedBy, isSigned, withdrawn, removedAtMs } = release
  return [
    releaseLink(version, place),
    channels.join(', '),
    time(publishedAtMs),
    metric === undefined ? '' : `${metric.name} ${metric.value}`,
    verdict === undefined ? '' : state(verdict),
    html`<span class="text">${decidedBy}</span>`,
    isSigned ? 'signed' : 'none',
    html`<span class="text">${withdrawn === undefined ? '' : html`<strong class="fail">withdrawn</strong>: ${withdrawn.reason}`}${removedAtMs === undefined ? '' : ' files removed'}</span>`,
  ]
}

export function releasesPage(releases: Page<ReleaseSummary>, place: Place): PageBody {
  const list = { name: 'Releases', file: 'releases', columns: releaseColumns }
  const row = (release: ReleaseSummary) => releaseRow(release, place)
  const rows = pagedTable(
    { ...list, row, empty: 'Nothing is released yet. Start a run with: sheikh run' },
    releases,
    place,
  )
  const title = releases.page === 1 ? 'Releases' : `Releases, page ${releases.page}`
  return { title, section: 'releases', body: html`<h1>Releases</h1>${rows}` }
}

export function releasePage(log: ReleaseLog, place: Place): PageBody {
  const { version, publishedAtMs, runId, bundle, withdrawn, removedAtMs, verdict, baseline, problems } = log
  const facts: readonly (readonly [string, Markup | string | undefined])[] = [
    ['Published', html`${time(publishedAtMs)} by ${runLink(runId, place)}`],
    ['Channels', log.channels.join(', ') || 'none'],
    ['Origin', origin(log, place)],
    ['Bundle', html`<code>${bundle}</code>`],
    [
      'Withdrawn',
      withdrawn === undefined
        ? undefined
        : html`<strong class="fail">withdrawn</strong> ${time(withdrawn.atMs)}${by(withdrawn.by)}: ${withdrawn.reason}`,
    ],
    ['Files', removedAtMs === undefined ? undefined : html`removed ${time(removedAtMs)}`],
    ['Compared with', baseline === undefined ? undefined : releaseLink(baseline, place)],
    ['Approved', log.approval === undefined ? undefined : `by ${log.approval.by}: ${log.approval.reason}`],
    [
      'Overridden',
      log.override === undefined
        ? undefined
        : `by ${log.override.by} until ${moment(log.override.untilMs)}, against ${log.override.checks.join(', ')}: ${log.override.reason}`,
    ],
    ...log.promotions.map(
      ({ channel, by: who, atMs }) => ['Promoted', html`to ${channel} ${time(atMs)} by ${who}`] as const,
    ),
  ]
  const shownFacts = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`],
  )
  const checks = log.checks.map(({ name, status, detail }) => [
    name,
    html`<strong class="${{ valid: 'pass', invalid: 'fail', absent: 'neutral' }[status]}">${status}</strong>`,
    html`<span class="text all">${detail}</span>`,
  ])
  const registries = log.registries.map(({ name, hasRelease }) => [
    name,
    { true: 'yes', false: 'no', undefined: 'unknown' }[`${hasRelease}`],
  ])
  const body = html`<h1>Release ${version}</h1>
<dl class="values">${shownFacts}</dl>
${problems.map(({ message }) => problem(message))}
<h2>Signature and ledger</h2>
${table('Signature and ledger', [{ name: 'Check' }, { name: 'Result' }, { name: 'Detail' }], checks)}
<p class="note">Files are not downloaded for this page. <code>sheikh verify ${version}</code> checks every file.</p>
${registries.length === 0 ? undefined : html`<h2>Registries</h2>${table('Registries', [{ name: 'Registry' }, { name: 'Has the release' }], registries)}`}
${log.trained === undefined ? undefined : commitTable('Commits that led to the model', log.trained)}
${log.restored === undefined ? undefined : commitTable('Commits that led to the restoration', log.restored)}
${verdict === undefined ? undefined : html`<section class="report">${report(comparisonMarkup(verdict, { title: 'Gate' }).replace('<h1>Gate</h1>', '<h2>Gate</h2>'))}</section>`}
${log.ledger === undefined || log.ledger.length === 0 ? undefined : html`<h2>Ledger entries</h2>${ledgerTable(log.ledger, place)}`}`
  return { title: `Release ${version}`, section: 'releases', body }
}

const by = (who: string | undefined) => (who === undefined ? '' : ` by ${who}`)

function origin({ origin: from }: ReleaseLog, place: Place): Markup {
  const dirty = from.uncommitted ? html` <strong class="fail">made from uncommitted changes</strong>` : undefined
  const commit = from.commit === undefined ? undefined : html` ${commitId(from.commit)}`
  if (from.kind === 'imported') return html`imported from ${from.from}${by(from.by)}${dirty}`
  if (from.kind === 'trained') return html`trained, commit${commit ?? ' unknown'}${dirty}`
  const { cause, restoredFrom, reason } = from
  return html`${cause}: the model of ${releaseLink(restoredFrom, place)} again${by(from.by)}${reason === undefined ? '' : `: ${reason}`}${commit}${dirty}`
}

const mostCommits = 50

function commitTable(heading: string, { commits }: ReleaseCommits): Markup {
  const columns = [
    { name: 'Commit' },
    { name: 'Subject' },
    { name: 'Author', isSecondary: true },
    { name: 'When (UTC)', isSecondary: true },
    { name: 'Changes', isSecondary: true },
  ]
  const rows = commits
    .slice(0, mostCommits)
    .map((commit) => [
      commitId(commit.commit),
      html`<span class="text">${commit.subject}</span>`,
      commit.author.name,
      time(commit.atMs),
      changesOf(commit),
    ])
  const more =
    commits.length > mostCommits ? html`<p class="note">The newest ${mostCommits} of ${commits.length}.</p>` : undefined
  return html`<h2>${heading}</h2>${table(heading, columns, rows)}${more}`
}

const changesOf = ({ changes, gate }: AuditedCommit): Markup =>
  html`<span class="text">${(changes ?? []).map(({ kind, count }) => `${kind}: ${count}`).join(', ')}${gate.some(({ looser }) => looser) ? html` <strong class="fail">gate loosened</strong>` : undefined}</span>`
