// Files of dataset repositories, by digest: `files/<digest>`, which the Hub lists as a SHA-256 (LFS) or as Git's SHA-1 of a
// blob, and the list of files of each commit, `trees/<name>.json`.
import { createHash, randomUUID } from 'node:crypto'
import { lstat, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, checkedPath, isDigest, isSheikhError, SheikhError } from '../../core/index.js'
import {
  chunksOf,
  fileStamp,
  isAbsent,
  makeDirectory,
  readJsonFile,
  renameDurably,
  withPlainFile,
  writeFileAtomic,
} from '../../store/index.js'
import type { HubClient, HubFile } from './hub-client.js'
import { gitOidOf } from './hub-tree.js'

/** The files of one commit of a dataset repository, in a folder on this machine. */
export interface HubDataCache {
  /** Files below this path, as `path` names them. */
  readonly folder: string
  /** The files of the commit. Asks the Hub once. */
  list(context: CallContext): Promise<readonly HubFile[]>
  /** The name of a file's content, relative to `folder`. Downloads the file if it is not here, and hashes it once. */
  fetch(file: HubFile, context: CallContext): Promise<string>
}

interface CacheOptions {
  readonly directory: string
  readonly repository: string
  readonly commit: string
  readonly client: (context: CallContext) => HubClient
}

const nameOf = ({ oid, lfsOid }: HubFile) => (lfsOid === undefined ? `git-${oid}` : `sha256-${lfsOid}`)

export function hubDataCache({ directory, repository, commit, client }: CacheOptions): HubDataCache {
  const folder = join(directory, 'files')
  const treeName = createHash('sha256').update(`${repository}@${commit}`).digest('hex').slice(0, 32)
  const treePath = join(directory, 'trees', `${treeName}.json`)
  const running = new Map<string, Promise<void>>()
  /** Stamps of files whose digest is known to be right. */
  const checked = new Map<string, string>()
  let listed: readonly HubFile[] | undefined

  async function list(context: CallContext): Promise<readonly HubFile[]> {
    listed ??= toFiles(await readJsonFile(treePath).catch(() => undefined), commit)
    if (listed !== undefined) return listed
    const files = (await client(context).files(commit)).map(checkedFile)
    await writeFileAtomic(treePath, `${JSON.stringify({ formatVersion: 1, repository, commit, files })}\n`)
    listed = files
    return files
  }

  /** Whether the file is here, and its content is what its name says. */
  async function isHere(file: HubFile, context: CallContext): Promise<boolean> {
    const name = nameOf(file)
    const path = join(folder, name)
    try {
      const stats = await lstat(path, { bigint: true })
      const { stamp } = fileStamp(stats)
      if (stats.isFile() && checked.get(name) === stamp) return true
      const isSame =
        stats.isFile() && Number(stats.size) === file.sizeBytes && (await hashOf(path, file, context)) === name
      if (isSame) checked.set(name, stamp)
      else await rm(path, { recursive: true, force: true })
      return isSame
    } catch (error) {
      if (isAbsent(error)) return false
      throw error
    }
  }

  async function download(file: HubFile, context: CallContext): Promise<void> {
    const { path, sizeBytes, oid, lfsOid } = file
    const target = join(folder, nameOf(file))
    context.log.info(`Downloading ${path} of ${repository} (${sizeBytes.toLocaleString('en')} bytes).`)
    if (lfsOid === undefined) {
      const content = await client(context).read(commit, path)
      if (content === undefined || gitOidOf(content) !== oid) throw untrusted(repository, file)
      await writeFileAtomic(target, content)
      return
    }
    // Another process may download the same file.
    const temporary = join(directory, 'incoming', randomUUID())
    try {
      await client(context).download(commit, { path, sizeBytes, digest: `sha256:${lfsOid}` }, temporary)
      await makeDirectory(folder)
      await renameDurably(temporary, target)
    } catch (error) {
      throw isSheikhError(error, 'artifact-corrupt') ? untrusted(repository, file, error) : error
    } finally {
      await rm(temporary, { force: true })
    }
  }

  return {
    folder,
    list,
    async fetch(file, context) {
      const name = nameOf(file)
      if (await isHere(file, context)) return name
      const work = running.get(name) ?? download(file, context)
      running.set(name, work)
      try {
        await work
      } finally {
        running.delete(name)
      }
      // A Hub whose list and files differ would be asked without end.
      if (await isHere(file, context)) return name
      throw untrusted(repository, file)
    },
  }
}

async function hashOf(path: string, { lfsOid }: HubFile, context: CallContext): Promise<string> {
  return withPlainFile(path, async (file) => {
    const hash = createHash(lfsOid === undefined ? 'sha1' : 'sha256')
    if (lfsOid === undefined) hash.update(`blob ${file.sizeBytes}\0`)
    for await (const piece of chunksOf(file, 0, file.sizeBytes, context)) hash.update(piece)
    return `${lfsOid === undefined ? 'git' : 'sha256'}-${hash.digest('hex')}`
  })
}

/** The list is the Hub's, or that of a file that anyone may have changed. */
function checkedFile(file: HubFile): HubFile {
  const { path, sizeBytes, oid, lfsOid } = Object(file) as HubFile
  const isKnown = lfsOid === undefined ? /^[0-9a-f]{40}$/.test(oid) : isDigest(`sha256:${lfsOid}`)
  if (isKnown && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0)
    return { path: checkedPath(path), sizeBytes, oid, ...(lfsOid !== undefined && { lfsOid }) }
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot use the list of files on the Hub: ${JSON.stringify(path)} has no valid size or digest. Try again.`,
  )
}

function toFiles(value: unknown, commit: string): readonly HubFile[] | undefined {
  const document = Object(value) as { readonly formatVersion?: unknown; readonly commit?: unknown; files?: unknown }
  if (document.formatVersion !== 1 || document.commit !== commit || !Array.isArray(document.files)) return undefined
  try {
    return (document.files as readonly HubFile[]).map(checkedFile)
  } catch {
    return undefined
  }
}

const untrusted = (repository: string, { path }: HubFile, cause?: unknown) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use ${JSON.stringify(path)} of ${repository}: its content differs from the size or digest that the Hub lists. Run again; if that does not help, report it to the owner of the dataset.`,
    { facts: { path, repository }, ...(cause !== undefined && { cause }) },
  )
