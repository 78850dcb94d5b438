import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { manifestDifferences, readManifest, verifyManifest } from '../../src/store/read-manifest.js'

const context = callContext()
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sheikh-manifest-'))
  mkdirSync(join(folder, 'a', 'deep'), { recursive: true })
  writeFileSync(join(folder, 'b.txt'), 'b')
  writeFileSync(join(folder, 'a', 'deep', 'c.bin'), Buffer.alloc(3_000_000, 7))
  writeFileSync(join(folder, 'a', 'empty'), '')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const sha256 = (bytes: Uint8Array | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

describe('readManifest', () => {
  it('lists all files by path, with size and digest', async () => {
    expect(await readManifest(folder, context)).toEqual({
      formatVersion: 1,
      files: [
        { path: 'a/deep/c.bin', sizeBytes: 3_000_000, digest: sha256(Buffer.alloc(3_000_000, 7)) },
        { path: 'a/empty', sizeBytes: 0, digest: sha256('') },
        { path: 'b.txt', sizeBytes: 1, digest: sha256('b') },
      ],
    })
  })

  it('does the same for more files than are hashed at once', async () => {
    for (let index = 0; index < 50; index += 1) writeFileSync(join(folder, `f${index}`), `${index}`)
    expect((await readManifest(folder, context)).files).toHaveLength(53)
  })

  const odd: readonly [string, () => void][] = [
    ['a symbolic link', () => symlinkSync('b.txt', join(folder, 'a', 'odd'))],
    ['a symbolic link', () => symlinkSync('..', join(folder, 'a', 'odd'))],
    ['a symbolic link', () => symlinkSync('nowhere', join(folder, 'a', 'odd'))],
    ['a special file', () => expect(spawnSync('mkfifo', [join(folder, 'a', 'odd')]).status).toBe(0)],
  ]
  for (const [index, [kind, make]] of odd.entries())
    it(`refuses ${kind} (${index})`, async () => {
      make()
      await expect(readManifest(folder, context)).rejects.toMatchObject({
        code: 'artifact-corrupt',
        message: expect.stringContaining(
          `Cannot read ${JSON.stringify(folder)}: "a/odd" is ${kind}, not a plain file.`,
        ) as unknown,
        facts: { directory: folder, path: 'a/odd' },
      })
    })

  it('refuses a name that would not be one everywhere', async () => {
    writeFileSync(join(folder, 'a\\b'), '')
    await expect(readManifest(folder, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })

  it('says not-found, and stops when aborted', async () => {
    await expect(readManifest(join(folder, 'absent'), context)).rejects.toMatchObject({ code: 'not-found' })
    await expect(readManifest(join(folder, 'b.txt'), context)).rejects.toMatchObject({ code: 'not-found' })
    const reason = { any: 'thing' }
    await expect(readManifest(folder, callContext({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  })
})

describe('verifyManifest', () => {
  it('is content with what has not changed', async () => {
    await verifyManifest(folder, await readManifest(folder, context), context)
  })

  it('names the first file missing, extra or changed', async () => {
    const manifest = await readManifest(folder, context)
    writeFileSync(join(folder, 'b.txt'), 'B')
    const first = () => verifyManifest(folder, manifest, context)
    await expect(first()).rejects.toMatchObject({
      code: 'artifact-corrupt',
      facts: { directory: folder, path: 'b.txt', difference: 'changed' },
    })
    rmSync(join(folder, 'a', 'empty'))
    await expect(first()).rejects.toMatchObject({ facts: { path: 'a/empty', difference: 'missing' } })
    writeFileSync(join(folder, 'a', 'd'), '')
    await expect(first()).rejects.toMatchObject({ facts: { path: 'a/d', difference: 'extra' } })
    expect(await manifestDifferences(folder, manifest, context)).toEqual([
      { path: 'a/d', difference: 'extra' },
      { path: 'a/empty', difference: 'missing' },
      { path: 'b.txt', difference: 'changed' },
    ])
  })
})
