import { SheikhError } from '../core/index.js'
import { type PlainFile, readAt } from './plain-file.js'

/** The specification limits a pointer to less than this. */
const maximumPointerBytes = 1024
const version = /^version https:\/\/(git-lfs\.github\.com|hawser\.github\.com)\/spec\/v\d+\r?\n/

/**
 * Refuses a file that is a Git LFS pointer: a checkout without Git LFS leaves one where the file belongs.
 * https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
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
  const text = content.toString('latin1')
  if (!version.test(text) || !/^oid sha256:[0-9a-f]{64}\r?$/m.test(text)) return
  const fact = 'it is a Git LFS pointer, not the file. Run "git lfs pull" there, or download the file'
  throw new SheikhError('artifact-corrupt', `Cannot read ${JSON.stringify(file.path)}: ${fact}.`, {
    facts: { ...facts, fact },
  })
}
