import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, type Digest, hexOf } from '../../src/core/index.js'
import { directoryStorage } from '../../src/releaser/directory/directory-storage.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { readBundle, type Version } from '../../src/releaser/index.js'
import { storedRegistry } from '../../src/releaser/stored-registry.js'
import { hostProcesses, nodeFileSystem } from '../../src/store/index.js'
import { temporaryFolder } from '../repository/harness.js'

const context = callContext()

it.each([1, 2, 3])(
  'a release that is published after listing %i of a discard keeps the files that both share',
  async (nth) => {
    const root = temporaryFolder()
    await mkdir(join(root, 'made'))
    await writeFile(join(root, 'made', 'weights.bin'), 'weights')
    const bundle = await readBundle(join(root, 'made'), context)
    const path = join(root, 'registry')
    const other = directoryRegistry(path)
    const prepare = (version: string, runId: string) =>
      other.prepare(
        { bundle, version: version as Version, postPublish: { withdraws: [] }, record: { runId, atMs: 1 } as never },
        context,
      )
    const discarded = await prepare('1.0.0', 'one')
    const published = await prepare('1.1.0', 'two')
    const storage = directoryStorage({ path, processes: hostProcesses, fileSystem: nodeFileSystem })
    let listings = 0
    const list: typeof storage.list = async (...parameters) => {
      const names = await storage.list(...parameters)
      listings += 1
      if (listings === nth) await other.publish(published, context)
      return names
    }
    await storedRegistry({ ...storage, list }, { name: 'directory', describe: () => null }).discard(discarded, context)
    if (listings < nth) await other.publish(published, context)
    const release = await other.open('1.1.0' as Version, join(root, 'opened'), context)
    expect(release.directory).toBe(join(root, 'opened'))
  },
)

type Storage = ReturnType<typeof directoryStorage>

async function pendingWorld() {
  const root = temporaryFolder()
  await mkdir(join(root, 'made'))
  await writeFile(join(root, 'made', 'weights.bin'), 'weights')
  const bundle = await readBundle(join(root, 'made'), context)
  const path = join(root, 'registry')
  const storage = directoryStorage({ path, processes: hostProcesses, fileSystem: nodeFileSystem })
  const other = directoryRegistry(path)
  const prepare = (runId: string) =>
    other.prepare(
      { bundle, version: '1.0.0' as Version, postPublish: { withdraws: [] }, record: { runId, atMs: 1 } as never },
      context,
    )
  /** Another process's registry with a step of its storage replaced. */
  const registryWith = (replaced: Partial<Storage>) =>
    storedRegistry({ ...storage, ...replaced }, { name: 'directory', describe: () => null })
  const pendingFolder = (digest: Digest) => join(path, 'pending', `1.0.0-${hexOf(digest)}`)
  return { storage, other, prepare, registryWith, pendingFolder }
}

async function listed<V>(items: AsyncIterable<V>): Promise<readonly V[]> {
  const found: V[] = []
  for await (const item of items) found.push(item)
  return found
}

const gone = { code: 'release-conflict', retryable: true, message: expect.stringContaining('discarded or replaced') }

describe('a pending release that another process takes away while it is published', () => {
  it.each(['verifyBundle', 'placeBundle'] as const)('is reported as gone if it is discarded in %s', async (step) => {
    const { other, prepare, registryWith, storage } = await pendingWorld()
    const pending = await prepare('one')
    const registry = registryWith({
      async [step](...[taken, checksums]: Parameters<Storage[typeof step]>) {
        await other.discard(taken, context)
        await storage[step](taken, checksums, context)
      },
    })
    const publish = step === 'placeBundle' ? registry.publish : registry.verify
    await expect(publish(pending, context)).rejects.toMatchObject(gone)
    expect(await listed(other.history(context))).toEqual([])
  })

  it('is reported as gone while its files are removed, and the next run removes the rest', async () => {
    const { other, prepare, registryWith, storage, pendingFolder } = await pendingWorld()
    const pending = await prepare('one')
    const interrupted = registryWith({
      async removeBundle(...parameters) {
        await storage.removeBundle(...parameters)
        await rm(join(pendingFolder(pending.bundle), 'bundle'), { recursive: true })
        throw new Error('killed')
      },
    })
    await expect(interrupted.discard(pending, context)).rejects.toThrow('killed')
    await expect(other.verify(pending, context)).rejects.toMatchObject(gone)
    await expect(other.publish(pending, context)).rejects.toMatchObject(gone)
    const [found] = await listed(other.pending(context))
    expect(found).toEqual({ pending, publishing: false })
    await other.discard(found!.pending, context)
    expect(await listed(other.pending(context))).toEqual([])
    const again = await prepare('two')
    await other.verify(again, context)
    expect(await other.publish(again, context)).toMatchObject({ version: '1.0.0' })
  })

  it('is reported as gone if another run prepares the same version and bundle, and its discard keeps theirs', async () => {
    const { other, prepare } = await pendingWorld()
    const mine = await prepare('one')
    const theirs = await prepare('two')
    await expect(other.publish(mine, context)).rejects.toMatchObject(gone)
    await other.discard(mine, context)
    await other.verify(theirs, context)
    expect(await other.publish(theirs, context)).toMatchObject({ record: { runId: 'two' } })
  })

  it('is published if another process publishes the same one meanwhile', async () => {
    const { other, prepare, registryWith, storage } = await pendingWorld()
    const pending = await prepare('one')
    const registry = registryWith({
      async placeBundle(...parameters) {
        await other.publish(pending, context)
        await storage.placeBundle(...parameters)
      },
    })
    expect(await registry.publish(pending, context)).toMatchObject({ version: '1.0.0', record: { runId: 'one' } })
  })

  it('is reported as damaged if it is still there', async () => {
    const { other, prepare, pendingFolder } = await pendingWorld()
    const pending = await prepare('one')
    await rm(join(pendingFolder(pending.bundle), 'bundle'), { recursive: true })
    await expect(other.verify(pending, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await expect(other.publish(pending, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})
