import { openAsBlob } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { CommitOperation } from '@huggingface/hub'
import { digestBytes, type FileEntry, hexOf, SheikhError } from '../../core/index.js'
import { readAt, withPlainFile } from '../../store/index.js'
import type { Bundle } from '../index.js'
import type { Fetch } from '../remote/index.js'
import type { HubClient, HubFile } from './hub-client.js'
import { gitOidOf, removedFrom } from './hub-tree.js'
import type { UploadEvent } from './hub-upload.js'

/** Git has none that is larger, on the Hub: they are named by digest, and the client tells it before it sends. */
const largestRegularBytes = 10 << 20

/**
 * Commits the files of a bundle to a branch whose head is `parent`. Files that the branch already has are neither read nor
 * uploaded.
 *
 * @throws `artifact-corrupt` if a file has changed since the bundle was read. Nothing is committed then.
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
  onProgress?: (event: Pick<UploadEvent, 'path' | 'progress'>) => void,
): Promise<void> {
  const { branch, parent, title, bundle, documents } = request
  const files = await client.files(parent)
  const held = new Map(files.map((file) => [file.path, file]))
  const operations: CommitOperation[] = []
  const sent = new Map<string, Sent>()
  for (const entry of bundle.manifest.files) {
    const content = await contentOf(entry, join(bundle.directory, entry.path), held.get(entry.path))
    if (content === undefined) continue
    sent.set(entry.path, { oid: hexOf(entry.digest), isEmpty: entry.sizeBytes === 0 })
    operations.push({ operation: 'addOrUpdate', path: entry.path, content })
  }
  for (const [path, content] of documents) {
    if (held.get(path)?.oid === gitOidOf(content)) continue
    sent.set(path, { oid: hexOf(digestBytes(content)), isEmpty: content.byteLength === 0 })
    operations.push({ operation: 'addOrUpdate', path, content: new Blob([content as Uint8Array<ArrayBuffer>]) })
  }
  for (const { path } of removedFrom(files, bundle.manifest, documents)) operations.push({ operation: 'delete', path })
  const unfinished = new Set(sent.keys())
  const told = (event: UploadEvent) => {
    if (event.state !== 'uploading') return
    if (event.progress === 1) unfinished.delete(event.path)
    onProgress?.(event)
  }
  try {
    const guard = (fetch: Fetch) => guarded(fetch, sent)
    await client.upload({ branch, parent, title, operations, guard }, told)
  } catch (error) {
    // Node's error for a file that changed after its Blob was created.
    if ((error as { cause?: { name?: unknown } }).cause?.name === 'NotReadableError') throw changed()
    throw error
  }
  // Files inside the commit request have no progress events.
  for (const path of unfinished) onProgress?.({ path, progress: 1 })
}

interface Sent {
  /** SHA-256, hexadecimal. */
  readonly oid: string
  readonly isEmpty: boolean
}

/** The content to upload; `undefined` if the branch already has it. */
async function contentOf(entry: FileEntry, path: string, held: HubFile | undefined): Promise<Blob | URL | undefined> {
  if (entry.sizeBytes > largestRegularBytes) {
    if (held?.lfsOid === hexOf(entry.digest)) return undefined
    await withPlainFile(path, async () => {})
    return pathToFileURL(path)
  }
  const bytes = await withPlainFile(path, async (file) => {
    const content = new Uint8Array(entry.sizeBytes)
    if (file.sizeBytes !== entry.sizeBytes) throw changed(entry.path)
    await readAt(file, 0, content)
    return content
  })
  if (digestBytes(bytes) !== entry.digest) throw changed(entry.path)
  if (isHeld(held, entry, bytes)) return undefined
  // Read again during the upload to save memory. Fails if the file has changed.
  return await openAsBlob(path)
}

const isHeld = (file: HubFile | undefined, { digest }: FileEntry, content: Uint8Array): boolean =>
  file !== undefined && (file.lfsOid === undefined ? file.oid === gitOidOf(content) : file.lfsOid === hexOf(digest))

/**
 * Before the upload the client sends the paths and the digests of what it read. They must match the bundle. Empty files always
 * go into Git, because the large-file storage may refuse them.
 */
function guarded(fetch: Fetch, expected: ReadonlyMap<string, Sent>): Fetch {
  const oids = new Set([...expected.values()].map(({ oid }) => oid))
  return async (input, init) => {
    const { pathname } = new URL(String(input))
    const isPreupload = pathname.includes('/preupload/')
    if (typeof init?.body === 'string' && (isPreupload || pathname.endsWith('/info/lfs/objects/batch'))) {
      const named = JSON.parse(init.body) as {
        readonly files?: readonly { readonly path: string }[]
        readonly objects?: readonly { readonly oid: string }[]
      }
      if (named.files?.some(({ path }) => !expected.has(path))) throw changed()
      if (named.objects?.some(({ oid }) => !oids.has(oid))) throw changed()
    }
    const response = await fetch(input, init)
    if (!isPreupload || !response.ok) return response
    const { files } = (await response.json()) as { readonly files: readonly { readonly path: string }[] }
    return Response.json({ files: files.filter(({ path }) => expected.get(path)?.isEmpty !== true) })
  }
}

const changed = (name?: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot prepare the bundle: ${name === undefined ? 'one of its files' : `"${name}"`} changed since it was read. Run again.`,
    { facts: name === undefined ? {} : { path: name } },
  )
