import { SheikhError } from '../core/index.js'
import { type PlainFile, readAt } from './plain-file.js'

/** The specification limits a pointer to less than this. */
export const maximumPointerBytes = 1024
const version = /^version https:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\/v\d+\r?\n/

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
  if (file.sizeBytes >= maximumPointerBytes) return
  const content = Buffer.alloc(file.sizeBytes)
  await readAt(file, 0, content)
  if (lfsPointerOf(content) === undefined) return
  const fact = 'it is a Git LFS pointer, not the file. Run "git lfs pull" there, or download the file'
  throw new SheikhError('artifact-corrupt', `Cannot read ${JSON.stringify(file.path)}: ${fact}.`, {
    facts: { ...facts, fact },
  })
}
