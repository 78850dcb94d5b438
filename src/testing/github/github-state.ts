import type { Digest } from '../../core/index.js'
import { type GitObjects, keep, writeTree } from './git-objects.js'

/** All that a loopback GitHub knows: give it to the next server, and it goes on as the old one would have. */
export interface GitHubState {
  nextId: number
  readonly repositories: Map<string, GitHubRepositoryState>
}

export interface GitHubRepositoryState {
  readonly name: string
  readonly isPrivate: boolean
  readonly defaultBranch: string
  readonly objects: GitObjects
  /** `refs/heads/main` → SHA-1. */
  readonly refs: Map<string, string>
  readonly releases: GitHubReleaseState[]
  /** What somebody chose as the latest release. */
  latestId?: number | undefined
  /** Tags that an immutable release had once: never free again. */
  readonly spentTags: Set<string>
  /** Oldest first. */
  readonly issues: GitHubIssueState[]
  /** Comments on issues and pull requests, oldest first. */
  readonly comments: GitHubCommentState[]
  readonly checkRuns: GitHubCheckRunState[]
  readonly pullRequests: GitHubPullRequestState[]
}

export interface GitHubPullRequestState {
  readonly number: number
  /** `owner:branch` that the pull request comes from. */
  readonly head: string
  headSha: string
  readonly title?: string | undefined
  readonly body?: string | undefined
  /** @default 'open' */
  state?: 'open' | 'closed' | undefined
  /** The branch that it goes into. @default the default branch */
  readonly base?: string | undefined
}

export interface GitHubIssueState {
  readonly number: number
  readonly title: string
  readonly body: string
  readonly labels: readonly string[]
  state: 'open' | 'closed'
  /** `completed` or `not_planned`. */
  stateReason?: string | undefined
}

export interface GitHubCommentState {
  readonly id: number
  /** Number of the issue or pull request. */
  readonly issue: number
  /** Login of the author. */
  readonly author: string
  body: string
}

export interface GitHubCheckRunState {
  readonly id: number
  readonly name: string
  readonly headSha: string
  readonly conclusion: string
  /** What its creator calls it. */
  readonly externalId?: string | undefined
  readonly title: string
  readonly summary: string
}

export interface GitHubReleaseState {
  readonly id: number
  tagName: string
  target: string
  name: string
  body: string
  isDraft: boolean
  isPrerelease: boolean
  isImmutable: boolean
  readonly createdAtMs: number
  publishedAtMs?: number | undefined
  readonly assets: GitHubAssetState[]
}

export interface GitHubAssetState {
  readonly id: number
  name: string
  label: string
  readonly contentType: string
  /** `starter`: the upload was cut. */
  readonly state: 'uploaded' | 'starter'
  readonly bytes: Uint8Array
  readonly digest: Digest | null
  readonly createdAtMs: number
}

export const gitHubState = (): GitHubState => ({ nextId: 1000, repositories: new Map() })

export interface NewGitHubRepository {
  /** Hidden from whoever has no token. @default false */
  readonly isPrivate?: boolean | undefined
  /** Without its first commit. @default false */
  readonly isEmpty?: boolean | undefined
}

export function newRepository(
  name: string,
  { isPrivate = false, isEmpty = false }: NewGitHubRepository,
): GitHubRepositoryState {
  const repository: GitHubRepositoryState = {
    name,
    isPrivate,
    defaultBranch: 'main',
    objects: new Map(),
    refs: new Map(),
    releases: [],
    spentTags: new Set(),
    issues: [],
    comments: [],
    checkRuns: [],
    pullRequests: [],
  }
  if (!isEmpty) addCommit(repository, 'refs/heads/main', new Map(), 'first', 0)
  return repository
}

/** Issues and pull requests share their numbers. */
export const nextNumber = ({ issues, pullRequests }: GitHubRepositoryState): number =>
  Math.max(0, ...[...issues, ...pullRequests].map(({ number }) => number)) + 1

/** A commit of these files on a branch. @returns its SHA-1. */
export function addCommit(
  { objects, refs }: GitHubRepositoryState,
  ref: string,
  files: ReadonlyMap<string, string>,
  message: string,
  atMs: number,
): string {
  const parent = refs.get(ref)
  const tree = writeTree(objects, files)
  const sha = keep(objects, { type: 'commit', tree, parents: parent === undefined ? [] : [parent], message, atMs })
  refs.set(ref, sha)
  return sha
}
