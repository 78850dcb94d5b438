import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CommitOperation } from '@huggingface/hub'
import { digestBytes, type FileEntry, hexOf, SheikhError } from '../../core/index.js'
import type { Bundle } from '../index.js'
import type { Fetch } from '../remote/index.js'
import type { HubClient, HubFile, UploadEvent } from './hub-client.js'
import { gitOidOf, removedFrom } from './hub-tree.js'

/** Read at once and hashed here; larger ones are hashed by the client, on their way, and compared. */
const smallFileBytes = 1 << 20

/**
 * One commit with the files of a bundle on a branch that stands at `parent`. A file that the branch has already is not read
 * by the client, nor sent.
 *
 * @throws `artifact-corrupt` where a file is not as it was when the bundle was read; then nothing is committed.
 */
export async function uploadBundle(
  client: HubClient,
  request: {
    readonly branch: string
    readonly parent: string
    readonly title: string
    readonly bundle: Bundle
    readonly documents: ReadonlyMap<string, Uint8Array>
  },
  onProgress?: (event: UploadEvent) => void,
): Promise<void> {
  const { branch, parent, title, bundle, documents } = request
  const files = await client.files(parent)
  const held = new Map(files.map((file) => [file.path, file]))
  const operations: CommitOperation[] = []
  const large = new Set<string>()
  for (const entry of bundle.manifest.files) {
    const file = held.get(entry.path)
    const path = join(bundle.directory, entry.path)
    if (entry.sizeBytes > smallFileBytes) {
      if (file?.lfsOid === hexOf(entry.digest)) continue
      large.add(hexOf(entry.digest))
      operations.push({ operation: 'addOrUpdate', path: entry.path, content: pathToFileURL(path) })
      continue
    }
    const content = await readEntry(path, entry)
    if (isHeld(file, entry, content)) continue
    large.add(hexOf(entry.digest))
    operations.push({ operation: 'addOrUpdate', path: entry.path, content: new Blob([content]) })
  }
  for (const [path, content] of documents) {
    if (held.get(path)?.oid === gitOidOf(content)) continue
    large.add(hexOf(digestBytes(content)))
    operations.push({ operation: 'addOrUpdate', path, content: new Blob([content as Uint8Array<ArrayBuffer>]) })
  }
  for (const { path } of removedFrom(files, bundle.manifest, documents)) operations.push({ operation: 'delete', path })
  await client.upload({ branch, parent, title, operations, fetch: (fetch) => guarded(fetch, large) }, onProgress)
}

const isHeld = (file: HubFile | undefined, { digest }: FileEntry, content: Uint8Array): boolean =>
  file !== undefined && (file.lfsOid === undefined ? file.oid === gitOidOf(content) : file.lfsOid === hexOf(digest))

async function readEntry(path: string, { path: name, digest }: FileEntry): Promise<Uint8Array<ArrayBuffer>> {
  const content = new Uint8Array(await readFile(path))
  if (digestBytes(content) !== digest) throw changed(name)
  return content
}

/** Before anything is sent the client names the digests of what it read: they must be the bundle's. */
function guarded(fetch: Fetch, expected: ReadonlySet<string>): Fetch {
  return async (input, init) => {
    if (String(input).endsWith('/info/lfs/objects/batch') && typeof init?.body === 'string') {
      const { objects } = JSON.parse(init.body) as { readonly objects: readonly { readonly oid: string }[] }
      if (!objects.every(({ oid }) => expected.has(oid))) throw changed()
    }
    return await fetch(input, init)
  }
}

const changed = (name?: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot stage the bundle: ${name === undefined ? 'a large file' : `"${name}"`} changed since it was read. Run again.`,
  )
