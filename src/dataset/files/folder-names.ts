/** An entry of a folder. */
export interface NamedEntry {
  /** As the file system or Git has it. */
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
}

type Found = { readonly found: string } | { readonly problem: string }

/**
 * Finds files below a folder by name, the same on every file system: in any Unicode form, which macOS decomposes, but in
 * the case that they have. Lists each folder once.
 */
export class FolderNames {
  readonly #list: (folder: string) => readonly NamedEntry[] | string
  /** Folders by path as samples have it. */
  readonly #above = new Map<string, Found>()
  readonly #folders = new Map<string, ReadonlyMap<string, readonly NamedEntry[]> | string>()

  /** @param list the entries of a folder below that of all files, which is empty, or why they cannot be listed. */
  constructor(list: (folder: string) => readonly NamedEntry[] | string) {
    this.#list = list
  }

  /**
   * @param path names separated by `/`, without `..`.
   * @returns the path of a regular file as the file system has it, or why there is none.
   */
  find(path: string): Found {
    const at = path.lastIndexOf('/')
    if (at < 0) return this.#findIn('', [path], true)
    const above = path.slice(0, at)
    const folder = this.#above.get(above) ?? this.#findIn('', above.split('/'), false)
    this.#above.set(above, folder)
    return 'found' in folder ? this.#findIn(folder.found, [path.slice(at + 1)], true) : folder
  }

  #findIn(start: string, names: readonly string[], isFile: boolean): Found {
    let folder = start
    for (const [index, name] of names.entries()) {
      const isLast = isFile && index === names.length - 1
      const list = this.#entries(folder)
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
  #entries(folder: string): ReadonlyMap<string, readonly NamedEntry[]> | string {
    const known = this.#folders.get(folder)
    if (known !== undefined) return known
    const listed = this.#list(folder)
    const entries = typeof listed === 'string' ? listed : byFoldedName(listed)
    this.#folders.set(folder, entries)
    return entries
  }
}

const fold = (name: string) => name.normalize('NFC').toLowerCase()

function byFoldedName(listed: readonly NamedEntry[]): ReadonlyMap<string, readonly NamedEntry[]> {
  const entries = new Map<string, readonly NamedEntry[]>()
  for (const entry of listed) {
    const folded = fold(entry.name)
    const others = entries.get(folded)
    entries.set(folded, others === undefined ? [entry] : [...others, entry])
  }
  return entries
}
