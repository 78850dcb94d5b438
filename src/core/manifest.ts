import { type Digest, digestJson, isDigest } from './digest.js'
import { SheikhError } from './errors.js'

/** A file in a directory: its relative path (with `/`), its size and its digest. */
export interface FileEntry {
  readonly path: string
  readonly sizeBytes: number
  readonly digest: Digest
}

/**
 * The content of a directory: its regular files with digests, sorted by path. Does not include times, owners and modes.
 */
export interface Manifest {
  readonly formatVersion: 1
  readonly files: readonly FileEntry[]
}

/**
 * Creates a manifest from entries in any order. @throws `artifact-corrupt` for a path that leaves the directory or
 * appears twice.
 */
export function manifestOf(entries: Iterable<FileEntry>): Manifest {
  const files = [...entries]
    .map(({ path, sizeBytes, digest }) => ({ path: checkedPath(path), sizeBytes, digest }))
    .sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0))
  const twice = files.find((file, index) => index > 0 && files[index - 1]!.path === file.path)
  if (twice !== undefined) throw corrupt(`the path ${JSON.stringify(twice.path)} appears twice`)
  return { formatVersion: 1, files }
}

/** The digest of a directory: the digest of its manifest's canonical text. */
export function digestManifest(manifest: Manifest): Digest {
  return digestJson(manifest)
}

/** Reads a manifest from JSON. @throws `artifact-corrupt` for anything that is not a manifest. */
export function parseManifest(value: unknown): Manifest {
  const document = value as { formatVersion?: unknown; files?: unknown } | null
  if (typeof document !== 'object' || document === null) throw corrupt('it is not an object')
  if (document.formatVersion !== 1)
    throw corrupt(`its format version is ${JSON.stringify(document.formatVersion)}, not 1`)
  if (!Array.isArray(document.files)) throw corrupt('"files" is not a list')
  return manifestOf(document.files.map(parseEntry))
}

/**
 * Checks a path for a manifest: relative, `/` between segments, no empty, `.` or `..` segment, no backslash, no control
 * character, no drive or device name, at most 1,024 bytes.
 *
 * @throws `artifact-corrupt` otherwise.
 */
export function checkedPath(path: unknown): string {
  if (typeof path !== 'string' || path === '') throw corrupt(`${JSON.stringify(path)} is not a path`)
  const segments = path.split('/')
  const refused =
    Buffer.byteLength(path) > 1024 ||
    !path.isWellFormed() ||
    /[\u0000-\u001f\u007f\\:]/.test(path) ||
    segments.some((segment) => segment === '' || segment === '.' || segment === '..' || deviceName.test(segment))
  if (refused) throw corrupt(`the path ${JSON.stringify(path)} is not a plain relative path`)
  return path
}

// Device names on Windows, reserved in any folder and with any extension.
const deviceName = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$/i

function parseEntry(value: unknown): FileEntry {
  const entry = value as Partial<FileEntry> | null
  if (typeof entry !== 'object' || entry === null) throw corrupt('an entry is not an object')
  if (!Number.isSafeInteger(entry.sizeBytes) || entry.sizeBytes! < 0) throw corrupt('an entry has no size')
  if (!isDigest(entry.digest)) throw corrupt('an entry has no digest')
  return { path: checkedPath(entry.path), sizeBytes: entry.sizeBytes!, digest: entry.digest }
}

const corrupt = (fact: string) => new SheikhError('artifact-corrupt', `Cannot use a manifest: ${fact}.`)
