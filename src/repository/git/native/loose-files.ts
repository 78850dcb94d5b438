// git keeps a new object in a file of its own. Such an object is read and written here, which saves the start of a program.
// A packed, missing or damaged object is left to git.
import { createHash } from 'node:crypto'
import { chmod, readFile, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { deflate, inflate } from 'node:zlib'
import { errnoOf, makeDirectory, storageFailed, writeFileAtomic } from '../../../store/index.js'
import type { NewCommit, TreeItem } from '../git.js'
import { isWholeObject } from '../loose-object.js'

export interface LooseObject {
  readonly type: string
  readonly content: Buffer
}

/** An object that has a file of its own, if that file is whole. @param commonDirectory `.git` */
export async function readLoose(commonDirectory: string, oid: string): Promise<LooseObject | undefined> {
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(oid)) return undefined
  const path = pathOf(commonDirectory, oid)
  const found = await stat(path).catch(() => undefined)
  if (found === undefined || found.size > mostBytes) return undefined
  const file = await readFile(path).catch(() => undefined)
  if (file === undefined) return undefined
  const bytes = await promisify(inflate)(file, { maxOutputLength: mostBytes }).catch(() => undefined)
  if (bytes === undefined || digestOf(bytes, oid.length === 64 ? 'sha256' : 'sha1') !== oid) return undefined
  const end = bytes.indexOf(0)
  return { type: bytes.toString('latin1', 0, bytes.indexOf(0x20)), content: bytes.subarray(end + 1) }
}

/** Of a file and of its object. git streams a larger one and needs less memory. */
const mostBytes = 16 * 2 ** 20

/**
 * Writes an object, flushed. Replaces a damaged file of it.
 *
 * @returns its name. @throws `storage-failed`.
 */
export async function writeLoose(
  commonDirectory: string,
  format: string,
  type: 'blob' | 'tree' | 'commit',
  content: Uint8Array,
): Promise<string> {
  const bytes = Buffer.concat([Buffer.from(`${type} ${content.length}\0`), content])
  const oid = digestOf(bytes, format)
  const path = pathOf(commonDirectory, oid)
  const there = await readFile(path).catch(() => undefined)
  if (there !== undefined && isWholeObject(there, oid)) {
    // As git does: an object that is old and unused would soon be removed by `git gc`.
    const now = new Date()
    await utimes(path, now, now).catch(() => {})
    return oid
  }
  const deflated = await promisify(deflate)(bytes)
  const write = () => writeObjectFile(join(commonDirectory, 'objects'), path, deflated)
  // `git gc` removes empty folders, and with --prune=now unfinished files too.
  await write().catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error
    return write()
  })
  return oid
}

async function writeObjectFile(objects: string, path: string, content: Uint8Array): Promise<void> {
  try {
    // A repository that several users write (core.sharedRepository) shows it by the permissions of this folder.
    const { mode } = await stat(objects)
    const folder = dirname(path)
    await makeDirectory(folder)
    if ((((await stat(folder)).mode ^ mode) & 0o7777) !== 0) await chmod(folder, mode & 0o7777).catch(() => {})
    // `git gc` removes old files of this name, which a killed program left.
    await writeFileAtomic(path, content, { temporaryFolder: objects, temporaryPrefix: 'tmp_obj_', mode: mode & 0o444 })
  } catch (error) {
    throw storageFailed('write', path, error)
  }
}

export function treeContent(items: readonly TreeItem[]): Buffer {
  const keyOf = ({ path, type }: TreeItem) => Buffer.from(type === 'tree' ? `${path}/` : path)
  const sorted = items.map((item) => ({ item, key: keyOf(item) })).sort((one, other) => one.key.compare(other.key))
  return Buffer.concat(
    sorted.flatMap(({ item: { mode, path, oid } }) => [
      Buffer.from(`${mode.replace(/^0/, '')} ${path}\0`),
      Buffer.from(oid, 'hex'),
    ]),
  )
}

/** `undefined` for a tree that is malformed, whose error git words. */
export function treeItems(content: Buffer, format: string): readonly TreeItem[] | undefined {
  const items: TreeItem[] = []
  const oidBytes = format === 'sha256' ? 32 : 20
  for (let at = 0; at < content.length; ) {
    const end = content.indexOf(0, at)
    const [, number, path] = /^([0-7]+) (.+)$/s.exec(content.toString('utf8', at, Math.max(at, end))) ?? []
    at = end + 1 + oidBytes
    if (number === undefined || path === undefined || at > content.length) return undefined
    const mode = number.padStart(6, '0')
    const type = mode === '040000' ? 'tree' : mode === '160000' ? 'commit' : 'blob'
    items.push({ path, oid: content.toString('hex', end + 1, at), mode, type })
  }
  return items
}

/** `undefined` where git would change a name or a message, or refuse it. */
export function commitContent({ tree, parents, message, author, timestamp }: NewCommit): Buffer | undefined {
  const isPlain = (text: string) => /^[^\p{Cc}\s.,:;<>"\\'](?:[^\p{Cc}<>]*[^\p{Cc}\s.,:;<>"\\'])?$/u.test(text)
  if (!isPlain(author.name) || !isPlain(author.email) || message.includes('\0') || !message.isWellFormed())
    return undefined
  const person = `${author.name} <${author.email}> ${timestamp} +0000`
  const lines = [`tree ${tree}`, ...[...new Set(parents)].map((parent) => `parent ${parent}`)]
  return Buffer.from([...lines, `author ${person}`, `committer ${person}`, '', message].join('\n'))
}

/** What `git cat-file` prints for a commit. */
export function commitParts(content: Buffer): { readonly tree: string; readonly parents: string[]; message: string } {
  const text = content.toString()
  const end = text.indexOf('\n\n')
  const headers = text.slice(0, end).split('\n')
  const valuesOf = (name: string) =>
    headers.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1))
  return { tree: valuesOf('tree')[0] ?? '', parents: valuesOf('parent'), message: text.slice(end + 2) }
}

const pathOf = (commonDirectory: string, oid: string) => join(commonDirectory, 'objects', oid.slice(0, 2), oid.slice(2))
const digestOf = (bytes: Uint8Array, format: string) => createHash(format).update(bytes).digest('hex')
