import { lstat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { env } from 'node:process'
import { type CallContext, type Digest, digestBytes, isSheikhError, messageOf, Slots } from '../../core/index.js'
import type { LargeFile, LargeFiles } from '../../dataset/index.js'
import {
  downloadFile,
  type Fetch,
  persistentFetch,
  proxyFetch,
  type RetryOptions,
} from '../../releaser/remote/index.js'
import {
  copyFileDurably,
  digestOfFile,
  fileStamp,
  isSettled,
  makeDirectory,
  nanosecondsOf,
  removeQuietly,
  renameDurably,
  withPlainFile,
  writeFileAtomic,
} from '../../store/index.js'
import { type EnvironmentVariables, type Git, openGit } from '../git/index.js'
import { claimPart, keepPart, temporaryOf } from './interrupted-download.js'
import { askBatch, type Download, type LfsServer } from './lfs-batch.js'
import { type LfsEndpoint, lfsEndpoint, lfsStorage } from './lfs-endpoint.js'
import { atPath, lfsFailed, pullHint } from './lfs-failed.js'
import { guardedFetch } from './lfs-request.js'

export interface GitLfsOptions {
  /** A folder of the work tree. */
  readonly directory: string
  /** The credentials of a server. Only called with the address of the Git remote's server, or one in Git's settings. */
  readonly credentials?:
    | ((url: string) => { readonly username: string; readonly password: string } | undefined)
    | undefined
  /** Hosts of which an ssh address leads to the same repository as an https address. @default well-known ones */
  readonly sshHosts?: readonly string[] | undefined
  /** Names a proxy, and where Git's settings are. @default the process's */
  readonly environment?: EnvironmentVariables | undefined
  /** @default the platform's, by the proxy of the environment */
  readonly fetch?: Fetch | undefined
  readonly retry?: RetryOptions | undefined
  /** Receives the progress of each download. @default nothing */
  readonly onProgress?: ((progress: LfsProgress) => void) | undefined
}

/** How much of a file of Git LFS is downloaded. */
export interface LfsProgress {
  /** Of the pointer. */
  readonly path: string
  readonly receivedBytes: number
  readonly sizeBytes: number
}

/** Files downloaded at the same time. git-lfs downloads 8. */
const parallelDownloads = 4
const publicHosts = ['github.com', 'gitlab.com', 'bitbucket.org', 'huggingface.co', 'hf.co', 'codeberg.org']
/** Files of one question to the server. */
const mostPerBatch = 100
/** How long a question waits for further files. */
const gatherMs = 5

/**
 * Gets files of Git LFS as git-lfs does, without the program: from this clone's store of objects, else from the remote,
 * by the batch API with the transfer "basic". A file that was fetched is in the store afterwards, for git-lfs too. Every
 * file is hashed before it is used. At most four files are downloaded at a time. What an interrupted download received is
 * kept where git-lfs keeps it, and the next download, by either, continues there if the server knows ranges.
 */
export function gitLfs(options: GitLfsOptions): LargeFiles {
  const { environment = env } = options
  let opening: { readonly signal: AbortSignal; readonly result: Promise<Opened> } | undefined
  const gathered = new WeakMap<AbortSignal, Gathered>()
  const checked = new Map<string, string>()
  const downloads = new Slots(parallelDownloads)
  return async (file, context) => {
    context.signal.throwIfAborted()
    if (file.oid === emptyOid && file.sizeBytes === 0) return emptyFile(await opened(context))
    const state = gathered.get(context.signal) ?? { running: new Map(), waiting: [] }
    gathered.set(context.signal, state)
    // A pointer with the wrong size must not decide for another one.
    const key = `${file.oid} ${file.sizeBytes}`
    const known = state.running.get(key)
    if (known !== undefined)
      return known.catch((error: unknown) => {
        throw atPath(error, file.path)
      })
    const running = get(file, state, context).finally(() => state.running.delete(key))
    state.running.set(key, running)
    return running
  }

  async function opened(context: CallContext): Promise<Opened> {
    for (;;) {
      context.signal.throwIfAborted()
      opening ??= { signal: context.signal, result: open(options, environment, context) }
      const shared = opening
      try {
        return await shared.result
      } catch (error) {
        if (opening === shared) opening = undefined
        // The abort of another call must not decide for this one.
        if (shared.signal === context.signal || !shared.signal.aborted) throw error
      }
    }
  }

  async function get(file: LargeFile, state: Gathered, context: CallContext): Promise<string> {
    const { storage, endpoint } = await opened(context)
    const path = objectIn(join(storage, 'objects'), file.oid)
    if (await isWhole(path, file, context)) return path
    if ('failure' in endpoint) {
      // The next call reads the settings again, which may have been corrected.
      opening = undefined
      throw lfsFailed('not-found', file.path, endpoint.failure)
    }
    if ('folders' in endpoint) await copyFrom(endpoint.folders, path, file, context)
    else await fetched(file, { path, storage, state }, context)
    if (await isWhole(path, file, context)) return path
    throw lfsFailed('artifact-corrupt', file.path, { fact: 'its object changed while it was read', remedy: pullHint })
  }

  async function isWhole(path: string, { oid, sizeBytes }: LargeFile, context: CallContext): Promise<boolean> {
    const atNs = nanosecondsOf(context.clock.nowMs())
    const stats = await lstat(path, { bigint: true }).catch(() => undefined)
    if (!stats?.isFile() || Number(stats.size) !== sizeBytes) return false
    const { stamp, changedAtNs } = fileStamp(stats)
    if (checked.get(path) === stamp) return true
    if ((await withPlainFile(path, (object) => digestOfFile(object, context))) !== `sha256:${oid}`) return false
    // A later change within the same tick of the clock would not show.
    if (isSettled(changedAtNs, atNs)) checked.set(path, stamp)
    return true
  }

  /** Asks for all files that are wanted at the same time in one request. */
  function addressOf(file: LargeFile, state: Gathered, context: CallContext): Promise<Download> {
    return new Promise((resolve, reject) => {
      state.waiting.push({ file, resolve, reject })
      if (state.waiting.length === 1) setTimeout(() => void ask(state, context), gatherMs)
    })
  }

  async function ask({ waiting }: Gathered, context: CallContext): Promise<void> {
    for (const batch = waiting.splice(0); batch.length > 0; ) {
      const some = batch.splice(0, mostPerBatch)
      try {
        const { server } = await opened(context)
        const answers = await askBatch(
          server!,
          some.map(({ file }) => file),
          context,
        )
        for (const [at, answer] of answers.entries())
          if (answer instanceof Error) some[at]!.reject(answer)
          else some[at]!.resolve(answer)
      } catch (error) {
        for (const { file, reject } of some) reject(named(error, file))
      }
    }
  }

  async function fetched(file: LargeFile, place: Place, context: CallContext): Promise<void> {
    const address = await addressOf(file, place.state, context)
    await downloads.use(async () => {
      try {
        await download(address, place, file, context)
      } catch (error) {
        context.signal.throwIfAborted()
        if (!isSheikhError(error, 'access-denied')) throw error
        // An address is valid for some minutes, and others may have been downloaded first.
        await download(await addressOf(file, place.state, context), place, file, context)
      }
    }, context.signal)
  }

  async function download(
    { href, headers }: Download,
    { path, storage }: Place,
    file: LargeFile,
    context: CallContext,
  ): Promise<void> {
    context.signal.throwIfAborted()
    const { server } = await opened(context)
    const fetch = persistentFetch({
      ...options.retry,
      fetch: guardedFetch(server!.fetch, ['range']),
      signal: context.signal,
      log: context.log,
    })
    // git-lfs removes what is left here.
    const temporary = temporaryOf(storage, file)
    const { host } = new URL(href)
    const part = await claimPart(storage, `${temporary}.part`, file, context)
    const { sizeBytes } = file
    const tell = options.onProgress
    const receive = (resumeBytes: number) =>
      downloadFile(
        {
          fetch,
          request: () => ({ url: href, headers: { ...headers } }),
          file: { path: file.path, sizeBytes: file.sizeBytes, digest: `sha256:${file.oid}` as Digest },
          target: temporary,
          // A server of Git LFS need not know ranges.
          partBytes: Number.MAX_SAFE_INTEGER,
          parallel: 1,
          resumeBytes,
          keepPart: true,
          ...(tell && { onProgress: (receivedBytes) => tell({ path: file.path, receivedBytes, sizeBytes }) }),
          refuse: (status) => downloadRefusal(status, host, file),
        },
        context,
      )
    try {
      await receive(part).catch((error: unknown) => {
        context.signal.throwIfAborted()
        // What is left of another download may be wrong, and a server may refuse to send the rest.
        if (part > 0 && isSheikhError(error) && !error.retryable) return receive(0)
        throw error
      })
      await makeDirectory(dirname(path))
      await renameDurably(temporary, path)
    } catch (error) {
      if (!isSheikhError(error, 'artifact-corrupt')) await keepPart(storage, `${temporary}.part`, file)
      throw named(error, file, `${host} sent other bytes than the pointer names`)
    } finally {
      await removeQuietly(temporary)
      await removeQuietly(`${temporary}.part`)
    }
  }
}

interface Place {
  /** Of the object. */
  readonly path: string
  readonly storage: string
  readonly state: Gathered
}

interface Gathered {
  readonly running: Map<string, Promise<string>>
  readonly waiting: {
    readonly file: LargeFile
    readonly resolve: (found: Download) => void
    readonly reject: (error: unknown) => void
  }[]
}

interface Opened {
  readonly storage: string
  readonly endpoint: LfsEndpoint
  /** Absent: the endpoint is no server. */
  readonly server?: LfsServer | undefined
}

async function open(
  { directory, credentials, fetch, retry, sshHosts = [] }: GitLfsOptions,
  environment: EnvironmentVariables,
  context: CallContext,
): Promise<Opened> {
  const git: Git = await openGit(directory, context, { environment })
  const storage = await lfsStorage(git)
  const endpoint = await lfsEndpoint(git, [...publicHosts, ...sshHosts])
  if (!('url' in endpoint)) return { storage, endpoint }
  const { url, isTrusted } = endpoint
  const server = {
    url,
    credentials: endpoint.credentials ?? (isTrusted ? credentials?.(url.href) : undefined),
    ref: await git.branch(),
    fetch: fetch ?? proxyFetch(environment),
    retry,
  }
  return { storage, endpoint, server }
}

const emptyOid = digestBytes(new Uint8Array()).slice('sha256:'.length)

async function emptyFile({ storage }: Opened): Promise<string> {
  // git-lfs keeps no object for it.
  const path = objectIn(join(storage, 'objects'), emptyOid)
  await writeFileAtomic(path, '')
  return path
}

/** The path of an object, in `objects` of a store of Git LFS. */
export const objectIn = (folder: string, oid: string) => join(folder, oid.slice(0, 2), oid.slice(2, 4), oid)

async function copyFrom(
  folders: readonly string[],
  target: string,
  { oid, sizeBytes, path }: LargeFile,
  context: CallContext,
): Promise<void> {
  for (const folder of folders) {
    const found = objectIn(folder, oid)
    const stats = await lstat(found).catch(() => undefined)
    if (!stats?.isFile() || stats.size !== sizeBytes) continue
    try {
      await copyFileDurably(found, target, context, { expected: `sha256:${oid}` as Digest })
      return
    } catch (error) {
      if (!isSheikhError(error, 'artifact-corrupt')) throw error
      const fact = 'its object in the remote is damaged'
      throw lfsFailed('artifact-corrupt', path, { fact, remedy: pushHint, cause: error })
    }
  }
  throw lfsFailed('not-found', path, { fact: 'the remote does not have its object', remedy: pushHint })
}

const pushHint = 'push it from a clone that has it: git lfs push --all <remote>'

function downloadRefusal(status: number, host: string, { path }: LargeFile): Error {
  const fact = `${host} answered ${status} to its download`
  if (status === 401 || status === 403) return lfsFailed('access-denied', path, { fact, remedy: pullHint })
  if (status === 404 || status === 410) return lfsFailed('not-found', path, { fact, remedy: pushHint })
  return lfsFailed('remote-failed', path, { fact, remedy: pullHint })
}

/** The error with the path of a file, and with words for Git LFS. */
function named(error: unknown, { path }: LargeFile, corrupt?: string): unknown {
  if (!isSheikhError(error)) return error
  const { retryable } = error
  if (error.code === 'artifact-corrupt' && corrupt !== undefined)
    return lfsFailed('artifact-corrupt', path, { fact: corrupt, remedy: pullHint, cause: error })
  if (error.code === 'remote-failed' && error.facts['problem'] === undefined) {
    const fact = messageOf(error)
      .replace(/^Cannot reach the remote \((.*?)\): /, '$1: ')
      .replace(/\. Try again later\.$/, '')
    return lfsFailed('remote-failed', path, {
      fact,
      remedy: retryable ? 'run again later' : pullHint,
      retryable,
      cause: error,
    })
  }
  return atPath(error, path)
}
