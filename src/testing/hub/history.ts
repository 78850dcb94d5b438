import type { TreeEntry } from 'isomorphic-git'
import { readCommit } from './git-objects.js'
import type { HubRepository } from './repositories.js'
import { entryAt } from './trees.js'

export interface LastCommit {
  readonly id: string
  readonly title: string
  readonly date: string
}

/** Path → the newest commit that made the entry what it is. */
export async function lastCommits(
  repository: HubRepository,
  head: string,
  entries: readonly TreeEntry[],
): Promise<ReadonlyMap<string, LastCommit>> {
  const found = new Map<string, LastCommit>()
  let waiting = entries
  let id: string | undefined = head
  while (id !== undefined && waiting.length > 0) {
    const { message, committer, parent } = await readCommit(repository, id)
    const before = parent[0] === undefined ? undefined : (await readCommit(repository, parent[0])).tree
    const commit = { id, title: message.split('\n')[0]!, date: new Date(committer.timestamp * 1000).toISOString() }
    const older: TreeEntry[] = []
    for (const entry of waiting) {
      const isOlder = before !== undefined && (await entryAt(repository, before, entry.path))?.oid === entry.oid
      if (isOlder) older.push(entry)
      else found.set(entry.path, commit)
    }
    waiting = older
    id = parent[0]
  }
  return found
}
