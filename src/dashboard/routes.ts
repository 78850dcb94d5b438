import { callContext, SheikhError } from '../core/index.js'
import type { Verdict } from '../gate/index.js'
import { isVersion } from '../releaser/index.js'
import { runMarkup } from '../report/run/index.js'
import type { ReleaseLog } from '../repository/index.js'
import { icon, script, styleSheet } from './assets.js'
import { Markup } from './markup.js'
import { comparePage, comparisonPage } from './pages/compare.js'
import { layout, type PageBody, type Place } from './pages/layout.js'
import { ledgerPage } from './pages/ledger.js'
import { overviewPage, usePage } from './pages/overview.js'
import { releasePage, releasesPage } from './pages/releases.js'
import { runPage, runsPage } from './pages/runs.js'
import { readChoices } from './read-choices.js'
import { readComparison, readLedger, readOverview, readPanels, readReleasePage } from './read-releases.js'
import { readRun, readRunPage, readWaiting } from './read-runs.js'
import type { DashboardSource } from './source.js'

export interface Content {
  readonly type: 'text/html' | 'text/css' | 'text/javascript' | 'image/svg+xml' | 'application/json'
  readonly body: string
}

/** Answers for a path, such as `/runs/01m8kfa7ts2rjb6h5qgx.html`; `undefined` if there is nothing at it. */
export type Routes = (path: string, query: URLSearchParams) => Promise<Content | undefined>

export interface RoutesOptions {
  /** False for a snapshot: no script, no form and no JSON. */
  readonly isLive: boolean
}

const runId = '([a-z0-9-]{1,100})'
// SemVer's characters; `isVersion` decides.
const name = '([0-9A-Za-z.+-]{1,256})'
const number = '(?:-([1-9]\\d{0,5}))?'

export function routes(source: DashboardSource, { isLive }: RoutesOptions): Routes {
  const { clock } = callContext()
  const page =
    (read: (place: Place, ...found: readonly string[]) => Promise<PageBody>): Answer =>
    async (path, _, ...found) => {
      const root = '../'.repeat(path.split('/').length - 2)
      // A release or an entry of the ledger may be from a run of another machine, which has no page here.
      const runs = new Set(await source.pipeline.runIds().catch(() => []))
      const hasRun = (id: string) => runs.has(id)
      const place = { project: source.project, root, isLive, hasRun, nowMs: clock.nowMs() }
      return { type: 'text/html', body: layout(await read(place, ...found), place) }
    }
  const file =
    (type: Content['type'], body: string): Answer =>
    async () => ({ type, body })
  const table: readonly (readonly [pattern: string, answer: Answer])[] = [
    ['/(?:index\\.html)?', page(async (place) => overviewPage(await readOverview(source), place))],
    [`/runs${number}\\.html`, page(async (place, at = '1') => runsPage(await readRunPage(source, Number(at)), place))],
    [`/runs/${runId}\\.html`, page((_, id) => showRun(source, id!))],
    [
      `/releases${number}\\.html`,
      page(async (place, at = '1') => releasesPage(await readReleasePage(source, Number(at)), place)),
    ],
    [`/releases/${name}\\.html`, page(async (place, version) => releasePage(await logOf(source, version!), place))],
    ['/compare\\.html', page(async (place) => comparePage(...(await readChoices(source)), place))],
    [
      `/compare/${name}/${name}\\.html`,
      page(async (_, before, after) =>
        comparisonPage(await readComparison(source, before!, after!), { before: before!, after: after! }),
      ),
    ],
    [
      `/ledger${number}\\.html`,
      page(async (place, at = '1') => ledgerPage(await readLedger(source, Number(at)), place)),
    ],
    ['/use\\.html', page(async () => usePage(await readPanels(source)))],
    ['/style\\.css', file('text/css', styleSheet)],
    ['/icon\\.svg', file('image/svg+xml', icon)],
    ...(isLive ? [['/live\\.js', file('text/javascript', script)] as const, ...api(source)] : []),
  ]
  const patterns = table.map(([pattern, answer]) => [new RegExp(`^${pattern}$`), answer] as const)
  return async (path, query) => {
    for (const [pattern, answer] of patterns) {
      const found = pattern.exec(path)
      if (found !== null) return answer(path, query, ...found.slice(1))
    }
    return undefined
  }
}

type Answer = (path: string, query: URLSearchParams, ...found: readonly string[]) => Promise<Content>

function api(source: DashboardSource): readonly (readonly [string, Answer])[] {
  const json =
    (read: (query: URLSearchParams, ...found: readonly string[]) => Promise<unknown>): Answer =>
    async (_, query, ...found) => ({
      type: 'application/json',
      body: `${JSON.stringify(await read(query, ...found))}\n`,
    })
  const pageIn = (query: URLSearchParams) => Number(query.get('page') ?? 1)
  return [
    ['/api/overview', json(() => readOverview(source))],
    ['/api/runs', json((query) => readRunPage(source, pageIn(query)))],
    [`/api/runs/${runId}`, json(async (_, id) => (await readRun(source, id!)).answer)],
    ['/api/waiting', json(() => readWaiting(source))],
    ['/api/releases', json((query) => readReleasePage(source, pageIn(query)))],
    [`/api/releases/${name}`, json(async (_, version) => bounded(await logOf(source, version!)))],
    [
      `/api/compare/${name}/${name}`,
      json(async (_, before, after) => boundedVerdict(await readComparison(source, before!, after!))),
    ],
    ['/api/ledger', json((query) => readLedger(source, pageIn(query)))],
    ['/api/panels', json(() => readPanels(source))],
  ]
}

async function showRun(source: DashboardSource, id: string): Promise<PageBody> {
  const { answer, record } = await readRun(source, id)
  if (record === undefined || answer.live !== undefined) return runPage(answer, {})
  const { details, problem } = await source.details(record)
  return runPage(answer, { report: new Markup(runMarkup(record, details)), problem })
}

/** @throws `not-found`. A channel's name is no version. */
function logOf(source: DashboardSource, version: string): Promise<ReleaseLog> {
  if (isVersion(version)) return source.log(version)
  throw new SheikhError('not-found', `Cannot show the release "${version}": this is not a version, such as 1.2.0.`)
}

const mostCommits = 50
const mostFindings = 200

/** The newest commits and the first findings. */
function bounded({ trained, restored, verdict, ledger, ...log }: ReleaseLog): unknown {
  const newest = (part: ReleaseLog['trained']) =>
    part && { ...part, commits: part.commits.slice(0, mostCommits), commitCount: part.commits.length }
  return {
    ...log,
    trained: newest(trained),
    restored: newest(restored),
    verdict: verdict && boundedVerdict(verdict),
    ledger: ledger?.slice(-mostCommits),
  }
}

/** The first findings, with the first parts of their lists, such as the ids of items that got worse. */
function boundedVerdict(verdict: Verdict): unknown {
  const short = (_: string, value: unknown) => (Array.isArray(value) ? value.slice(0, mostFindings) : value)
  return { ...JSON.parse(JSON.stringify(verdict, short)), findingCount: verdict.findings.length }
}
