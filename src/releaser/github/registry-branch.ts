import { type Json, SheikhError } from '../../core/index.js'
import { encodePath, type GitHubApi } from './github-api.js'

/** The branch with channels and withdrawals. It has no common history with other branches, so it starts no workflow. */
export const branchName = 'sheikh-registry'

const readme = `# Releases

Written by sheikh-freemium, by compare-and-set; do not edit by hand.

- \`channels/<name>.json\`: the version that a channel points at.
- \`withdrawals/<version>.json\`: a release that was rolled back from, and why.
- \`removals/<version>.json\`: a release whose files were deleted to save space.
`

/** The files of the branch at one point in time. */
export interface BranchFiles {
  readonly paths: readonly string[]
  /** The SHA-1 of a file. The next write passes it to detect changes. */
  sha(path: string): string | undefined
  /** @throws `artifact-corrupt` for anything but a JSON object. */
  read(path: string): Promise<{ readonly [key: string]: Json } | undefined>
}

/** @param blobs files that were read before, by SHA-1. */
export async function readBranch(api: GitHubApi, blobs: Map<string, string>): Promise<BranchFiles> {
  const act = `read the branch ${branchName}`
  const answer = await api.call<{ readonly tree: readonly { path: string; sha: string; type: string }[] }>(
    act,
    'GET',
    `git/trees/${branchName}?recursive=1`,
    // GitHub answers 409 for an empty repository.
    { allow: [404, 409] },
  )
  const tree = answer.ok ? answer.value.tree.filter(({ type }) => type === 'blob') : []
  const shas = new Map(tree.map(({ path, sha }) => [path, sha]))
  return {
    paths: [...shas.keys()],
    sha: (path) => shas.get(path),
    async read(path) {
      const sha = shas.get(path)
      if (sha === undefined) return undefined
      if (!blobs.has(sha)) {
        const { value } = await api.call<{ readonly content: string }>(act, 'GET', `git/blobs/${sha}`)
        blobs.set(sha, Buffer.from(value.content, 'base64').toString())
      }
      return parse(blobs.get(sha)!, path)
    },
  }
}

/** The number of attempts if another file of the branch is written in the meantime. */
const attempts = 5

/**
 * Writes a file if it has not changed since it was read.
 *
 * @param seen the SHA-1 that was read; `undefined` if the file did not exist.
 * @returns `false` if the file has changed and was not written.
 */
export async function writeBranch(
  api: GitHubApi,
  path: string,
  document: Json,
  { seen, message }: { readonly seen: string | undefined; readonly message: string },
): Promise<boolean> {
  const body = {
    message,
    branch: branchName,
    content: Buffer.from(`${JSON.stringify(document, null, 2)}\n`).toString('base64'),
    ...(seen !== undefined && { sha: seen }),
  }
  for (let left = attempts; ; left -= 1) {
    const answer = await api.call(
      `write "${path}" on the branch ${branchName}`,
      'PUT',
      `contents/${encodePath(path)}`,
      {
        body,
        allow: left > 1 ? [404, 409, 422] : [],
      },
    )
    if (answer.ok) return true
    if (answer.status === 404) await makeBranch(api)
    else if ((await readBranch(api, new Map())).sha(path) !== seen) return false
  }
}

async function makeBranch(api: GitHubApi): Promise<void> {
  const act = `create the branch ${branchName}`
  const tree = await api.call<{ readonly sha: string }>(act, 'POST', 'git/trees', {
    body: { tree: [{ path: 'README.md', mode: '100644', type: 'blob', content: readme }] },
  })
  const commit = await api.call<{ readonly sha: string }>(act, 'POST', 'git/commits', {
    body: { message: 'Create the registry', tree: tree.value.sha, parents: [] },
  })
  // 422: another writer created it in the meantime.
  await api.call(act, 'POST', 'git/refs', {
    body: { ref: `refs/heads/${branchName}`, sha: commit.value.sha },
    allow: [422],
  })
}

function parse(text: string, path: string): { readonly [key: string]: Json } {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, Json>
  } catch {
    // Reported below.
  }
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot read "${path}" on the branch ${branchName}: it is not a JSON object. Revert the commit that changed it.`,
    { facts: { path, branch: branchName } },
  )
}
