import { open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  type CallContext,
  type FileEntry,
  finishDigest,
  isSheikhError,
  SheikhError,
  startDigest,
} from '../../core/index.js'
import { chunksOf, makeDirectory, renameDurably, storageFailed, withPlainFile } from '../../store/index.js'
import type { Fetch } from './persistent-fetch.js'
import { factOf, remoteFailed } from './remote-error.js'

export interface DownloadRequest {
  readonly fetch: Fetch
  /** Where byte `offset` of the file and the next `length` can be had; one answer for a whole file too. */
  readonly request: (
    offset: number,
    length: number,
  ) => { readonly url: string; readonly headers?: Record<string, string> }
  readonly file: FileEntry
  /** Absent before; it appears whole. */
  readonly target: string
  /** Bytes of one request. @default 32 MiB */
  readonly partBytes?: number | undefined
  /** Bytes that `<target>.part` has of a download that broke off. Only with one range. @default none */
  readonly resumeBytes?: number | undefined
  /** Whether `<target>.part` is left after a failure. @default false */
  readonly keepPart?: boolean | undefined
  /** Requests at a time. @default 4 */
  readonly parallel?: number | undefined
  readonly onProgress?: ((receivedBytes: number) => void) | undefined
  /** What a final refusal means. @default `remote-failed` */
  readonly refuse?: ((status: number) => Error) | undefined
}

/**
 * Downloads a file in ranges, several at a time, and checks its digest before it has its name. A range that broke off is
 * asked for again from where it stopped.
 *
 * @throws `artifact-corrupt` where the bytes are not those of `file`; `remote-failed`; what `refuse` says.
 */
export async function downloadFile(download: DownloadRequest, context: CallContext): Promise<void> {
  const { file, target, partBytes = 32 << 20, parallel = 4, resumeBytes = 0, keepPart = false, onProgress } = download
  const temporary = `${target}.part`
  await makeDirectory(dirname(target))
  try {
    const handle = await openFor(temporary, resumeBytes > 0)
    try {
      const offsets = Array.from({ length: Math.ceil(file.sizeBytes / partBytes) }, (_, index) => index * partBytes)
      let receivedBytes = 0
      const received = (bytes: number) => {
        receivedBytes += bytes
        onProgress?.(receivedBytes)
      }
      const failing = new AbortController()
      const work = async () => {
        for (let offset = offsets.shift(); offset !== undefined; offset = offsets.shift()) {
          failing.signal.throwIfAborted()
          await part(download, offset, Math.min(partBytes, file.sizeBytes - offset), { handle, received, context })
        }
      }
      const workers = Array.from({ length: parallel }, () =>
        work().catch((error: unknown) => {
          failing.abort(error)
          throw error
        }),
      )
      // All of them, so that none writes to a file that is closed.
      await Promise.allSettled(workers)
      failing.signal.throwIfAborted()
      await handle.sync()
    } finally {
      await handle.close()
    }
    await checkDigest(temporary, file, context)
    await renameDurably(temporary, target)
  } catch (error) {
    if (!keepPart) await rm(temporary, { force: true })
    throw error
  }
}

type Handle = Awaited<ReturnType<typeof open>>

async function part(
  { fetch, request, file, refuse, resumeBytes = 0 }: DownloadRequest,
  offset: number,
  length: number,
  { handle, received, context }: { handle: Handle; received: (bytes: number) => void; context: CallContext },
): Promise<void> {
  let done = resumeBytes
  if (done > 0) received(done)
  for (let attemptsLeft = 5; done < length; attemptsLeft -= 1) {
    const { url, headers } = request(offset + done, length - done)
    const range = `bytes=${offset + done}-${offset + length - 1}`
    const response = await fetch(url, { headers: { ...headers, range } })
    // A server that knows no ranges sends all of it again.
    const whole = response.status === 200 && offset === 0
    if (response.status !== 206 && !whole) {
      await response.body?.cancel()
      if (response.status === 416) throw tooShort(file)
      // A 200 to a later range is no refusal.
      const refused = response.ok ? undefined : refuse?.(response.status)
      throw refused ?? remoteFailed(`download ${file.path}`, `it answered ${response.status} to ${range}`)
    }
    if (whole) {
      received(-done)
      done = 0
    }
    try {
      for await (const piece of response.body ?? []) {
        context.signal.throwIfAborted()
        // A remote that sends more than was asked for does not write over its neighbour.
        const bytes = piece.subarray(0, length - done)
        await write(handle, bytes, offset + done)
        done += bytes.byteLength
        received(bytes.byteLength)
        if (bytes.byteLength < piece.byteLength) break
      }
    } catch (error) {
      context.signal.throwIfAborted()
      if (isSheikhError(error)) throw error
      if (attemptsLeft <= 1) throw remoteFailed(`download ${file.path}`, factOf(error), {}, error)
      context.log.debug(`Going on with ${file.path} at byte ${offset + done}.`)
      continue
    }
    if (done < length && attemptsLeft <= 1)
      throw remoteFailed(`download ${file.path}`, `it ended at byte ${offset + done} of ${file.sizeBytes}`)
  }
}

const tooShort = ({ path, sizeBytes }: FileEntry) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot use the download of "${path}": the registry holds fewer than its ${sizeBytes} bytes.`,
    { facts: { path } },
  )

async function write(handle: Handle, bytes: Uint8Array, position: number): Promise<void> {
  try {
    for (let at = 0; at < bytes.byteLength; )
      at += (await handle.write(bytes, at, bytes.byteLength - at, position + at)).bytesWritten
  } catch (error) {
    throw storageFailed('write', 'the download', error)
  }
}

async function openFor(path: string, isResumed: boolean): Promise<Handle> {
  try {
    return await open(path, isResumed ? 'r+' : 'w')
  } catch (error) {
    throw storageFailed('write', path, error)
  }
}

/** The digest of what stands on disk, not of what passed by: ranges arrive in any order. */
async function checkDigest(path: string, file: FileEntry, context: CallContext): Promise<void> {
  await withPlainFile(path, async (source) => {
    const hash = startDigest()
    for await (const piece of chunksOf(source, 0, source.sizeBytes, context)) hash.update(piece)
    const digest = finishDigest(hash)
    if (digest === file.digest) return
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot use the download of "${file.path}": its digest is ${digest}, not ${file.digest}. The registry does not hold what was released.`,
      { facts: { path: file.path, digest, expected: file.digest } },
    )
  })
}
