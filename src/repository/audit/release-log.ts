import { relative, resolve } from 'node:path'
import type { Digest, Json } from '../../core/index.js'
import { type PinnedSet, parsePinnedSet, type Repin } from '../../dataset/index.js'
import type { LedgerEntry, Verdict } from '../../gate/index.js'
import type { JudgedCandidate, Release, ReleaseApproval, ReleaseOverride, Version } from '../../releaser/index.js'
import { type ReleaseCheck, verifyRelease } from '../../releaser/signature/index.js'
import { evaluationPath } from '../layout.js'
import { codeOf } from '../provenance.js'
import {
  type AuditProblem,
  type AuditProject,
  listed,
  missingCommit,
  Problems,
  type ReleaseRecords,
  readRecords,
  releaseNamed,
  trainedRelease,
} from './audit-project.js'
import { layoutOf } from './changed-kinds.js'
import { configurationReader } from './configuration-at-commit.js'
import { type ReleaseCommits, releaseCommits } from './release-commits.js'

/** Where a release comes from, what decided on it, and where it went. JSON. Contains no text of samples. */
export interface ReleaseLog {
  readonly version: Version
  readonly bundle: Digest
  readonly publishedAtMs: number
  readonly runId: string
  readonly origin: ReleaseOrigin
  /** The release that readers had before. Absent: this was the first. */
  readonly previous?: Version | undefined
  /** The commits that led to the release that was trained. Absent if it names no commit. */
  readonly trained?: ReleaseCommits | undefined
  /** If an earlier model was published again because of a commit, such as a revert: the commits that led to that. */
  readonly restored?: ReleaseCommits | undefined
  /** What the gate decided when the model was trained. */
  readonly verdict?: Verdict | undefined
  /** The candidates that the run chose among. Absent if there was only one. */
  readonly candidates?: readonly JudgedCandidate[] | undefined
  /** The release that the gate compared with. */
  readonly baseline?: Version | undefined
  readonly approval?: ReleaseApproval | undefined
  readonly override?: ReleaseOverride | undefined
  /** Edits of pinned items that people accepted between the previous release and this one. */
  readonly repins: readonly Repin[]
  /** The channels that point at the release now. */
  readonly channels: readonly string[]
  readonly promotions: readonly { readonly channel: string; readonly by: string; readonly atMs: number }[]
  readonly withdrawn?: { readonly reason: string; readonly atMs: number; readonly by?: string | undefined } | undefined
  /** When its files were removed to save space. */
  readonly removedAtMs?: number | undefined
  readonly registries: readonly RegistryState[]
  /** Signature, provenance and ledger. The files are not downloaded: `Repository.verify` checks them. */
  readonly checks: readonly ReleaseCheck[]
  /** The entries about this release and its run, from a ledger that verifies. Absent if it cannot be read or does not verify. */
  readonly ledger?: readonly LedgerEntry[] | undefined
  /** What could not be read. */
  readonly problems: readonly AuditProblem[]
}

/** How a release came about. JSON. */
export type ReleaseOrigin = {
  /** True: files that the run read were not committed, so no commit contains what the model was made of. */
  readonly uncommitted: boolean
  /** The commit of the run that published the release. */
  readonly commit?: string | undefined
} & (
  | { readonly kind: 'trained' }
  | { readonly kind: 'imported'; readonly from: string; readonly by?: string | undefined }
  | {
      readonly kind: 'restored'
      /** `revert`: a run found the state of an earlier release. The others are commands of a person. */
      readonly cause: 'revert' | 'rollback' | 'republication'
      readonly restoredFrom: Version
      /** The release that was trained or imported. Absent if its record is gone. */
      readonly origin?: Version | undefined
      readonly by?: string | undefined
      readonly reason?: string | undefined
    }
)

/** A registry of the current configuration. */
export interface RegistryState {
  readonly name: string
  /** Its address, as the registry describes itself. */
  readonly describe: Json
  /** Absent: it could not be read. */
  readonly hasRelease?: boolean | undefined
}

/**
 * Where a release comes from.
 *
 * @param name a version or a channel. @default what the project's channel points at
 * @throws `not-found`.
 */
export async function logRelease(name: string | undefined, project: AuditProject): Promise<ReleaseLog> {
  const { composition, context } = project
  const problems = new Problems(context)
  const records = await readRecords(project, problems)
  const release = releaseNamed(
    name ?? composition.configuration.release.channel ?? 'latest',
    'show the log of',
    records,
  )
  const { version, bundle, publishedAtMs, record, withdrawn, removedAtMs } = release
  const trained = trainedRelease(release, records.history)
  if (trained === undefined)
    problems.add(
      'origin',
      'not-found',
      `Where ${version} comes from is unknown: it is ${record.restoredFrom} again, and the registry has no record of the release that was trained. Look for it in the other registries: sheikh history`,
    )
  const commits = await commitsOf(release, trained, records, project, problems)
  const { ledger } = records
  const about = (entry: LedgerEntry) =>
    ('version' in entry && entry.version === version) ||
    [record.runId, trained?.record.runId, record.approval?.runId, record.override?.runId].includes(entry.runId)
  const withdrawal = ledger?.findLast((entry) => entry.type === 'withdrawal' && entry.version === version)
  const trust = await problems.attempt('signature', project.trust)
  const checks = verifyRelease(release, { manifest: release.manifest, ...trust, ledger }).filter(
    (check) => check.name !== 'files' && (check.name !== 'ledger' || ledger !== undefined),
  )
  return {
    ...{ version, bundle, publishedAtMs, runId: record.runId },
    origin: originOf(release, trained),
    ...commits,
    ...(record.verdict !== undefined && { verdict: record.verdict }),
    ...(record.candidates !== undefined && { candidates: record.candidates }),
    baseline: baselineOf(trained ?? release),
    approval: record.approval,
    override: record.override,
    channels: Object.keys(records.channels).filter((channel) => records.channels[channel] === version),
    promotions: (ledger ?? []).flatMap((entry) =>
      entry.type === 'promotion' && entry.version === version
        ? [{ channel: entry.channel, by: entry.by, atMs: entry.atMs }]
        : [],
    ),
    withdrawn: withdrawn && { ...withdrawn, ...(withdrawal?.type === 'withdrawal' && { by: withdrawal.by }) },
    removedAtMs,
    registries: await registryStates(version, project, problems),
    checks,
    ...(ledger !== undefined && { ledger: ledger.filter(about) }),
    problems: problems.all,
  }
}

function originOf(release: Release, trained: Release | undefined): ReleaseOrigin {
  const { record, postPublish } = release
  // Such a release gets no channel. An import and a restoration read no files of the project.
  const uncommitted = (trained ?? release).postPublish.channel === undefined
  const common = { uncommitted, ...(record.commit !== undefined && { commit: record.commit }) }
  if (record.restoredFrom !== undefined) {
    const { by, reason, withdraws } = postPublish
    const cause = withdraws.length > 0 ? 'rollback' : by === undefined ? 'revert' : 'republication'
    return {
      ...common,
      kind: 'restored',
      cause,
      restoredFrom: record.restoredFrom,
      origin: trained?.version,
      by,
      reason,
    }
  }
  if (record.importedFrom !== undefined) return { ...common, kind: 'imported', ...record.importedFrom }
  return { ...common, kind: 'trained' }
}

function baselineOf({ record, postPublish }: Release): Version | undefined {
  const compared = record.verdict?.findings.find(({ against }) => against === 'baseline')?.againstVersion
  return compared ?? postPublish.replaces ?? undefined
}

type CommitsOfRelease = Pick<ReleaseLog, 'previous' | 'trained' | 'restored' | 'repins'>

async function commitsOf(
  release: Release,
  trained: Release | undefined,
  { history }: ReleaseRecords,
  project: AuditProject,
  problems: Problems,
): Promise<CommitsOfRelease> {
  const { git, context, composition, root } = project
  const configurationAt = configurationReader(git, project.project, context)
  const modules = await codeOf({ git, root }, { files: composition.trainerFiles })
  const code = [...modules.files, ...modules.workspaceFiles].map((path) => relative(git.root, resolve(root, path)))
  const layout = layoutOf(
    project.project,
    [composition.configuration],
    code.map((path) => path.replaceAll('\\', '/')),
  )
  const between = async (one: Release | undefined): Promise<ReleaseCommits | undefined> => {
    // The commit of an import is where the repository was, not what the model was made of.
    if (one?.record.commit === undefined || (one === trained && one.record.importedFrom !== undefined)) return undefined
    const from = commitBefore(one, history)
    return releaseCommits({ from, to: one.record.commit }, project, { layout, configurationAt }, problems)
  }
  const ofTrained = await between(trained)
  const ofRestored = trained?.version === release.version ? undefined : await between(release)
  const previous = previousOf(release, history)?.version
  return {
    ...(previous !== undefined && { previous }),
    ...(ofTrained !== undefined && { trained: ofTrained }),
    ...(ofRestored !== undefined && { restored: ofRestored }),
    repins: await repinsBetween(ofTrained, project, problems),
  }
}

/** The release that the channel pointed at, or the one published before. */
function previousOf({ version, postPublish }: Release, history: readonly Release[]): Release | undefined {
  if (postPublish.replaces === null) return undefined
  const older = history.slice(history.findIndex((release) => release.version === version) + 1)
  return older.find((release) => release.version === postPublish.replaces) ?? older[0]
}

/** The commit of the model that readers had before: an import has none, and a rollback that of the release it is again. */
function commitBefore(release: Release, history: readonly Release[]): string | undefined {
  for (let one = previousOf(release, history); one !== undefined; one = previousOf(one, history)) {
    if (one.record.importedFrom !== undefined) continue
    const commit = one.record.commit ?? trainedRelease(one, history)?.record.commit
    if (commit !== undefined) return commit
  }
  return undefined
}

async function repinsBetween(
  commits: ReleaseCommits | undefined,
  { git, project }: AuditProject,
  problems: Problems,
): Promise<readonly Repin[]> {
  if (commits === undefined || (await git.readCommit(commits.to)) === undefined) return []
  const path = project === '' ? evaluationPath : `${project}/${evaluationPath}`
  const setAt = async (commit: string): Promise<PinnedSet | undefined> => {
    if ((await git.readCommit(commit)) === undefined) {
      problems.add('evaluation-set', 'not-found', `Which repins are new is unknown: ${missingCommit(git, commit)}`)
      return undefined
    }
    const entry = (await git.tree(commit, [path])).get(path)
    if (entry === undefined) return undefined
    const text = Buffer.from(await git.readBlob(entry.oid)).toString()
    return parsePinnedSet(parsed(text), `${path} of the commit ${commit.slice(0, 10)}`)
  }
  const found = await problems.attempt('evaluation-set', async () => {
    const before = commits.from === undefined ? undefined : await setAt(commits.from)
    const known = new Set((before?.repins ?? []).map((repin) => JSON.stringify(repin)))
    return ((await setAt(commits.to))?.repins ?? []).filter((repin) => !known.has(JSON.stringify(repin)))
  })
  return found ?? []
}

/** What is not JSON becomes an error of `parsePinnedSet`. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function registryStates(
  version: Version,
  { composition, context }: AuditProject,
  problems: Problems,
): Promise<readonly RegistryState[]> {
  // A pipeline of the host's own does not name its registries.
  if (composition.pipeline !== undefined) return []
  const states: RegistryState[] = []
  for (const registry of await composition.registries()) {
    const history = await problems.attempt('registries', () => listed(registry, context))
    states.push({
      name: registry.name,
      describe: registry.describe(),
      ...(history !== undefined && { hasRelease: history.some((release) => release.version === version) }),
    })
  }
  return states
}
