// The one place where anything durable is written. A name shows the old content or the new, whole: the new is written
// beside it, flushed, renamed over it, and the folder is flushed, since a rename is only in memory until then.
import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type CallContext, type Digest, finishDigest, type Json, SheikhError, startDigest } from '../core/index.js'
import { type FileSystem, nodeFileSystem } from './file-system.js'
import { rememberWritten } from './known-digests.js'
import { chunksOf, withPlainFile } from './plain-file.js'
import { errnoOf, isAbsent, storageFailed } from './storage-failed.js'

export interface AtomicWriteOptions {
  /**
   * Where the temporary file stands until it is whole: a folder of the same file system.
   *
   * @default the folder of the file itself
   */
  readonly temporaryFolder?: string | undefined
  /** What the temporary file's name begins with. @default '.' */
  readonly temporaryPrefix?: string | undefined
  /** The permissions of the file, whatever the process's umask, if the file system keeps any. @default those of any new file */
  readonly mode?: number | undefined
  /** What writes. @default the disk */
  readonly fileSystem?: FileSystem | undefined
}

const temporaryName = /^\.[^/]*\.[0-9a-f-]{36}\.tmp$/

/** Whether a file name is one that a write in progress, or a crash, leaves behind. Readers skip it; a lock's holder may remove it. */
export function isTemporaryName(name: string): boolean {
  return temporaryName.test(name)
}

/**
 * Replaces a file, whole and durably; missing folders are made.
 *
 * @throws `storage-failed` where the disk refuses; the previous content stays and no temporary file is left.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  options: AtomicWriteOptions = {},
): Promise<void> {
  await replaceWith(path, options, (file) => file.writeFile(content))
}

/**
 * Copies a plain file, whole and durably, hashing what is written; missing folders are made.
 *
 * @throws `artifact-corrupt` where the bytes are not those of `expected`, and then nothing appears under `to`.
 */
export async function copyFileDurably(
  from: string,
  to: string,
  context: CallContext,
  options: AtomicWriteOptions & { readonly expected?: Digest | undefined } = {},
): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
  return await withPlainFile(from, async (source) => {
    let remember = async (_path: string) => {}
    const copied = await replaceWith(to, options, async (target) => {
      const hash = startDigest()
      for await (const piece of chunksOf(source, 0, source.sizeBytes, context)) {
        hash.update(piece)
        await target.writeFile(piece)
      }
      const digest = finishDigest(hash)
      if (options.expected !== undefined && digest !== options.expected)
        throw notExpected(from, digest, options.expected)
      remember = await rememberWritten(target, digest)
      return { digest, sizeBytes: source.sizeBytes }
    })
    await remember(to)
    return copied
  })
}

/** Writes a stream to a file completely and durably. @throws `artifact-corrupt` if its bytes are not those of `expected`; then no file appears. */
export async function writeStreamAtomic(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  context: CallContext,
  { expected, ...options }: AtomicWriteOptions & { readonly expected: Digest },
): Promise<void> {
  await replaceWith(path, options, async (target) => {
    const hash = startDigest()
    for await (const piece of pieces) {
      context.signal.throwIfAborted()
      hash.update(piece)
      await target.writeFile(piece)
    }
    const digest = finishDigest(hash)
    if (digest !== expected) throw notExpected(path, digest, expected)
  })
}

/** Makes `path` with this content, whole and durably, if there is nothing of that name: of many callers one gets `true`. */
export async function createExclusively(
  path: string,
  content: string,
  { temporaryFolder = dirname(path), fileSystem = nodeFileSystem }: AtomicWriteOptions = {},
): Promise<boolean> {
  const temporary = temporaryBeside(path, temporaryFolder)
  await makeDirectory(temporaryFolder, fileSystem)
  await makeDirectory(dirname(path), fileSystem)
  try {
    await writeAndFlush(fileSystem, temporary, (file) => file.writeFile(content))
    // A hard link fails if the name is taken; a rename would replace the file.
    await fileSystem.link(temporary, path).catch(async (error: unknown) => {
      if (!lacksHardLinks(error)) throw error
      await writeNew(fileSystem, path, content)
    })
    try {
      await syncFolder(fileSystem, dirname(path))
    } catch (error) {
      await removeQuietly(path, fileSystem)
      throw error
    }
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw storageFailed('write', path, error)
  } finally {
    await removeQuietly(temporary, fileSystem)
  }
}

/** FAT, exFAT and many network and user-space file systems have no hard links; their errors differ. */
const lacksHardLinks = (error: unknown) =>
  ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EINVAL'].includes(errnoOf(error) ?? '')

/** Makes a file of this name that did not exist. A crash in the middle may leave half of the content. */
async function writeNew(fileSystem: FileSystem, path: string, content: string): Promise<void> {
  try {
    await writeAndFlush(fileSystem, path, (file) => file.writeFile(content))
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') await removeQuietly(path, fileSystem)
    throw error
  }
}

/** Renames a file or a folder and flushes both folders. @throws `storage-failed` where the disk refuses. */
export async function renameDurably(from: string, to: string, fileSystem = nodeFileSystem): Promise<void> {
  try {
    await fileSystem.rename(from, to)
    await syncFolder(fileSystem, dirname(to))
    if (dirname(from) !== dirname(to)) await syncFolder(fileSystem, dirname(from))
  } catch (error) {
    throw storageFailed('rename to', to, error)
  }
}

export interface AppendOptions extends Pick<AtomicWriteOptions, 'fileSystem'> {
  /** Whether the line is flushed before the call resolves; if not, a power failure may lose it. @default true */
  readonly durable?: boolean | undefined
}

/**
 * Adds a line to a file; where that fails, the file is cut back to what it was.
 * A last line without its end, which a crash left, is removed first.
 */
export async function appendLine(
  path: string,
  line: string,
  { durable = true, fileSystem = nodeFileSystem }: AppendOptions = {},
): Promise<void> {
  try {
    await makeDirectory(dirname(path), fileSystem)
    const file = await fileSystem.open(path, 'a+')
    try {
      const { size } = await file.stat()
      const whole = await wholeLinesLength(file, size)
      if (whole < size) await file.truncate(whole)
      try {
        await file.writeFile(`${line}\n`)
        if (durable) await file.sync()
      } catch (error) {
        await file.truncate(whole).catch(() => {})
        throw error
      }
      if (durable && size === 0) await syncFolder(fileSystem, dirname(path))
    } finally {
      await file.close()
    }
  } catch (error) {
    throw storageFailed('append to', path, error)
  }
}

/** Makes a folder and those above it, durably. Does nothing if the folder exists. */
export async function makeDirectory(path: string, fileSystem = nodeFileSystem): Promise<void> {
  try {
    await makeFolder(fileSystem, path)
  } catch (error) {
    throw storageFailed('make the folder', path, error)
  }
}

/** Not `mkdir` with `recursive`: on a read-only file system Node 20 reports ENOENT instead of the cause. */
async function makeFolder(fileSystem: FileSystem, path: string, parentsMade = false): Promise<void> {
  try {
    await fileSystem.mkdir(path)
  } catch (error) {
    const errno = errnoOf(error)
    // Some file systems check for writing first and answer EROFS or EACCES for a folder that exists.
    if (errno !== 'ENOENT') {
      if ((await stat(path).catch(() => undefined))?.isDirectory()) return
      throw error
    }
    if (parentsMade || dirname(path) === path) throw error
    await makeFolder(fileSystem, dirname(path))
    return makeFolder(fileSystem, path, true)
  }
  await syncFolder(fileSystem, dirname(path))
}

/** Removes a file or a folder with all in it, if it can be: for what is of no use to anybody. */
export async function removeQuietly(path: string, fileSystem = nodeFileSystem): Promise<void> {
  await fileSystem.rm(path, { recursive: true, force: true }).catch(() => {})
}

/** The text of a file; `undefined` where there is none. @throws `storage-failed` where it cannot be read. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw storageFailed('read', path, error)
  }
}

/** Events are far shorter. A power failure may leave a long block of zeros. */
const maximumLineBytes = 64 << 20

/**
 * The lines of a file that end with a line break, one by one: what follows the last one was cut short by a crash. Longer lines than
 * 64 MiB are left out. No lines if there is no file.
 *
 * @throws `storage-failed` if the file cannot be read.
 */
export async function* eachWholeLine(path: string): AsyncGenerator<string, void> {
  // Parts of the line that is not complete yet; `undefined` if it is too long.
  let parts: Buffer[] | undefined = []
  let sizeBytes = 0
  const add = (part: Buffer) => {
    sizeBytes += part.length
    if (sizeBytes > maximumLineBytes) parts = undefined
    parts?.push(part)
  }
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      let start = 0
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        add(chunk.subarray(start, end))
        if (parts !== undefined) yield Buffer.concat(parts).toString('utf8')
        parts = []
        sizeBytes = 0
        start = end + 1
      }
      add(chunk.subarray(start))
    }
  } catch (error) {
    if (!isAbsent(error)) throw storageFailed('read', path, error)
  }
}

/** The value of a JSON file; `undefined` where there is none or it is torn. @throws `storage-failed` where it cannot be read. */
export async function readJsonFile(path: string): Promise<Json | undefined> {
  const text = await readTextFile(path)
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Json)
  } catch {
    return undefined
  }
}

async function replaceWith<T>(
  path: string,
  { temporaryFolder = dirname(path), temporaryPrefix, mode, fileSystem = nodeFileSystem }: AtomicWriteOptions,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const temporary = temporaryBeside(path, temporaryFolder, temporaryPrefix)
  try {
    await makeDirectory(temporaryFolder, fileSystem)
    if (temporaryFolder !== dirname(path)) await makeDirectory(dirname(path), fileSystem)
    const result = await writeAndFlush(fileSystem, temporary, async (file) => {
      // exFAT and some network file systems refuse permissions that they cannot keep.
      if (mode !== undefined) await file.chmod(mode).catch(() => {})
      return write(file)
    })
    await fileSystem.rename(temporary, path)
    await syncFolder(fileSystem, dirname(path))
    return result
  } catch (error) {
    await removeQuietly(temporary, fileSystem)
    throw storageFailed('write', path, error)
  }
}

async function writeAndFlush<T>(
  fileSystem: FileSystem,
  path: string,
  write: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await fileSystem.open(path, 'wx')
  try {
    const result = await write(file)
    await file.sync()
    return result
  } finally {
    await file.close()
  }
}

const temporaryBeside = (path: string, folder: string, prefix = '.') =>
  join(folder, `${prefix}${basename(path).slice(0, 100)}.${randomUUID()}.tmp`)

async function syncFolder(fileSystem: FileSystem, path: string): Promise<void> {
  // Windows opens no folders, and flushes a rename by itself.
  if (process.platform === 'win32') return
  const folder = await fileSystem.open(path, 'r')
  try {
    await folder.sync()
  } catch (error) {
    // Some network and user-space file systems cannot flush a folder; there is nothing more to do on them.
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    await folder.close()
  }
}

/** How many bytes of a file are lines with an end. */
async function wholeLinesLength(file: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(64 * 1024)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - buffer.length)
    const { bytesRead } = await file.read(buffer, 0, end - start, start)
    const last = buffer.subarray(0, bytesRead).lastIndexOf(0x0a)
    if (last >= 0) return start + last + 1
    end = start
  }
  return 0
}

const notExpected = (path: string, actual: Digest, expected: Digest) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot copy ${JSON.stringify(path)}: its bytes are ${actual}, not ${expected}. Make or fetch the file again.`,
    { facts: { path, actual, expected } },
  )
