// Objects that exist only as long as jobs need them: the rows of a shard, and what a worker made of them.
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, isSheikhError } from '../../core/index.js'
import type { Store } from '../../store/index.js'
import type { JobResult } from '../job.js'

const inputFile = 'input'
/** Another process may remove an equal input each time. */
const mostAttempts = 3

/** How many calls in this process use an input, by store and digest. */
const users = new WeakMap<Store, Map<Digest, number>>()

/**
 * Puts bytes into the store as the input of jobs, and removes them when `work` has ended. Equal inputs of several calls are stored
 * once. If another process removes an equal one, it is stored again, and `work` is called again.
 *
 * @param work receives the digest of a directory that `readInput` reads.
 */
export async function withInput<R>(
  store: Store,
  bytes: Uint8Array,
  work: (input: Digest) => Promise<R>,
  context: CallContext,
): Promise<R> {
  const counts = users.get(store) ?? new Map<Digest, number>()
  users.set(store, counts)
  const put = () =>
    withFolder(store, async (folder) => {
      await writeFile(join(folder, inputFile), bytes)
      return store.objects.putDirectory(folder, context)
    })
  const digest = await put()
  counts.set(digest, (counts.get(digest) ?? 0) + 1)
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(digest)
      } catch (error) {
        // Not even if the store has it now: its files may have been removed while it was stored.
        if (attempt === mostAttempts || !isLost(error)) throw error
        await put()
      }
    }
  } finally {
    const left = counts.get(digest)! - 1
    if (left > 0) counts.set(digest, left)
    else {
      counts.delete(digest)
      await discard(store, digest, context)
    }
  }
}

/** The bytes of `withInput`. @throws `artifact-corrupt`; `not-found` if they were removed. */
export const readInput = (store: Store, input: Digest, context: CallContext): Promise<Uint8Array> =>
  store.objects
    .manifest(input, context)
    .then(({ files }) => store.objects.get(files.find(({ path }) => path === inputFile)!.digest, context))

/** Puts a directory with the files that `write` writes. */
export const putFiles = (
  store: Store,
  write: (folder: string) => Promise<unknown>,
  context: CallContext,
): Promise<Digest> =>
  withFolder(store, async (folder) => {
    await write(folder)
    return store.objects.putDirectory(folder, context)
  })

/**
 * Opens a directory that a job made. If the directory is lost, damaged or unreadable, it is removed, and the job is done again, so that
 * the store then has a sound one. Another process may have removed the directory of an equal job.
 *
 * @param run runs the job. @param name of the object.
 * @param open reads the directory. @throws `artifact-corrupt` if it is not what the job should have made.
 */
export async function openResult<O, R>(
  store: Store,
  run: () => Promise<JobResult<O>>,
  name: string,
  open: (folder: string, result: JobResult<O>) => Promise<R>,
  context: CallContext,
): Promise<{ readonly result: JobResult<O>; readonly opened: R }> {
  const take = async (result: JobResult<O>) => ({
    result,
    opened: await withFolder(store, async (folder) => {
      const kept = join(folder, 'kept')
      await store.objects.getDirectory(result.objects[name]!, kept, context)
      return open(kept, result)
    }),
  })
  const first = await run()
  try {
    return await take(first)
  } catch (error) {
    if (!isLost(error)) throw error
    await discard(store, first.objects[name]!, context)
    return take(await run())
  }
}

/** Removes a directory of a job. What cannot be removed stays, and costs only space. */
export async function discard(store: Store, digest: Digest, { clock, log }: CallContext): Promise<void> {
  // Also after an abort.
  const context: CallContext = { clock, log, signal: new AbortController().signal }
  await store.objects.removeDirectory?.(digest, context).catch(() => {})
}

const isLost = (error: unknown) => isSheikhError(error, 'artifact-corrupt') || isSheikhError(error, 'not-found')

async function withFolder<R>(store: Store, work: (folder: string) => Promise<R>): Promise<R> {
  const folder = await store.workDirectory('shard')
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
