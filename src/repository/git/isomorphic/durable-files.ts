import { lstat, readdir, readFile, readlink, rm, rmdir, stat, symlink, unlink } from 'node:fs/promises'
import { isAbsolute, join, relative } from 'node:path'
import { makeDirectory, writeFileAtomic } from '../../../store/index.js'
import { isWholeObject } from '../loose-object.js'

export type DurableFiles = ReturnType<typeof durableFiles>

/**
 * The file system for isomorphic-git, which itself writes in place and flushes nothing: every file appears whole and
 * flushed, or not at all. Only for calls that write below `.git`; none of ours writes the work tree.
 *
 * @param gitFolder `.git`. Temporary files are made there, not beside a ref: Git takes what is below `refs/` for names.
 */
export function durableFiles(gitFolder: string) {
  const objects = join(gitFolder, 'objects')
  // `git gc` removes old files of this name, which a killed program left.
  const ofObjects = { temporaryFolder: objects, temporaryPrefix: 'tmp_obj_' }
  const ofOthers = { temporaryFolder: gitFolder }
  const belowObjects = (path: string) => {
    const below = relative(objects, path)
    return below.startsWith('..') || isAbsolute(below) ? undefined : below
  }
  return {
    promises: {
      ...{ lstat, readdir, readFile, readlink, rm, rmdir, symlink, unlink },
      mkdir: (path: string) => makeDirectory(path),
      async stat(path: string) {
        const found = await stat(path)
        const [, folder, rest] = looseObject.exec(belowObjects(path) ?? '') ?? []
        if (folder === undefined || isWholeObject(await readFile(path), `${folder}${rest}`)) return found
        // The library writes no object that exists. If a damaged one counted as one, nothing would ever replace it.
        throw Object.assign(new Error(`ENOENT: damaged object, stat '${path}'`), { code: 'ENOENT', path })
      },
      writeFile: (path: string, content: Uint8Array | string) =>
        writeFileAtomic(path, content, belowObjects(path) === undefined ? ofOthers : ofObjects),
    },
  }
}

const looseObject = /^([0-9a-f]{2})[/\\]([0-9a-f]{38})$/
