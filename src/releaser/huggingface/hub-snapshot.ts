import { join } from 'node:path'
import { type CallContext, checkedPath, isDigest, SheikhError } from '../../core/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { nextVersion, tagFormat, type Version } from '../index.js'
import { hubClient } from './hub-client.js'
import type { HubConnection } from './hub-connection.js'
import { gitOidOf } from './hub-tree.js'

export interface HubSnapshot {
  /** The commit of the files. */
  readonly commit: string
  /** The next version after all tagged versions. */
  readonly nextVersion: Version
}

/**
 * Downloads the files of any repository and checks each against the digest that the Hub lists.
 *
 * @param options.revision a branch, a tag or a commit. @default 'main'
 * @param options.wanted selects the paths to download. @default all
 * @throws `not-found`, `access-denied`, `remote-failed`; `artifact-corrupt` if a file differs from its listed digest.
 */
export async function hubSnapshot(
  options: HubConnection & {
    readonly revision?: string | undefined
    readonly wanted?: ((path: string) => boolean) | undefined
  },
  directory: string,
  context: CallContext,
): Promise<HubSnapshot> {
  const { revision = 'main', wanted = () => true } = options
  const client = hubClient(options, context)
  const { branches, tags } = await client.refs()
  const commit =
    tags.get(revision) ?? branches.get(revision) ?? (/^[0-9a-f]{40}$/.test(revision) ? revision : undefined)
  if (commit === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot fetch ${client.repository}: it has no branch or tag ${JSON.stringify(revision)}. Choose another revision.`,
      { facts: { revision, tags: [...tags.keys()].slice(0, 20) } },
    )
  for (const { path, sizeBytes, oid, lfsOid } of await client.files(commit)) {
    if (!wanted(checkedPath(path))) continue
    const target = join(directory, path)
    if (lfsOid !== undefined) {
      const digest = `sha256:${lfsOid}`
      if (!isDigest(digest)) throw untrusted(path, commit)
      await client.download(commit, { path, sizeBytes, digest }, target)
      continue
    }
    const content = await client.read(commit, path)
    if (content === undefined || gitOidOf(content) !== oid) throw untrusted(path, commit)
    await writeFileAtomic(target, content)
  }
  const { versionOf } = tagFormat('v{version}')
  return { commit, nextVersion: nextVersion([...tags.keys()].flatMap((tag) => versionOf(tag) ?? [])) }
}

const untrusted = (path: string, commit: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot trust ${JSON.stringify(path)}: its content differs from the digest that the Hub lists. Try again.`,
    { facts: { path, commit } },
  )
