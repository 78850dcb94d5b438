import { createHash } from 'node:crypto'
import { digestBytes, hexOf, inParallel, type Manifest, SheikhError } from '../../core/index.js'
import type { HubChange, HubClient, HubFile } from './hub-client.js'
import { isOurs, isShared } from './hub-documents.js'

/** The number of small files that are read in parallel. */
const parallelReads = 8

/**
 * The changes that turn the files of one revision into those of another, with `documents` replaced. Large files are referenced
 * by digest, so their content is neither read nor uploaded.
 */
export async function changesBetween(
  client: HubClient,
  from: { readonly revision: string; readonly manifest: Manifest },
  targetFiles: readonly HubFile[],
  documents: ReadonlyMap<string, Uint8Array>,
): Promise<readonly HubChange[]> {
  const source = new Map((await client.files(from.revision)).map((file) => [file.path, file]))
  const target = new Map(targetFiles.map((file) => [file.path, file]))
  const wanted = from.manifest.files.map(({ path }) => {
    const file = source.get(path)
    if (file === undefined) throw notThere(path, from.revision)
    return file
  })
  const changed = wanted.filter(({ path, oid }) => target.get(path)?.oid !== oid)
  const changes = await inParallel(changed, parallelReads, async ({ path, lfsOid, sizeBytes }): Promise<HubChange> => {
    if (lfsOid !== undefined) return { kind: 'large', path, sha256: lfsOid, sizeBytes }
    const content = await client.read(from.revision, path)
    if (content === undefined) throw notThere(path, from.revision)
    return { kind: 'file', path, content }
  })
  const added = [...documents].filter(([path, content]) => target.get(path)?.oid !== gitOidOf(content))
  return [
    ...changes,
    ...added.map(([path, content]): HubChange => ({ kind: 'file', path, content })),
    ...removedFrom(targetFiles, from.manifest, documents),
  ]
}

/** The files of a branch that belong to none of its releases. Readers must not load a mixture. */
export function removedFrom(
  files: readonly HubFile[],
  manifest: Manifest,
  documents: ReadonlyMap<string, Uint8Array>,
): readonly HubChange[] {
  const wanted = new Set(manifest.files.map(({ path }) => path))
  return files
    .filter(({ path }) => !wanted.has(path) && !documents.has(path) && !isShared(path))
    .map(({ path }) => ({ kind: 'deleted', path }))
}

/**
 * Compares the files on the Hub with the release: large files by the Hub's own digest; other files are read back.
 *
 * @throws `artifact-corrupt` naming a file that is missing, different, or not part of the release.
 */
export async function verifyTree(client: HubClient, revision: string, manifest: Manifest): Promise<void> {
  const held = new Map((await client.files(revision)).map((file) => [file.path, file]))
  await inParallel(manifest.files, parallelReads, async ({ path, sizeBytes, digest }) => {
    const file = held.get(path)
    if (file === undefined) throw notThere(path, revision)
    if (file.lfsOid !== undefined) {
      if (file.lfsOid !== hexOf(digest) || file.sizeBytes !== sizeBytes) throw differs(path, revision)
      return
    }
    const content = sizeBytes === 0 && file.sizeBytes === 0 ? new Uint8Array() : await client.read(revision, path)
    if (content === undefined) throw notThere(path, revision)
    if (digestBytes(content) !== digest) throw differs(path, revision)
  })
  const wanted = new Set(manifest.files.map(({ path }) => path))
  for (const path of held.keys())
    if (!wanted.has(path) && !isOurs(path) && !isShared(path))
      throw new SheikhError(
        'artifact-corrupt',
        `Cannot trust ${client.repository} at ${revision}: "${path}" belongs to no release. Remove the file on the Hub.`,
        { facts: { path, revision } },
      )
}

/** The Git object id of this content. */
export const gitOidOf = (content: Uint8Array): string =>
  createHash('sha1').update(`blob ${content.byteLength}\0`).update(content).digest('hex')

const notThere = (path: string, revision: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the files on the Hub at ${revision}: "${path}" is missing. Restore it from the repository's history.`,
    {
      facts: { path, revision },
    },
  )
const differs = (path: string, revision: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the files on the Hub at ${revision}: "${path}" differs from the release. Restore it from the repository's history.`,
    { facts: { path, revision } },
  )
