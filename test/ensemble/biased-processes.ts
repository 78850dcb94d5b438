// Worker processes that train `fourMembers`.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Json } from '../../src/core/index.js'
import { builtRooms } from '../built-package.js'
import { startLocal } from '../execute/start-local.js'

export type Local = Awaited<ReturnType<typeof startLocal>>
/** @param options of the workers. */
export async function withProcesses<T>(
  workers: number,
  options: Readonly<Record<string, Json>>,
  body: (local: Local) => Promise<T>,
): Promise<T> {
  const module = pathToFileURL(join(await builtRooms(), 'ensemble/biased-worker.js'))
  const optionsOf = (store: string) => ({ folder: store, notes: join(store, 'notes'), ...options })
  const local = await startLocal({ workers, worker: { module }, optionsOf })
  try {
    return await body(local)
  } finally {
    await local.dispose()
  }
}
/** The trainings that workers noted in a file. */
export const trainingsIn = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').flatMap((line) => {
    const [pid, seed] = line.split(' ')
    return seed === undefined ? [] : [{ pid: Number(pid), seed: Number(seed) }]
  })
