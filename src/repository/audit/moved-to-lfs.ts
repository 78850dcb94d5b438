import { createHash } from 'node:crypto'
import type { CallContext } from '../../core/index.js'
import { lfsPointerOf, maximumPointerBytes } from '../../store/index.js'
import type { Git, PastCommit, PathChange } from '../git/index.js'

/** A larger file counts as changed. */
const maximumBytes = 100_000_000

/** Commits without the changes that only put a Git LFS pointer in the place of its file, or the file in that of the pointer. */
export async function withoutMovesToLfs(
  commits: readonly PastCommit[],
  git: Pick<Git, 'readBlobs'>,
  context: CallContext,
): Promise<readonly PastCommit[]> {
  const blobs = new Set(commits.flatMap(({ changes = [] }) => changes.flatMap(blobsOf)))
  const oids = new Map<string, string>()
  for await (const { oid, content } of git.readBlobs([...blobs], maximumPointerBytes, context)) {
    const pointer = content && lfsPointerOf(content)
    if (pointer?.isComplete) oids.set(oid, pointer.oid)
  }
  if (oids.size === 0) return commits
  const beside = new Set<string>()
  for (const { changes = [] } of commits)
    for (const change of changes) {
      const all = blobsOf(change)
      if (all.some((blob) => oids.has(blob))) for (const blob of all) if (!oids.has(blob)) beside.add(blob)
    }
  for await (const { oid, content } of git.readBlobs([...beside], maximumBytes, context))
    if (content !== undefined) oids.set(oid, createHash('sha256').update(content).digest('hex'))
  const contentOf = (blob: string) => oids.get(blob) ?? blob
  return commits.flatMap((commit) => {
    const { changes } = commit
    if (changes === undefined) return [commit]
    const left = changes.filter(
      ({ before, after }) =>
        after === undefined || before.length === 0 || before.some((blob) => contentOf(blob) !== contentOf(after)),
    )
    if (left.length === changes.length) return [commit]
    return left.length === 0 ? [] : [{ ...commit, changes: left }]
  })
}

const blobsOf = ({ before, after }: PathChange): readonly string[] =>
  after === undefined ? before : [...before, after]
