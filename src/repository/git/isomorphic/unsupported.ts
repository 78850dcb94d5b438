import { existsSync } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { SheikhError } from '../../../core/index.js'
import type { Git } from '../git.js'
import { oldestVersion } from '../native/git-program.js'
import type { GitSettings } from './git-settings.js'

/** Where the program `git` can be used, and is not. */
export const installGit = `Install git ${oldestVersion} or later; Sheikh then uses it.`
export const trustFolder = (root: string) =>
  `Git would support it, but refuses the folder, because it belongs to another user. If you trust its settings, run: git config --global --add safe.directory "${root}"`

/**
 * The error for a repository that only the program `git` can work on.
 *
 * @param remedy why the program is not used: `installGit` or `trustFolder`.
 * @param fact a sentence without its full stop.
 */
export const needsNative = (remedy: string, fact: string, cause?: unknown) =>
  new SheikhError(
    'repository-invalid',
    `Cannot work on the repository: ${fact}, which the built-in Git library does not support. ${remedy}`,
    { facts: { fact }, cause },
  )

export const notUtf8Name = (remedy: string, path: string) =>
  needsNative(remedy, `the file name ${JSON.stringify(path)} is not UTF-8`)

/** Refuses what isomorphic-git would misread. @throws `repository-invalid`. */
export async function checkSupported(root: string, settings: GitSettings): Promise<void> {
  const folder = join(root, '.git')
  const on = async (key: string) => /^(true|yes|on|1)$/i.test((await settings.get(key)) ?? '')
  for (const name of settings.names('extensions')) {
    const value = await settings.get(`extensions.${name}`)
    const isDefault = /^(false|sha1|files|off|no|0)$/i.test(value ?? '')
    // The settings of a work tree are read.
    if (isDefault || name === 'noop' || name === 'worktreeconfig') continue
    const words: Readonly<Record<string, string>> = {
      objectformat: `it uses ${value?.toUpperCase()} object names`,
      refstorage: `it keeps its refs in the format "${value}"`,
      partialclone: 'it is a partial clone',
    }
    throw needsNative(settings.remedy, words[name] ?? `it uses the extension "${name}"`)
  }
  if (settings.names('remote').some((name) => name.endsWith('.promisor')))
    throw needsNative(settings.remedy, 'it is a partial clone')
  if (existsSync(join(folder, 'reftable')))
    throw needsNative(settings.remedy, 'it keeps its refs in the format "reftable"')
  if (existsSync(join(folder, 'objects/info/alternates')))
    throw needsNative(settings.remedy, 'it borrows objects from another repository (objects/info/alternates)')
  if (await on('core.sparsecheckout')) throw needsNative(settings.remedy, 'it is a sparse checkout')
  const version = await indexVersion(join(folder, 'index'))
  if (version !== undefined && version !== 2) throw needsNative(settings.remedy, `its index has version ${version}`)
  if (await on('core.splitindex')) throw needsNative(settings.remedy, 'it uses a split index')
}

/** The format is in gitformat-index(5): "DIRC", then the version. */
async function indexVersion(path: string): Promise<number | undefined> {
  if (!existsSync(path)) return undefined
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
    return bytesRead === 8 && buffer.toString('latin1', 0, 4) === 'DIRC' ? buffer.readUInt32BE(4) : undefined
  } finally {
    await file.close()
  }
}

const attribute = /(^|\s)-?!?(text|eol|crlf|filter|ident|working-tree-encoding)(=\S*)?(?=\s|$)/

/**
 * Refuses to compare, or to write, files that Git would convert: isomorphic-git applies no line-ending settings and no
 * filters, so its answer would be wrong.
 *
 * @param paths files whose bytes differ from the commit's, or that are about to be written.
 * @throws `repository-invalid`.
 */
export async function refuseConversions(
  { root, outsideAttributes }: Pick<Git, 'root' | 'outsideAttributes'>,
  settings: GitSettings,
  paths: readonly string[],
): Promise<void> {
  if (paths.length === 0) return
  const first = paths.slice(0, 3).join(', ')
  const autocrlf = (await settings.get('core.autocrlf'))?.toLowerCase()
  if (autocrlf !== undefined && !['false', 'no', 'off', '0', 'input'].includes(autocrlf))
    throw needsNative(settings.remedy, `core.autocrlf changes the line endings of files such as ${first}`)
  if (autocrlf === 'input' && (await anyHoldsCarriageReturn(root, paths)))
    throw needsNative(settings.remedy, `core.autocrlf changes the line endings of files such as ${first}`)
  const folders = new Set(['', ...paths.flatMap(foldersAbove)])
  const inside = [...folders].map((folder) => readFile(join(root, folder, '.gitattributes'), 'utf8').catch(() => ''))
  const outside = await outsideAttributes()
  if (outside === undefined) throw needsNative(settings.remedy, 'core.attributesFile names no absolute path')
  for (const text of [...(await Promise.all(inside)), ...outside]) {
    const line = text.split('\n').find((candidate) => !candidate.startsWith('#') && attribute.test(candidate))
    if (line === undefined) continue
    // The common "* text=auto" changes nothing where no file has a carriage return.
    if (/(filter|ident|working-tree-encoding|eol=crlf)/.test(text) || (await anyHoldsCarriageReturn(root, paths)))
      throw needsNative(
        settings.remedy,
        `a line of Git's attributes ("${line.trim()}") changes files such as ${first} on their way to the commit`,
      )
  }
}

/** The folders that a path lies in, without the top one. */
export function foldersAbove(path: string): readonly string[] {
  const folders: string[] = []
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) folders.push(folder)
  return folders
}

async function anyHoldsCarriageReturn(root: string, paths: readonly string[]): Promise<boolean> {
  for (const path of paths)
    if ((await readFile(join(root, path)).catch(() => undefined))?.includes(13) === true) return true
  return false
}
