import { lstat, readdir, readFile, readlink, rm, rmdir, stat, symlink, unlink } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../../../store/index.js'
import { isWholeObject } from '../loose-object.js'
import { markRacyEntries } from './racy-entries.js'

export type DurableFiles = ReturnType<typeof durableFiles>

/**
 * The file system for isomorphic-git, which itself writes in place and flushes nothing: every file appears whole and
 * flushed, or not at all. Only for calls that write below `.git`; none of ours writes the work tree.
 *
 * @param gitFolder `.git`. Temporary files are made there, not beside a ref: Git takes what is below `refs/` for names.
 */
export function durableFiles(gitFolder: string) {
  const objects = join(gitFolder, 'objects')
  const isIndex = (path: string) => path.endsWith('index') && relative(gitFolder, path) === 'index'
  /** When the index was written that the library read last and keeps in memory. */
  let indexSeconds = 0
  // `git gc` removes old files of this name, which a killed program left.
  const ofObjects = { temporaryFolder: objects, temporaryPrefix: 'tmp_obj_' }
  const ofOthers = { temporaryFolder: gitFolder }
  const belowObjects = (path: string) => {
    const below = relative(objects, path)
    return below.startsWith('..') || isAbsolute(below) ? undefined : below
  }
  return {
    promises: {
      ...{ lstat, readdir, readlink, rm, rmdir, symlink, unlink },
      mkdir: (path: string) => makeDirectory(path),
      async stat(path: string) {
        const found = await stat(path)
        const [, folder, rest] = looseObject.exec(belowObjects(path) ?? '') ?? []
        if (folder === undefined || isWholeObject(await readFile(path), `${folder}${rest}`)) return found
        // The library writes no object that exists. If a damaged one counted as one, nothing would ever replace it.
        throw Object.assign(new Error(`ENOENT: damaged object, stat '${path}'`), { code: 'ENOENT', path })
      },
      readFile: (async (path: string, options) => {
        // First the time: if the file is replaced in between, too many entries are marked, not too few.
        if (isIndex(path)) indexSeconds = await writtenSeconds(path)
        return readFile(path, options)
      }) as typeof readFile,
      async writeFile(path: string, content: Uint8Array | string) {
        if (isIndex(path)) markRacyEntries(content as Buffer, indexSeconds)
        await writeFileAtomic(path, content, belowObjects(path) === undefined ? ofOthers : ofObjects)
        if (isIndex(path)) indexSeconds = Math.min(indexSeconds, await writtenSeconds(path))
      },
    },
  }
}

const writtenSeconds = async (path: string) => {
  const found = await stat(path).catch(() => undefined)
  // If there is no index yet, all entries are marked.
  return found === undefined ? 0 : Math.floor(found.mtimeMs / 1000)
}

const looseObject = /^([0-9a-f]{2})[/\\]([0-9a-f]{38})$/
