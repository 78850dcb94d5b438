// A large file that did not change is not hashed again; every change is found.
import { statSync, utimesSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, open, rename, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { copyFileDurably, linkRemembered, readManifest, verifyManifest } from '../../src/store/index.js'
import { hashRemembered, knownDigest, largeFileBytes } from '../../src/store/known-digests.js'
import { countHashes } from '../count-hashes.js'
import { overwriteOneByte } from '../overwrite-one-byte.js'

const context = callContext()
const skip = { skipUnchanged: true }
let folder: string
let path: string
let hashes: ReturnType<typeof countHashes>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-known-'))
  await mkdir(join(folder, 'weights'))
  path = join(folder, 'weights', 'model')
  const file = await open(path, 'w')
  await file.truncate(largeFileBytes)
  await file.close()
  // Exact as a double, so that `overwriteOneByte` can set the time back to the nanosecond.
  utimesSync(path, 1_700_000_000.5, 1_700_000_000.5)
  hashes = countHashes(largeFileBytes)
})
afterEach(async () => {
  hashes.stop()
  await rm(folder, { recursive: true })
})

const read = (directory = 'weights') => readManifest(join(folder, directory), context, skip)

describe('a large file', () => {
  it('is hashed once, unless the caller wants it hashed again', async () => {
    const manifest = await read()
    expect(await read()).toEqual(manifest)
    await verifyManifest(join(folder, 'weights'), manifest, context, skip)
    expect(hashes.count).toBe(1)
    await verifyManifest(join(folder, 'weights'), manifest, context)
    expect(hashes.count).toBe(2)
  })

  it('that was copied or linked is not hashed again', async () => {
    const manifest = await read()
    await copyFileDurably(path, join(folder, 'copy', 'model'), context)
    await mkdir(join(folder, 'link'))
    await linkRemembered(path, join(folder, 'link', 'model'))
    await rename(join(folder, 'copy'), join(folder, 'renamed'))
    for (const directory of ['weights', 'renamed', 'link']) expect(await read(directory)).toEqual(manifest)
    expect(hashes.count).toBe(2)
  })

  it.each<[string, () => unknown]>([
    ['overwritten, with its old times', () => overwriteOneByte(path)],
    [
      'replaced by one of the same size and time',
      async () => {
        const { atime, mtime } = statSync(path)
        await copyFile(path, join(folder, 'other'))
        overwriteOneByte(join(folder, 'other'))
        utimesSync(join(folder, 'other'), atime, mtime)
        await rename(join(folder, 'other'), path)
      },
    ],
    ['cut short', () => truncate(path, largeFileBytes - 1)],
    ['overwritten under a second name', () => overwriteOneByte(join(folder, 'link', 'model'))],
  ])('that is %s is hashed again', async (_, change) => {
    const manifest = await read()
    await mkdir(join(folder, 'link'))
    await linkRemembered(path, join(folder, 'link', 'model'))
    await change()
    await expect(verifyManifest(join(folder, 'weights'), manifest, context, skip)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      facts: { path: 'model', difference: 'changed' },
    })
  })

  it('that is changed as soon as it is copied is hashed again', async () => {
    const manifest = await read()
    await copyFileDurably(path, join(folder, 'copy', 'model'), context)
    overwriteOneByte(join(folder, 'copy', 'model'))
    expect(await read('copy')).not.toEqual(manifest)
  })

  it('in a file system without a ctime is always hashed', async () => {
    const file = await open(path)
    const stat = async () => Object.assign(await file.stat({ bigint: true }), { ctimeNs: 0n })
    const handle = { stat } as unknown as typeof file
    const [entry] = (await readManifest(join(folder, 'weights'), context)).files
    await hashRemembered(handle, async () => entry!.digest)
    expect(await knownDigest(handle)).toBeUndefined()
    await file.close()
  })

  it('that changes while it is hashed is hashed again', async () => {
    const file = await open(path)
    await hashRemembered(file, async () => {
      overwriteOneByte(path)
      return `sha256:${'0'.repeat(64)}`
    })
    expect(await knownDigest(file)).toBeUndefined()
    await file.close()
  })
})
