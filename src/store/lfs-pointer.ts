import { lstat } from 'node:fs/promises'
import { type Digest, SheikhError } from '../core/index.js'
import { type PlainFile, readAt, withPlainFile } from './plain-file.js'

/** The specification limits a pointer to less than this. */
export const maximumPointerBytes = 1024
const version = /^version https:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\/v\d+\r?\n/

export const pointerProblem = 'it is a Git LFS pointer, not the file itself; to fetch the file, run: git lfs pull'

/** Whether a text is a Git LFS pointer, whole or damaged. */
export const isPointerText = (text: string): boolean =>
  /^version https:\/\/(git-lfs|hawser)\.github\.com\/spec\//.test(text)

/**
 * The file that a Git LFS pointer stands for; `undefined` for any other content.
 * https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
 */
export function lfsPointerOf(content: Uint8Array): LfsPointer | undefined {
  // Most files have another first character.
  if (content.length >= maximumPointerBytes || content[0] !== 118) return undefined
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('latin1')
  const [, oid] = /^oid sha256:([0-9a-f]{64})\r?$/m.exec(text) ?? []
  const [, size] = /^size (\d{1,15})\r?$/m.exec(text) ?? []
  return version.test(text) && oid !== undefined
    ? { oid, sizeBytes: size === undefined ? undefined : Number(size), isComplete: complete.test(text) }
    : undefined
}

/** As the specification orders the lines. One of an extension would change the file after its download. */
const complete = /^version \S+\r?\noid sha256:[0-9a-f]{64}\r?\nsize \d{1,15}(?:\r?\n)*$/

export interface LfsPointer {
  /** SHA-256 of the content, in hexadecimal digits. */
  readonly oid: string
  /** Absent: the pointer has none, so it is damaged. */
  readonly sizeBytes: number | undefined
  /** Whether the pointer has all that the specification demands, and nothing else. */
  readonly isComplete: boolean
}

/** The pointer that a file is. @returns `undefined` for any other file, and for one that is gone. @throws as `withPlainFile`. */
export async function lfsPointerAt(path: string): Promise<LfsPointer | undefined> {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined || stats.size >= maximumPointerBytes) return undefined
  return withPlainFile(path, pointerOf)
}

async function pointerOf(file: PlainFile): Promise<LfsPointer | undefined> {
  if (file.sizeBytes >= maximumPointerBytes) return undefined
  const content = Buffer.alloc(file.sizeBytes)
  await readAt(file, 0, content)
  return lfsPointerOf(content)
}

/** The file that a plain file is a complete pointer to. @throws `artifact-corrupt` for any other pointer. */
export async function lfsFileOf(
  file: PlainFile,
  facts: Readonly<Record<string, unknown>>,
): Promise<{ readonly sizeBytes: number; readonly digest: Digest } | undefined> {
  const pointer = await pointerOf(file)
  if (pointer === undefined) return undefined
  const { oid, sizeBytes, isComplete } = pointer
  if (sizeBytes === undefined || !isComplete) throw isPointer(file, facts)
  return { sizeBytes, digest: `sha256:${oid}` }
}

/**
 * Refuses a file that is a Git LFS pointer: a checkout without Git LFS leaves one where the file belongs.
 *
 * @param facts of the error.
 * @throws `artifact-corrupt`.
 */
export async function refuseLfsPointer(
  file: PlainFile,
  facts: Readonly<Record<string, unknown>> = { path: file.path },
): Promise<void> {
  if ((await pointerOf(file)) !== undefined) throw isPointer(file, facts)
}

function isPointer({ path }: PlainFile, facts: Readonly<Record<string, unknown>>): SheikhError {
  const fact = 'it is a Git LFS pointer, not the file. Run "git lfs pull" there, or download the file'
  return new SheikhError('artifact-corrupt', `Cannot read ${JSON.stringify(path)}: ${fact}.`, {
    facts: { ...facts, fact },
  })
}
