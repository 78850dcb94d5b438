import { lstatSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type CallContext, callContext, type Digest, SheikhError } from '../../core/index.js'
import { type PlainFile, readAt, withPlainFile } from '../../store/index.js'
import { contentDigest } from './content-digest.js'
import { entriesOnDisk } from './files-on-disk.js'
import { FolderNames } from './folder-names.js'
import { pathProblem } from './named-paths.js'

export interface ReadNamedFileOptions {
  /** The folder that the path is relative to: `Dataset.filesDirectory`, or `filesDirectory` of a trainer's context. */
  readonly directory: string
  /** As the sample has it. */
  readonly path: string
  /** The digest in `Row.files`. @default the content is not compared */
  readonly digest?: Digest | undefined
  /** @default 1 GiB */
  readonly maximumBytes?: number | undefined
}

/**
 * Reads a file that a sample names.
 *
 * @throws `dataset-invalid` for a path that leads out of the folder or to no regular file, and for a larger file;
 * `dataset-changed` for another digest.
 */
export async function readNamedFile(
  { directory, path, digest, maximumBytes = 2 ** 30 }: ReadNamedFileOptions,
  context: CallContext = callContext(),
): Promise<Uint8Array> {
  context.signal.throwIfAborted()
  const refused = (fact: string) =>
    new SheikhError('dataset-invalid', `Cannot read the file of a sample: ${JSON.stringify(path)} ${fact}.`, {
      facts: { path },
    })
  const wrong = pathProblem(path)
  if (wrong !== undefined) throw refused(wrong)
  // Listing a folder of a hundred thousand files for each of them would take hours.
  const named = isPlain(directory, path)
    ? { found: path }
    : new FolderNames((folder) => entriesOnDisk(resolve(directory, folder))).find(path)
  if ('problem' in named) throw refused(named.problem)
  const bytes = await withPlainFile(join(directory, named.found), (file) => contentOf(file))
  if (digest === undefined || contentDigest(bytes) === digest) return bytes
  throw new SheikhError(
    'dataset-changed',
    `Cannot read the file of a sample: ${JSON.stringify(path)} changed since its digest was computed. Run again while nothing writes to it.`,
    { facts: { path } },
  )

  async function contentOf(file: PlainFile): Promise<Uint8Array> {
    if (file.sizeBytes > maximumBytes)
      throw refused(`has ${file.sizeBytes} bytes, but the maximum is ${maximumBytes}; raise maximumBytes`)
    const content = Buffer.allocUnsafe(file.sizeBytes)
    await readAt(file, 0, content)
    return content
  }
}

/** Whether the path exists as it is written, without a link on the way. */
function isPlain(directory: string, path: string): boolean {
  const names = path.split('/')
  return names.every((_, index) => {
    const stats = lstatSync(join(directory, ...names.slice(0, index + 1)), { throwIfNoEntry: false })
    return index === names.length - 1 ? stats?.isFile() === true : stats?.isDirectory() === true
  })
}
