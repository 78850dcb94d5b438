import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallContext, SheikhError } from '../../core/index.js'
import { lfsPointerAt, readFailed } from '../../store/index.js'
import type { LargeFiles } from '../sources/large-files.js'
import { checkOutFiles } from './check-out-files.js'
import type { PointedFile } from './file-place.js'

/** How a folder with Git LFS pointers is made whole. */
export interface LargeFileAccess {
  readonly largeFiles: LargeFiles
  /** Makes the empty folder that receives all files. @default one in the system's folder for temporary files */
  readonly makeFolder?: (() => Promise<string>) | undefined
  /** Files directly below the folder; others are neither fetched nor copied. @default all files */
  readonly only?: readonly string[] | undefined
  /** The folder's name in errors. @default its last part */
  readonly name?: string | undefined
  /** Called before files are fetched. An error it throws ends the opening. */
  readonly beforeFetch?: (() => Promise<void>) | undefined
}

/** A folder without pointers. It exists until it is disposed. */
export interface WholeFolder extends AsyncDisposable {
  readonly directory: string
}

/**
 * Opens a folder whose files may be Git LFS pointers: the folder itself if there are none, or a new one with all files,
 * which must only be read. Links are left out.
 *
 * @throws `artifact-corrupt` for a pointer that is damaged or has an extension; `not-found` if the folder does not exist;
 * `storage-failed`; and as `LargeFiles`.
 */
export async function openWholeFolder(
  directory: string,
  { largeFiles, makeFolder, only, name, beforeFetch }: LargeFileAccess,
  context: CallContext,
): Promise<WholeFolder> {
  const found = await filesIn(directory, only, context)
  if ([...found.values()].every((pointed) => pointed === undefined))
    return { directory, [Symbol.asyncDispose]: async () => {} }
  await beforeFetch?.()
  const made = await (makeFolder?.() ?? mkdtemp(join(tmpdir(), 'sheikh-')))
  const remove = () => rm(made, { recursive: true, force: true })
  try {
    await checkOutFiles({ root: directory, name, found, largeFiles, directory: made, changed }, context)
  } catch (error) {
    await remove()
    throw error
  }
  return { directory: made, [Symbol.asyncDispose]: remove }
}

async function filesIn(directory: string, only: readonly string[] | undefined, context: CallContext) {
  const found = new Map<string, PointedFile | undefined>()
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    context.signal.throwIfAborted()
    const entries = await readdir(join(directory, folder), { withFileTypes: true }).catch((error: unknown) => {
      throw readFailed(join(directory, folder), error)
    })
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (only !== undefined && !only.includes(path)) continue
      if (entry.isDirectory()) folders.push(path)
      if (entry.isFile()) found.set(path, await pointedAt(directory, path))
    }
  }
  return found
}

async function pointedAt(directory: string, path: string): Promise<PointedFile | undefined> {
  const pointer = await lfsPointerAt(join(directory, path))
  if (pointer === undefined) return undefined
  const { oid, sizeBytes, isComplete } = pointer
  if (sizeBytes !== undefined && isComplete) return { digest: `sha256:${oid}`, oid, sizeBytes }
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot read ${JSON.stringify(join(directory, path))}: it is a Git LFS pointer that is damaged or has an extension. To fetch the file, run: git lfs pull`,
    { facts: { directory, path } },
  )
}

const changed = (name: string, cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read the file ${JSON.stringify(name)}: it changed while it was read. Run again while nothing writes to it.`,
    { facts: { path: name }, cause },
  )
