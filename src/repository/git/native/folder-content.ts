import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Changes, Git } from '../git.js'
import { outsideAttributes } from '../outside-attributes.js'
import type { EnvironmentVariables } from './git-program.js'
import { readPlainIndex } from './plain-index.js'

/** The work tree of a repository, and a comparison of it with HEAD. */
export interface ComparedTree {
  readonly root: string
  /** The folder of the index. */
  readonly directory: string
  readonly commonDirectory: string
  /** Bytes of an object's name. */
  readonly oidBytes: number
  /** What `git status` answered for the folder, and the stamp of the index before it was asked. */
  readonly compared: () => Promise<{ readonly stamp: string; readonly changes: Changes }>
  readonly settings: Pick<Git, 'config' | 'settings'>
  readonly environment: EnvironmentVariables
}

// Settings under which `git status` trusts something other than the stat data of each file, or finds a file under another name.
// Each may have its default, or these values.
const no = ['false', 'no', 'off', '0']
const harmless: Readonly<Record<string, readonly string[]>> = {
  trustctime: ['true', 'yes', 'on', '1'],
  checkstat: ['default'],
  ignorestat: no,
  fsmonitor: no,
  ignorecase: no,
  precomposeunicode: no,
}

/**
 * A name of the content of all files below a folder: while the name is the same, so is the content. It is made of the entries in
 * Git's index and the attributes that apply to them, without a look at any file except by `git status`.
 *
 * @param folder below the root, with `/`.
 * @returns `undefined` if a file differs from the index or is not in it, and whenever Git may miss a change: flagged entries, links,
 * submodules, a sparse checkout, a file system monitor, an untracked cache, settings that weaken the comparison. Hidden files
 * that Git ignores do not matter, and neither do devices, sockets and named pipes, which hold no samples and which Git does not see.
 */
export async function folderContent(folder: string, tree: ComparedTree): Promise<string | undefined> {
  if (!(await hasHarmlessSettings(tree))) return undefined
  const attributes = await attributesOf(folder, tree)
  if (attributes === undefined) return undefined
  const { stamp, changes } = await tree.compared()
  const { changed, deleted, ignored, absent } = changes
  if ([...changed, ...deleted, ...absent].some((path) => isWithin(path, folder))) return undefined
  if (ignored.some((path) => isWithin(path, folder) && !isHidden(path, folder))) return undefined
  const index = await readFile(join(tree.directory, 'index')).catch(() => undefined)
  // Git replaces the file, so an equal stamp means that these are the entries that the files were compared with.
  if (index === undefined || stamp !== (await indexStamp(tree.directory))) return undefined
  const entries = entriesBelow(index, folder, tree.oidBytes)
  if (entries === undefined) return undefined
  return createHash('sha256')
    .update(`${folder}\0${attributes.length}\0`)
    .update(attributes)
    .update(entries)
    .digest('hex')
}

/** Size, times and inode of the index. */
export async function indexStamp(directory: string): Promise<string> {
  const stats = await stat(join(directory, 'index'), { bigint: true }).catch(() => undefined)
  return stats === undefined ? '' : `${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}-${stats.ino}`
}

/** The bytes of the entries below a folder, which are sorted by path. `undefined` for an index or an entry that is not plain. */
function entriesBelow(index: Buffer, folder: string, oidBytes: number): Buffer | undefined {
  const prefix = Buffer.from(`${folder}/`)
  let start = -1
  let end = -1
  let isPlain = true
  const isRead = readPlainIndex(index, oidBytes, {
    entry(at, pathAt, next, kind) {
      for (let byte = 0; byte < prefix.length; byte += 1) if (index[pathAt + byte] !== prefix[byte]) return
      if (start < 0) start = at
      end = next
      if (kind !== regularFile) isPlain = false
    },
    extension(name) {
      if (name === 'FSMN' || name === 'UNTR') isPlain = false
    },
  })
  return isRead && isPlain && start >= 0 ? index.subarray(start, end) : undefined
}

const regularFile = 0o10

/** A path that ends with a slash is a folder, of which the files are not listed. */
const isWithin = (path: string, folder: string) =>
  path.startsWith(`${folder}/`) || (path.endsWith('/') && `${folder}/`.startsWith(path)) || path === folder

/** Whether a name below the folder begins with a dot. Nothing reads such files, apart from Git's attributes. */
const isHidden = (path: string, folder: string) =>
  /(^|\/)\./.test(path.slice(folder.length + 1)) && !path.endsWith('.gitattributes')

async function hasHarmlessSettings({ settings, environment }: ComparedTree): Promise<boolean> {
  if (environment['GIT_ATTR_SOURCE'] || (await settings.config('attr.tree')) !== undefined) return false
  for (const name of await settings.settings('core')) {
    const allowed = harmless[name]
    if (allowed === undefined) continue
    const value = await settings.config(`core.${name}`)
    if (value === undefined || !allowed.includes(value.toLowerCase())) return false
  }
  return true
}

/** The files of attributes that apply to the folder and are not below it (gitattributes(5)), as one text. `undefined`: one is not found. */
async function attributesOf(folder: string, tree: ComparedTree): Promise<string | undefined> {
  const { root, commonDirectory, environment, settings } = tree
  const outside = await outsideAttributes(commonDirectory, settings, environment)
  if (outside === undefined) return undefined
  const files: string[] = []
  for (let path = dirname(folder); ; path = dirname(path)) {
    files.push(join(root, path, '.gitattributes'))
    if (path === '.') break
  }
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8').catch(() => '')))
  return JSON.stringify([...outside, ...texts])
}
