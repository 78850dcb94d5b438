import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import {
  compareVersions,
  isVersion,
  loadRelease,
  nextVersion,
  parseVersion,
  readBundle,
  tagFormat,
  weightsOf,
} from '../../src/releaser/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'
import { world } from '../pipeline/harness.js'

describe('memoryRegistry', () =>
  releaserContract(it, async () => ({ releaser: memoryRegistry(), dispose: async () => {} })))

describe('directoryRegistry', () => {
  releaserContract(it, async () => {
    const path = await mkdtemp(join(tmpdir(), 'sheikh-registry-'))
    return {
      releaser: directoryRegistry(path),
      reopen: () => directoryRegistry(path),
      dispose: () => rm(path, { recursive: true, force: true }),
    }
  })

  let path: string
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'sheikh-registry-'))
  })
  afterEach(() => rm(path, { recursive: true, force: true }))

  const released = async () => {
    const releaser = directoryRegistry(path)
    const result = await world().pipeline(undefined, { releaser }).run()
    if (result.status !== 'released') throw new Error('a release was expected')
    return {
      releaser,
      release: result.release,
      bundle: join(path, 'bundles', result.release.bundle.slice('sha256:'.length)),
    }
  }

  it('gives a model that predicts, and forgets its folder when the model is disposed', async () => {
    const { releaser } = await released()
    await using model = await loadRelease(releaser, { trainer: fakeTrainer() })
    expect(await model.predict(['apple pie', 'bus stop'])).toMatchObject([{ label: 'fruit' }, { label: 'vehicle' }])
    expect(model.release.version).toBe('0.1.0')
    await expect(loadRelease(releaser, { version: '9.9.9', trainer: fakeTrainer() })).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  it.each([
    ['a changed file', (bundle: string) => writeFile(join(bundle, 'config.json'), '{}')],
    ['a file that is gone', (bundle: string) => rm(join(bundle, 'config.json'))],
    [
      'a link in place of a file',
      async (bundle: string) => {
        await rm(join(bundle, 'config.json'))
        await symlink('/etc/hostname', join(bundle, 'config.json'))
      },
    ],
  ])('refuses to open a release with %s', async (_, damage) => {
    const { releaser, bundle } = await released()
    await damage(bundle)
    const error = await loadRelease(releaser, { trainer: fakeTrainer() }).catch((thrown: unknown) => thrown)
    expect(['artifact-corrupt', 'not-found']).toContain((error as { code?: string }).code)
  })

  it.each(['{', '{}', '{"formatVersion":2}', '[]', 'null'])(
    'names the file of a release that reads %j',
    async (text) => {
      const { releaser } = await released()
      await writeFile(join(path, 'releases/0.1.0.json'), text)
      await expect(releaser.current('latest', callContext())).rejects.toMatchObject({
        code: 'artifact-corrupt',
        message: expect.stringContaining('0.1.0.json'),
      })
    },
  )

  it('copies nothing for a bundle that it holds', async () => {
    const { releaser } = await released()
    const opened = await releaser.open('0.1.0', await mkdtemp(join(path, 'open-')), callContext())
    const pending = await releaser.prepare(
      { bundle: opened, version: '0.2.0', postPublish: { withdraws: [] }, record: { runId: 'a', atMs: 0 } },
      callContext(),
    )
    const [folder] = await readdir(join(path, 'pending'))
    expect(await readdir(join(path, 'pending', folder!))).toEqual(['pending.json'])
    await releaser.publish(pending, callContext())
    expect(await readdir(join(path, 'bundles'))).toHaveLength(1)
  })

  it('refuses a channel that is no name', async () => {
    await expect(directoryRegistry(path).current('../up', callContext())).rejects.toMatchObject({
      code: 'invalid-options',
    })
  })
})

describe('versions', () => {
  it('are SemVer, exactly as it is written', () => {
    for (const version of ['0.1.0', '1.2.3-rc.1', '1.0.0+build.5']) expect(isVersion(version), version).toBe(true)
    for (const version of ['v1.0.0', '1.0', ' 1.0.0', '01.0.0', '', 1, '1.0.0/..']) {
      expect(isVersion(version), String(version)).toBe(false)
      expect(() => parseVersion(version)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    }
  })

  it('go on from the highest ever used', () => {
    expect(nextVersion([])).toBe('0.1.0')
    expect(nextVersion(['0.1.9', '0.1.10', '0.1.2'])).toBe('0.1.11')
    expect(nextVersion(['1.0.0', '0.9.9'], { level: 'minor' })).toBe('1.1.0')
  })

  it.each([
    [[], 'patch', '0.1.0-rc.0'],
    [['1.2.0'], 'minor', '1.3.0-rc.0'],
    [['1.3.0-rc.0', '1.2.0'], 'minor', '1.3.0-rc.1'],
    [['1.3.0-rc.9', '1.2.0'], 'patch', '1.3.0-rc.10'],
    [['1.3.0-rc.1'], 'major', '2.0.0-rc.0'],
    [['2.0.0-rc.0'], 'major', '2.0.0-rc.1'],
    [['1.3.0-zeta.4'], 'patch', '1.3.1-rc.0'],
  ] as const)('give a pre-release after %j by a %s change: %s', (existing, level, expected) => {
    expect(nextVersion(existing, { level, prerelease: 'rc' })).toBe(expected)
  })

  it('end a pre-release in the version that it was before', () => {
    expect(nextVersion(['1.3.0-rc.1'], { level: 'minor' })).toBe('1.3.0')
    expect(nextVersion(['1.3.0-rc.1'], { level: 'major' })).toBe('2.0.0')
  })

  it('only grow, whatever is asked for', () => {
    const version = fc.tuple(fc.nat(9), fc.nat(9), fc.nat(9)).map((parts) => parts.join('.'))
    const used = fc.array(
      fc.oneof(
        version,
        version.map((text) => `${text}-rc.1`),
      ),
      { maxLength: 5 },
    )
    const level = fc.constantFrom('patch', 'minor', 'major')
    const name = fc.option(fc.constantFrom('alpha', 'rc'), { nil: undefined })
    fc.assert(
      fc.property(used, level, name, (existing, asked, prerelease) => {
        const next = nextVersion(existing, { level: asked as 'patch', prerelease })
        expect(isVersion(next)).toBe(true)
        for (const before of existing) expect(compareVersions(next, before)).toBeGreaterThan(0)
      }),
    )
    expect(nextVersion(['1.2.0'], { version: '1.2.1' })).toBe('1.2.1')
    for (const asked of ['1.2.0', '1.1.9', 'v2.0.0', '1.2.0-rc.1'])
      expect(() => nextVersion(['1.2.0'], { version: asked })).toThrow(
        expect.objectContaining({ code: 'invalid-options' }),
      )
    expect(() => nextVersion([], { prerelease: '1.0' })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('stand in tags as the format says, and are found again', () => {
    for (const [format, tag] of [
      ['v{version}', 'v1.2.0-rc.1'],
      ['spam-v{version}', 'spam-v1.2.0-rc.1'],
      ['{version}', '1.2.0-rc.1'],
    ] as const) {
      expect(tagFormat(format).tagOf('1.2.0-rc.1')).toBe(tag)
      expect(tagFormat(format).versionOf(tag)).toBe('1.2.0-rc.1')
    }
    for (const tag of ['v1.0', 'ham-v1.0.0', 'v', '1.0.0'])
      expect(tagFormat('v{version}').versionOf(tag)).toBe(undefined)
    for (const format of ['v', '{version}{version}', '-v{version}', 'a/v{version}', 'v{version} x', '../{version}'])
      expect(() => tagFormat(format), format).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

describe('bundles', () => {
  it('need a file, and give the weights without what goes with them', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-bundle-'))
    await expect(readBundle(folder, callContext())).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await writeFile(join(folder, 'model.bin'), 'a')
    const alone = await readBundle(folder, callContext())
    const { mkdir } = await import('node:fs/promises')
    await mkdir(join(folder, 'sheikh'))
    await writeFile(join(folder, 'sheikh/schema.json'), '{}')
    const whole = await readBundle(folder, callContext())
    expect(whole.digest).not.toBe(alone.digest)
    expect(weightsOf(whole).digest).toBe(alone.digest)
    await rm(folder, { recursive: true, force: true })
  })
})
