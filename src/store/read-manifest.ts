import type { Dirent } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, checkedPath, type FileEntry, type Manifest, manifestOf, SheikhError } from '../core/index.js'
import { cachedFile } from './hub-cache.js'
import { hashRemembered, knownDigest } from './known-digests.js'
import { lfsFileOf, refuseLfsPointer } from './lfs-pointer.js'
import { digestOfFile, readFailed, withPlainFile } from './plain-file.js'

/** Files hashed at the same time: as many as libuv has threads to read with. */
const hashedAtOnce = 4

export interface ManifestDifference {
  readonly path: string
  readonly difference: 'missing' | 'extra' | 'changed'
}

export interface ReadManifestOptions {
  /** Follow the symbolic links of a Hugging Face cache, which lead to the cache's own blobs. @default false */
  readonly followCacheLinks?: boolean | undefined
  /** Do not hash a large file again that this process hashed or wrote, if its stamp shows no change since. @default false */
  readonly skipUnchanged?: boolean | undefined
  /** List the file that a Git LFS pointer stands for in the place of the pointer. @default a pointer is an error */
  readonly followPointers?: boolean | undefined
}

/**
 * Lists a directory's files and hashes each.
 *
 * @throws `artifact-corrupt` for a symbolic link, a special file, a Git LFS pointer, or a name that no manifest may contain;
 * `not-found` if the directory does not exist.
 */
export async function readManifest(
  directory: string,
  context: CallContext,
  options: ReadManifestOptions = {},
): Promise<Manifest> {
  return manifestOf(await hashFiles(directory, await listFiles(directory, context, options), context, options))
}

/** How a directory differs from a manifest, sorted by path. @throws as `readManifest`. */
export async function manifestDifferences(
  directory: string,
  manifest: Manifest,
  context: CallContext,
  options: Pick<ReadManifestOptions, 'skipUnchanged'> = {},
): Promise<readonly ManifestDifference[]> {
  const expected = new Map(manifest.files.map((file) => [file.path, file]))
  const listed = await listFiles(directory, context)
  const present = new Set(listed.map(({ path }) => path))
  const common = listed.filter(({ path }) => expected.has(path))
  const differences: ManifestDifference[] = []
  for (const { path } of manifest.files) if (!present.has(path)) differences.push({ path, difference: 'missing' })
  for (const path of present) if (!expected.has(path)) differences.push({ path, difference: 'extra' })
  for (const { path, sizeBytes, digest } of await hashFiles(directory, common, context, options)) {
    const file = expected.get(path)!
    if (file.sizeBytes !== sizeBytes || file.digest !== digest) differences.push({ path, difference: 'changed' })
  }
  return differences.sort((left, right) => (left.path < right.path ? -1 : 1))
}

/** Compares a directory with a manifest. @throws `artifact-corrupt` that names the first file missing, extra or changed; else as `readManifest`. */
export async function verifyManifest(
  directory: string,
  manifest: Manifest,
  context: CallContext,
  options: Pick<ReadManifestOptions, 'skipUnchanged'> = {},
): Promise<void> {
  refuseFirst(directory, await manifestDifferences(directory, manifest, context, options))
}

/** The same of the files that the manifest names, whatever else is there: weights in the folder of their bundle. */
export async function verifyNamedFiles(directory: string, manifest: Manifest, context: CallContext): Promise<void> {
  const differences = await manifestDifferences(directory, manifest, context)
  refuseFirst(
    directory,
    differences.filter(({ difference }) => difference !== 'extra'),
  )
}

function refuseFirst(directory: string, [first]: readonly ManifestDifference[]): void {
  if (first === undefined) return
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot trust ${JSON.stringify(directory)}: ${describeDifference(first)}. Fetch or make it again.`,
    { facts: { directory, ...first } },
  )
}

/** A difference in words: `"config.json" is missing`. */
export function describeDifference({ path, difference }: ManifestDifference): string {
  return `${JSON.stringify(path)} ${differenceWords[difference]}`
}

const differenceWords = {
  missing: 'is missing',
  extra: 'is not in its manifest',
  changed: 'is not what its manifest says',
} as const

interface ListedFile {
  readonly path: string
  /** Where its bytes are. */
  readonly source: string
}

async function listFiles(
  directory: string,
  context: CallContext,
  { followCacheLinks = false }: ReadManifestOptions = {},
): Promise<ListedFile[]> {
  const found: ListedFile[] = []
  const folders = ['']
  for (;;) {
    const folder = folders.pop()
    if (folder === undefined) return found
    context.signal.throwIfAborted()
    for (const entry of await entriesOf(join(directory, folder))) {
      // Bounds the depth too: no path is longer than 1,024 bytes.
      const path = checkedPath(folder === '' ? entry.name : `${folder}/${entry.name}`)
      const cached = followCacheLinks && entry.isSymbolicLink() ? await cachedFile(directory, path) : undefined
      if (entry.isFile() || cached !== undefined) found.push({ path, source: cached ?? join(directory, path) })
      else if (entry.isDirectory()) folders.push(path)
      else throw notPlain(directory, path, entry)
    }
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    throw readFailed(folder, error)
  }
}

async function hashFiles(
  directory: string,
  files: readonly ListedFile[],
  context: CallContext,
  options: ReadManifestOptions,
): Promise<FileEntry[]> {
  const sorted = [...files].sort((left, right) => (left.path < right.path ? -1 : 1))
  const entries: FileEntry[] = []
  const failures: { readonly index: number; readonly error: unknown }[] = []
  let next = 0
  const work = async () => {
    while (next < sorted.length && failures.length === 0) {
      const index = next
      next += 1
      try {
        entries.push(await hashFile(directory, sorted[index]!, context, options))
      } catch (error) {
        failures.push({ index, error })
      }
    }
  }
  // All workers are awaited, so that no file is open any more when this rejects.
  await Promise.all(Array.from({ length: hashedAtOnce }, work))
  const first = failures.sort((left, right) => left.index - right.index)[0]
  if (first !== undefined) throw first.error
  return entries
}

function hashFile(
  directory: string,
  { path, source }: ListedFile,
  context: CallContext,
  { skipUnchanged = false, followPointers = false }: ReadManifestOptions,
): Promise<FileEntry> {
  return withPlainFile(source, async (file) => {
    const pointed = followPointers ? await lfsFileOf(file, { directory, path }) : undefined
    if (pointed !== undefined) return { path, ...pointed }
    await refuseLfsPointer(file, { directory, path })
    const known = skipUnchanged ? await knownDigest(file.handle) : undefined
    const digest = known ?? (await hashRemembered(file.handle, () => digestOfFile(file, context)))
    return { path, sizeBytes: file.sizeBytes, digest }
  })
}

function notPlain(directory: string, path: string, entry: Dirent): SheikhError {
  const kind = entry.isSymbolicLink()
    ? 'a symbolic link, not a plain file. Copy the files with their content, for example with "cp -rL"'
    : 'a special file, not a plain file'
  return new SheikhError(
    'artifact-corrupt',
    `Cannot read ${JSON.stringify(directory)}: ${JSON.stringify(path)} is ${kind}.`,
    { facts: { directory, path } },
  )
}
