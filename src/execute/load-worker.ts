import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { messageOf, SheikhError } from '../core/index.js'
import type { WorkerModule, WorkerParts } from './job.js'

/** The module as JSON, for another process. */
export const portableWorker = ({ module, export: name = 'worker', options = null }: WorkerModule) => ({
  module: module instanceof URL || module.startsWith('file:') ? String(module) : pathToFileURL(resolve(module)).href,
  ...{ export: name, options },
})

/**
 * Imports the module of a worker and makes its parts.
 *
 * @throws `invalid-options` if the module cannot be imported, or makes no parts; what its function throws, if that is a
 * `SheikhError`.
 */
export async function loadWorker(worker: WorkerModule): Promise<WorkerParts> {
  const { module, export: name, options } = portableWorker(worker)
  const fail = (fact: string, cause?: unknown) =>
    new SheikhError('invalid-options', `Cannot start a worker from ${module}: ${fact}.`, { facts: { module }, cause })
  let made: unknown
  try {
    const exports = (await import(module)) as Readonly<Record<string, unknown>>
    const make = exports[name]
    if (typeof make !== 'function')
      throw fail(
        `it exports no function "${name}", but: ${Object.keys(exports).join(', ') || 'nothing'}. Correct "export"`,
      )
    made = await make(options)
  } catch (error) {
    throw error instanceof SheikhError ? error : fail(messageOf(error), error)
  }
  const { store, kinds } = (made ?? {}) as Partial<WorkerParts>
  if (store === undefined || !Array.isArray(kinds))
    throw fail(`the function "${name}" returned no { store, kinds }. Correct it`)
  return made as WorkerParts
}

/** Frees what a worker holds, also if a part of it cannot be freed. @throws the first error, at the end. */
export async function closeWorker({ kinds, close }: WorkerParts): Promise<void> {
  const closed = await Promise.allSettled(kinds.map(async (kind) => kind.close?.()))
  await close?.()
  const failed = closed.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
}
