import { rm, stat } from 'node:fs/promises'
import type { Json } from '../../core/index.js'
import { type HubResponse, json, refuse } from './answer.js'
import { fieldsOf, listOf, type RepositoryExchange } from './exchange.js'
import { blobFacts, readCommit } from './git-objects.js'
import { hasObject, isOid, objectPath } from './large-objects.js'
import type { LargeFile } from './pointer.js'
import { listRefs } from './refs.js'
import type { HubRepository } from './repositories.js'
import { walkTree } from './trees.js'

/** As `HfApi.list_lfs_files` reads it: all on one page. What no commit names has no name to list. */
export async function listLargeFiles({ repository }: RepositoryExchange): Promise<HubResponse> {
  const entries: object[] = []
  for (const { large, path, ref } of await largeFilesOf(repository)) {
    if (!(await hasObject(repository, large))) continue
    const { mtime } = await stat(objectPath(repository, large.oid))
    const { oid, sizeBytes } = large
    entries.push({ fileOid: oid, oid, filename: path, size: sizeBytes, ref, pushedAt: mtime.toISOString() })
  }
  return json(200, entries)
}

interface NamedLargeFile {
  readonly large: LargeFile
  /** The first that was found: one object may lie at many paths. */
  readonly path: string
  readonly ref: string
}

async function largeFilesOf(repository: HubRepository): Promise<Iterable<NamedLargeFile>> {
  const found = new Map<string, NamedLargeFile>()
  const seen = new Set<string>()
  for (const { ref, targetCommit } of [
    ...(await listRefs(repository, 'heads')),
    ...(await listRefs(repository, 'tags')),
  ]) {
    const waiting = [targetCommit]
    for (let commit = waiting.pop(); commit !== undefined; commit = waiting.pop()) {
      if (seen.has(commit)) continue
      seen.add(commit)
      const { tree, parent } = await readCommit(repository, commit)
      waiting.push(...parent)
      for await (const { path, oid, type } of walkTree(repository, tree, '', true)) {
        const large = type === 'blob' ? (await blobFacts(repository, oid)).large : undefined
        if (large !== undefined && !found.has(large.oid)) found.set(large.oid, { large, path, ref })
      }
    }
  }
  return found.values()
}

const mostDeletions = 1000

/** As `HfApi.permanently_delete_lfs_files` sends it. Commits keep their pointers; other repositories keep theirs. */
export async function deleteLargeFiles(exchange: RepositoryExchange): Promise<HubResponse> {
  if (exchange.rest[0] !== 'batch') throw refuse(404, 'Sorry, we cannot find that')
  const { deletions } = await fieldsOf(exchange)
  const { sha, rewriteHistory } = (deletions ?? {}) as Readonly<Record<string, Json>>
  if (rewriteHistory === true) throw refuse(501, 'This loopback Hub does not rewrite history')
  const oids = listOf(sha)
  if (oids.length === 0 || oids.length > mostDeletions)
    throw refuse(400, `"deletions.sha" must hold 1 to ${mostDeletions} items`)
  for (const oid of oids)
    if (typeof oid === 'string' && isOid(oid)) await rm(objectPath(exchange.repository, oid), { force: true })
  return json(200, {})
}
