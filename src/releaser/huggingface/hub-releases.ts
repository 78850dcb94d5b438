import { hexOf, isSheikhError, type Log, SheikhError } from '../../core/index.js'
import {
  type PendingRelease,
  parsePending,
  parseRelease,
  type Release,
  type TagFormat,
  type Version,
} from '../index.js'
import type { HubClient, HubRefs } from './hub-client.js'
import { type Marks, marksFile, parseJson, parseMarks, releaseFile } from './hub-documents.js'

export const pendingPrefix = 'pending-'

export const pendingBranch = ({ version, bundle }: Pick<PendingRelease, 'version' | 'bundle'>): string =>
  `${pendingPrefix}${version}-${hexOf(bundle)}`

/** The branch with the files of a channel's release. */
export const branchOf = (channel: string): string => (channel === 'latest' ? 'main' : channel)

/** True if both belong to the same run. */
export const isSame = (left: PendingRelease, right: PendingRelease): boolean =>
  left.version === right.version && left.bundle === right.bundle && left.record.runId === right.record.runId

/** The state of one call to the registry. */
export interface HubCall {
  readonly client: HubClient
  readonly log: Log
  readonly tagOf: TagFormat['tagOf']
  /** Reads the current state of the repository. */
  look(): Promise<HubView>
}

/** The state of a repository at the time its refs were read. */
export type HubView = ReturnType<typeof hubView>

/** @param known documents by commit; a commit never changes. */
export function hubView(
  client: HubClient,
  refs: HubRefs,
  { tagOf, versionOf }: TagFormat,
  known: Map<string, Release>,
) {
  /** The release at a commit; `undefined` if the commit has none. */
  async function releaseAt(commit: string): Promise<Release | undefined> {
    const before = known.get(commit)
    if (before !== undefined) return before
    const document = await readDocument(commit)
    if ((document as Partial<Release> | undefined)?.publishedAtMs === undefined) return undefined
    const release = parseRelease(document, `${releaseFile} at ${commit}`)
    known.set(commit, release)
    return release
  }

  async function readDocument(revision: string): Promise<unknown> {
    const content = await client.read(revision, releaseFile)
    return content === undefined ? undefined : parseJson(content, `${releaseFile} at ${revision}`)
  }

  const pendingBranches = [...refs.branches.keys()].filter((branch) => branch.startsWith(pendingPrefix))

  return {
    refs,
    releaseAt,
    versions: [...refs.tags.keys()].flatMap((tag) => versionOf(tag) ?? []),
    commitOf: (version: Version) => refs.tags.get(tagOf(version)),

    /** @throws `artifact-corrupt` if the tag points at another release. */
    async releaseTagged(version: Version): Promise<Release | undefined> {
      const tag = tagOf(version)
      const commit = refs.tags.get(tag)
      const release = commit === undefined ? undefined : await releaseAt(commit)
      // A tag that people made by hand, before the first release here.
      if (release === undefined || release.version === version) return release
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot trust the tag ${tag} in ${client.repository}: it points at the release ${release.version}. Somebody created or moved the tag. Delete it, or move it back.`,
        { facts: { tag, commit } },
      )
    },

    /** The release on a branch. A branch that people created has none. */
    async releaseOn(branch: string): Promise<Release | undefined> {
      const head = refs.branches.get(branch)
      return head === undefined ? undefined : await releaseAt(head)
    },

    /** The releases on channel branches, including one whose publication was interrupted before its tag. */
    async releasesOnBranches(): Promise<readonly { readonly commit: string; readonly release: Release }[]> {
      const found: { commit: string; release: Release }[] = []
      for (const [branch, commit] of refs.branches) {
        const release = pendingBranches.includes(branch) ? undefined : await releaseAt(commit)
        if (release !== undefined) found.push({ commit, release })
      }
      return found
    },

    async marks(): Promise<Marks> {
      const main = refs.branches.get('main')
      return parseMarks(main === undefined ? undefined : await client.read(main, marksFile))
    },

    /** The pending release on a branch, if it is complete: one commit adds its record and all its files. */
    async pendingOn(branch: string): Promise<PendingRelease | undefined> {
      const head = refs.branches.get(branch)
      const document = head === undefined ? undefined : await readDocument(head)
      if (document === undefined) return undefined
      const pending = parsePending(document, `${releaseFile} on ${branch}`)
      // An interrupted preparation still contains the release that the branch started from.
      return pendingBranch(pending) === branch ? pending : undefined
    },

    pendingBranches,
  }
}

export function marked(release: Release, { withdrawals, removals }: Marks): Release {
  const withdrawn = withdrawals.get(release.version)
  const removed = removals.get(release.version)
  return { ...release, ...(withdrawn && { withdrawn }), ...(removed && { removedAtMs: removed.atMs }) }
}

/** The number of attempts if the branch moves in the meantime. */
const attempts = 5

/**
 * Reads the state and acts on it. If the branch has changed in the meantime, it starts over: either another writer was faster,
 * or the act itself succeeded and its response was lost.
 */
export async function lookAndAct<V>(look: () => Promise<HubView>, act: (view: HubView) => Promise<V>): Promise<V> {
  for (let attempt = 1; ; attempt += 1) {
    const view = await look()
    try {
      return await act(view)
    } catch (error) {
      const raced = isSheikhError(error, 'release-conflict') && error.facts['status'] === 412
      if (!raced || attempt === attempts) throw error
    }
  }
}
