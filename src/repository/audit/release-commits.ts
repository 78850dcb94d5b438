import { isSheikhError } from '../../core/index.js'
import type { PolicyChange } from '../../gate/index.js'
import type { Configuration } from '../config/index.js'
import { gateChanges, type SettingChange, settingChanges } from '../diff/index.js'
import type { PastCommit } from '../git/index.js'
import { type AuditProject, missingCommit, type Problems } from './audit-project.js'
import { type ChangedFiles, changedFiles, kindOf, type Layout } from './changed-kinds.js'
import { type CommitFacts, commitFacts, pullRequestsOf } from './commit-facts.js'

/** A commit, and what it changed for a run. JSON. */
export interface AuditedCommit extends CommitFacts {
  /** By what the files decide. A merge has only what it changed itself. Absent: this clone lacks the commit's parent. */
  readonly changes?: readonly ChangedFiles[] | undefined
  /** How the gate of the files changed. */
  readonly gate: readonly PolicyChange[]
  /** The settings in the YAML files that changed. */
  readonly settings: readonly SettingChange[]
}

/** A stretch of history that led to a release. JSON. */
export interface ReleaseCommits {
  /** The commit of the previous release. Absent: there is none, and all commits until `to` are listed. */
  readonly from?: string | undefined
  readonly to: string
  /** False: the previous release's commit is no ancestor, so the history was rewritten or branched. Absent if unknown. */
  readonly isAncestor?: boolean | undefined
  /** Newest first. */
  readonly commits: readonly AuditedCommit[]
}

/** The commits that `to` has and `from` lacks. What this clone lacks becomes a problem. */
export async function releaseCommits(
  { from, to }: { readonly from: string | undefined; readonly to: string },
  { git, context }: AuditProject,
  {
    layout,
    configurationAt,
  }: { readonly layout: Layout; readonly configurationAt: (commit: string) => Promise<Configuration> },
  problems: Problems,
): Promise<ReleaseCommits> {
  if ((await git.readCommit(to)) === undefined) {
    problems.add('commits', 'not-found', `Which commits led to the release is unknown: ${missingCommit(git, to)}`)
    return { from, to, commits: [] }
  }
  const start = from !== undefined && (await git.readCommit(from)) !== undefined ? from : undefined
  if (from !== undefined && start === undefined)
    problems.add(
      'commits',
      'not-found',
      `Where the previous release ends is unknown, so the listed commits may include earlier ones: ${missingCommit(git, from)}`,
    )
  const found = (await problems.attempt('commits', () => git.history({ from: start, to }, context))) ?? []
  if (found.some(({ changes }) => changes === undefined))
    problems.add(
      'commits',
      'not-found',
      'The clone lacks the parents of some commits, so older commits and what these changed are unknown. Fetch the rest: git fetch --unshallow',
    )
  const pullRequests = pullRequestsOf(found)
  const commits: AuditedCommit[] = []
  for (const commit of found) {
    const { changes } = commit
    commits.push({
      ...commitFacts(commit, pullRequests),
      ...(changes !== undefined && { changes: changedFiles(changes, layout) }),
      ...(await policyChangesOf(commit, { layout, configurationAt }, problems)),
    })
  }
  const isAncestor = start === undefined ? undefined : await git.isDescendant(to, start)
  return { from, to, ...(isAncestor !== undefined && { isAncestor }), commits }
}

async function policyChangesOf(
  { oid, parents, changes = [] }: PastCommit,
  {
    layout,
    configurationAt,
  }: { readonly layout: Layout; readonly configurationAt: (commit: string) => Promise<Configuration> },
  problems: Problems,
): Promise<Pick<AuditedCommit, 'gate' | 'settings'>> {
  const [parent] = parents
  const isPolicy = changes.some(({ path }) => ['configuration', 'gate'].includes(kindOf(path, layout)))
  if (!isPolicy || parent === undefined) return { gate: [], settings: [] }
  try {
    const both = [await configurationAt(parent), await configurationAt(oid)] as const
    return { gate: gateChanges(both), settings: settingChanges(both) }
  } catch (error) {
    if (!isSheikhError(error)) throw error
    problems.add(
      'settings',
      error.code,
      `Which settings the commit ${oid.slice(0, 10)} changed is unknown, because its settings or its parent's cannot be read: ${error.message}`,
    )
    return { gate: [], settings: [] }
  }
}
