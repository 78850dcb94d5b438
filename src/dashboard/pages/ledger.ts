import type { LedgerEntry } from '../../gate/index.js'
import { moment, percent } from '../../report/index.js'
import type { LedgerAnswer } from '../answers.js'
import { html, type Markup, table } from '../markup.js'
import { type PageBody, type Place, pagedTable, runLink, state, time } from './layout.js'
import { ledgerSentence } from './overview.js'

const columns = [
  { name: 'Line' },
  { name: 'When (UTC)' },
  { name: 'Type' },
  { name: 'What' },
  { name: 'Run', isSecondary: true },
]

const row = (entry: LedgerEntry, place: Place): readonly (Markup | string)[] => [
  // From 1, as errors and `sheikh verify` count.
  String(entry.sequence + 1),
  time(entry.atMs),
  entry.type,
  html`<span class="text all">${whatOf(entry)}</span>`,
  // A decision of a live test belongs to no run.
  entry.type === 'experiment' ? '' : runLink(entry.runId, place),
]

export function ledgerPage(answer: LedgerAnswer, place: Place): PageBody {
  const list = { name: 'Ledger', file: 'ledger', columns, empty: '' }
  const rows = pagedTable({ ...list, row: (entry: LedgerEntry) => row(entry, place) }, answer, place)
  const title = answer.page === 1 ? 'Ledger' : `Ledger, page ${answer.page}`
  return {
    title,
    section: 'ledger',
    body: html`<h1>Ledger</h1>${ledgerSentence(answer.total, answer.tip, place)}${rows}`,
  }
}

export const ledgerTable = (entries: readonly LedgerEntry[], place: Place): Markup =>
  table(
    'Ledger entries',
    columns,
    entries.slice(-50).map((entry) => row(entry, place)),
  )

function whatOf(entry: LedgerEntry): Markup {
  switch (entry.type) {
    case 'verdict':
      return html`${state(entry.status)}${entry.failed === undefined ? '' : `: ${entry.failed.map(({ check }) => check).join(', ')}`}${(entry.policyChanges ?? []).map((change) => html`. <strong class="inconclusive">Policy changed</strong>: ${change}`)}`
    case 'approval':
      return html`by ${entry.by}: ${entry.reason}`
    case 'override':
      return html`against ${entry.checks.join(', ')}, until ${moment(entry.untilMs)}, by ${entry.by}: ${entry.reason}`
    case 'release':
      return html`${entry.version}, bundle <code>${entry.bundle.slice(7, 19)}</code>`
    case 'run':
      return html`${state(entry.status)}, commit <code>${entry.commit.slice(0, 10)}</code>`
    case 'promotion':
      return html`${entry.version} to ${entry.channel}, by ${entry.by}`
    case 'loss':
      return html`${entry.versions.join(', ')} accepted as lost, by ${entry.by}: ${entry.reason}`
    case 'experiment':
      return html`${entry.name}: ${entry.result ?? entry.action}, ${entry.treatment} gets ${percent(entry.share)}${entry.by === undefined ? '' : `, by ${entry.by}`}: ${entry.reason}`
    case 'withdrawal':
      return html`${entry.version}${entry.by === undefined ? '' : `, by ${entry.by}`}: ${entry.reason}`
  }
}
