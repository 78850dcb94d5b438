// What earlier runs kept of a stage, under the key of all that decides its output.
import { canonicalJson, type Digest, isSheikhError, type Json } from '../core/index.js'
import type { KeyRecord, Store } from '../store/index.js'
import type { Key } from './keys.js'
import type { Session } from './session.js'

/** The record under a key; `undefined` if there is none, or if it is of other parts. */
export async function keptUnder({ keys }: Pick<Store, 'keys'>, key: Key | undefined): Promise<KeyRecord | undefined> {
  const kept = key === undefined ? undefined : await keys.get(key.digest)
  return kept !== undefined && canonicalJson(kept.parts) === canonicalJson(key!.parts) ? kept : undefined
}

/**
 * What an earlier run kept.
 *
 * @param request.open reads it, every file hashed again.
 * @param request.lost the warning if it is damaged or gone. Absent: no warning.
 * @returns `undefined` if it has to be made anew.
 */
export async function findKept<T>(
  session: Session,
  key: Key | undefined,
  { open, lost }: { readonly open: (kept: KeyRecord) => Promise<T | undefined>; readonly lost?: string },
): Promise<T | undefined> {
  const kept = await keptUnder(session.options.store, key)
  if (kept === undefined) return undefined
  try {
    return await open(kept)
  } catch (error) {
    if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
    if (lost !== undefined) session.warn(lost, { key: kept.key })
    return undefined
  }
}

/** Copies the files that belong to a kept record into an empty folder of the run. */
export async function openKeptFiles(session: Session, files: Digest, purpose: string): Promise<string> {
  const directory = await session.folder(purpose)
  await session.options.store.objects.getDirectory(files, directory, session.context)
  return directory
}

/** Keeps an output for later runs. `files`: a directory in the store, which must be there before. */
export async function keep(session: Session, key: Key, value: Json, files?: Digest): Promise<void> {
  const { runId, context } = session
  await session.options.store.keys.put({
    ...{ formatVersion: 1, key: key.digest, parts: key.parts, value, runId },
    ...(files !== undefined && { files }),
    atMs: context.clock.nowMs(),
  })
}
