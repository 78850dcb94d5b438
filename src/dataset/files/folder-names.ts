import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../core/index.js'
import { fileStamp, isSettled } from '../../store/index.js'

type EntryKind = 'file' | 'folder' | 'link' | 'other'

interface Entry {
  /** As the file system has it. */
  readonly name: string
  readonly kind: EntryKind
}

/**
 * Finds files below a folder by name, the same on every file system: in any Unicode form, which macOS decomposes, but in
 * the case that they have. Lists each folder once.
 */
export class FolderNames {
  readonly #root: string
  readonly #nowNs: () => bigint
  readonly #folders = new Map<string, ReadonlyMap<string, readonly Entry[]> | string>()
  readonly #stamps = new Map<string, string>()

  constructor(root: string, nowNs: () => bigint) {
    this.#root = root
    this.#nowNs = nowNs
  }

  /** The stamp of a folder when it was listed, if any later change shows in it. */
  settledStamp(folder: string): string | undefined {
    return this.#stamps.get(folder)
  }

  /** What tells the entries of a folder from later ones; `undefined` if it is no folder. */
  stampNow(folder: string): string | undefined {
    return this.#stampOf(folder)?.stamp
  }

  #stampOf(folder: string) {
    const stats = statSync(join(this.#root, folder), { bigint: true, throwIfNoEntry: false })
    return stats?.isDirectory() ? fileStamp(stats) : undefined
  }

  /**
   * @param path names separated by `/`, without `..`.
   * @returns the path of a regular file as the file system has it, or why there is none.
   */
  find(path: string): { readonly found: string } | { readonly problem: string } {
    const names = path.split('/')
    let folder = ''
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1
      const list = this.#list(folder)
      if (typeof list === 'string') return { problem: list }
      const entries = list.get(fold(name)) ?? []
      const here = folder === '' ? '' : `${folder}/`
      if (entries.length > 1)
        return {
          problem: `cannot be told from another: ${entries.map((entry) => JSON.stringify(here + entry.name)).join(' and ')} differ only in case or Unicode form, so a checkout on macOS or Windows has only one of them; rename one`,
        }
      const [entry] = entries
      const what = isLast ? 'does not exist' : `does not exist: there is no folder ${JSON.stringify(here + name)}`
      if (entry === undefined) return { problem: `${what}; add it, or correct the path` }
      const actual = here + entry.name
      if (entry.name.normalize('NFC') !== name.normalize('NFC'))
        return { problem: `${what}, but ${JSON.stringify(actual)} does; write the path in this case` }
      if (entry.kind === 'link')
        return {
          problem: `leads through the symbolic link ${JSON.stringify(actual)}, whose content no commit contains; replace the link with the file itself`,
        }
      if (isLast && entry.kind === 'folder') return { problem: 'is a folder; name a file' }
      if (entry.kind !== (isLast ? 'file' : 'folder'))
        return {
          problem: `leads through ${JSON.stringify(actual)}, which is not a ${isLast ? 'regular file' : 'folder'}; correct the path`,
        }
      folder = actual
    }
    return { found: folder }
  }

  /** The entries of a folder by folded name, or why it cannot be read. */
  #list(folder: string): ReadonlyMap<string, readonly Entry[]> | string {
    const known = this.#folders.get(folder)
    if (known !== undefined) return known
    const stamp = this.#stampOf(folder)
    if (stamp !== undefined && isSettled(stamp.changedAtNs, this.#nowNs())) this.#stamps.set(folder, stamp.stamp)
    const listed = listFolder(join(this.#root, folder))
    this.#folders.set(folder, listed)
    return listed
  }
}

const fold = (name: string) => name.normalize('NFC').toLowerCase()

function listFolder(path: string): ReadonlyMap<string, readonly Entry[]> | string {
  try {
    const entries = new Map<string, readonly Entry[]>()
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const { name } = entry
      const kind = entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other'
      const folded = fold(name)
      const others = entries.get(folded)
      entries.set(folded, others === undefined ? [{ name, kind }] : [...others, { name, kind }])
    }
    return entries
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return code === 'ENOENT'
      ? `does not exist: there is no folder ${JSON.stringify(path)}; create it`
      : `cannot be found: ${messageOf(error)}; correct the permissions`
  }
}
