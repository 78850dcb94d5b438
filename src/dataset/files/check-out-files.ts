import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type CallContext, inParallel, SheikhError } from '../../core/index.js'
import { errnoOf, storageFailed } from '../../store/index.js'
import type { LargeFiles } from '../sources/large-files.js'
import type { FoundFiles } from './file-place.js'

/** Files placed at the same time. */
const placedAtOnce = 16

export interface CheckOutRequest {
  /** The folder that the checkout has. */
  readonly root: string
  /** The name of `root` in errors. @default its last part */
  readonly name?: string | undefined
  readonly found: FoundFiles
  readonly largeFiles: LargeFiles
  /** Receives all files. Absent, or empty. */
  readonly directory: string
  /** Makes the error of a file that is gone. @default `dataset-changed` */
  readonly changed?: ((name: string, cause?: unknown) => SheikhError) | undefined
}

/**
 * Fills a folder with files, such as those that samples name, as a checkout by git-lfs has them: fetched files in the place of
 * pointers, and copies of the others. A file that was fetched is a clone of the object or a hard link to it, if the file
 * system can do that, so it must only be read.
 *
 * @throws what `changed` makes if a file is gone, `storage-failed`, and as `LargeFiles`.
 */
export async function checkOutFiles(
  { root, name: folder = basename(root), found, largeFiles, directory, changed = datasetChanged }: CheckOutRequest,
  context: CallContext,
): Promise<void> {
  const folders = new Map<string, Promise<unknown>>()
  const folderOf = (path: string) => {
    const parent = dirname(path)
    const made = folders.get(parent) ?? mkdir(parent, { recursive: true })
    folders.set(parent, made)
    return made
  }
  await inParallel([...found], placedAtOnce, async ([path, pointed]) => {
    context.signal.throwIfAborted()
    const target = join(directory, path)
    const name = `${folder}/${path}`
    const source = pointed === undefined ? join(root, path) : await largeFiles({ ...pointed, path: name }, context)
    try {
      await folderOf(target)
      if (!(await lstat(source)).isFile()) throw changed(name)
      await place(source, target, pointed !== undefined)
    } catch (error) {
      if (error instanceof SheikhError) throw error
      if (errnoOf(error) === 'ENOENT') throw changed(name, error)
      throw storageFailed('write', target, error)
    }
  })
}

async function place(source: string, target: string, mayLink: boolean): Promise<void> {
  // A link would change the stamp of a file of the work tree, so that Git and the next run would read it again.
  if (!mayLink) return copyFile(source, target, constants.COPYFILE_FICLONE)
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE)
  } catch {
    try {
      await link(source, target)
    } catch {
      // The store of Git LFS may be on another file system, or on one without links.
      await copyFile(source, target)
    }
  }
}

const datasetChanged = (name: string, cause?: unknown) =>
  new SheikhError(
    'dataset-changed',
    `Cannot use the file ${JSON.stringify(name)}, which a sample names: it changed during the run. Run again while nothing writes to it.`,
    { facts: { path: name }, cause },
  )
