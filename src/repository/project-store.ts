import { join } from 'node:path'
import { SheikhError } from '../core/index.js'
import { directoryStore } from '../store/directory/index.js'
import type { Lock, Store } from '../store/index.js'
import { storePath } from './layout.js'
import { bucketIn, type Surroundings } from './release-targets.js'

/** The variable that names a bucket for what the machines of a project share. */
export const storeVariable = 'SHEIKH_STORE'

/** The folder `.sheikh/` of a project, also if its store is a bucket. */
export const projectFolder = (shared: string): Store => directoryStore(join(shared, storePath))

/**
 * The store of a project: its folder `.sheikh/`, or with `SHEIKH_STORE` a bucket. Caches of files, checkpoints and work in
 * progress stay in the folder, since they are of one machine.
 *
 * @throws `invalid-options` if the variable is not an address such as `s3://bucket/prefix`.
 */
export async function projectStore({
  shared,
  environment,
}: Pick<Surroundings, 'shared' | 'environment'>): Promise<Store> {
  const local = projectFolder(shared)
  const address = environment[storeVariable]
  if (!address) return local
  if (!address.startsWith('s3://'))
    throw new SheikhError(
      'invalid-options',
      `Cannot use the store that ${storeVariable} names: ${JSON.stringify(address)} is not the address of a bucket. Write s3://bucket/prefix, or remove the variable.`,
    )
  const { s3Store } = await import('../store/s3/index.js')
  const bucket = s3Store(bucketIn({ address }, environment))
  const { documents, checkpoints, workDirectory } = local
  return {
    ...bucket,
    ...{ documents, checkpoints, workDirectory },
    async lock(purpose, context) {
      const lock = await bucket.lock(purpose, context)
      try {
        return both(lock, await local.lock(purpose, context))
      } catch (error) {
        // The first error counts.
        await lock.release().catch(() => {})
        throw error
      }
    },
  }
}

/** The lock of the bucket, and that of the folder, in which other programs on this machine look for a run. */
function both(lock: Lock, local: Lock): Lock {
  const release = async () => {
    try {
      await local.release()
    } finally {
      await lock.release()
    }
  }
  const check = async () => {
    await local.check()
    await lock.check()
  }
  return { token: lock.token, check, release, [Symbol.asyncDispose]: release }
}
