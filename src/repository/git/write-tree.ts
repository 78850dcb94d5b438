import fs from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type CallContext, checkedPath } from '../../core/index.js'
import type { Git } from './git.js'

/**
 * Writes the files below `paths` of a commit into a folder, as they were committed. Links are left out.
 *
 * @throws `repository-invalid` where the commit is not here, as in a shallow clone; `artifact-corrupt` for a path that climbs out.
 */
export async function writeTree(
  git: Git,
  {
    commit,
    paths,
    directory,
  }: { readonly commit: string; readonly paths: readonly string[]; readonly directory: string },
  context: CallContext,
): Promise<void> {
  // One index of the pack for all, in place of one each.
  const cache = {}
  for (const { path, oid, mode } of (await git.tree(commit, paths)).values()) {
    context.signal.throwIfAborted()
    if (mode === '120000') continue
    const file = join(directory, checkedPath(path))
    const { blob } = await git.library.readBlob({ fs, dir: git.root, oid, cache })
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, blob)
  }
}
