import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, hexOf, SheikhError } from '../../src/core/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { type Releaser, releaseTo } from '../../src/releaser/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { releaserContract } from '../../src/testing/releaser-contract.js'
import { poison, samples, world } from '../pipeline/harness.js'
import { sampleOf } from '../whole.js'

const context = callContext()

describe('releaseTo', () => {
  releaserContract(it, async () => {
    const path = await mkdtemp(join(tmpdir(), 'sheikh-registry-'))
    const memory = memoryRegistry()
    const make = () => releaseTo([directoryRegistry(path), memory])
    return { releaser: make(), reopen: make, dispose: () => rm(path, { recursive: true, force: true }) }
  })

  let path: string
  let remote: Releaser
  let both: Releaser
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'sheikh-registry-'))
    remote = memoryRegistry()
    both = releaseTo([directoryRegistry(path), remote])
  })
  afterEach(() => rm(path, { recursive: true, force: true }))

  const versionsIn = async (releaser: Releaser) => {
    const versions: string[] = []
    for await (const { version, withdrawn } of releaser.history(context))
      versions.push(withdrawn === undefined ? version : `${version} withdrawn`)
    return versions
  }
  const stateOf = async (releaser: Releaser) => [
    (await releaser.current('latest', context))?.version,
    ...(await versionsIn(releaser)),
  ]

  it('refuses no registry, and one twice', () => {
    expect(() => releaseTo([])).toThrow(SheikhError)
    expect(() => releaseTo([remote, remote])).toThrow(SheikhError)
  })

  const dead = () => Promise.reject(new SheikhError('remote-failed', 'The line is dead.', { retryable: true }))
  const acts = ['prepare', 'verify', 'publish', 'point', 'withdraw'] as const
  const orders = ['first', 'second'] as const

  it.each(
    sampleOf(
      orders.flatMap((order) => acts.map((act) => [order, act] as const)),
      4,
    ),
  )(
    'with the %s registry cut off at %s, a rollback is undone or finished by the next run, in both alike',
    async (order, act) => {
      const there = world()
      const local = directoryRegistry(path)
      const open = (broken: boolean) => {
        const cut = (registry: Releaser): Releaser => ({
          ...registry,
          // Pointing where it points is part of every run.
          [act]: (...parts: readonly unknown[]) =>
            act === 'point' && parts[1] !== '0.1.2'
              ? registry.point(...(parts as Parameters<typeof registry.point>))
              : dead(),
        })
        const parts = [local, remote].map((registry, index) =>
          broken && index === orders.indexOf(order) ? cut(registry) : registry,
        )
        return releaseTo(parts)
      }
      await there.pipeline(poison('apple'), { releaser: open(false) }).run()
      await there.pipeline(samples, { releaser: open(false) }).run()
      const failed = there.pipeline(samples, { releaser: open(true) }).rollback({ by: 'Ada', reason: 'worse' })
      await expect(failed).rejects.toMatchObject({ code: 'remote-failed', retryable: true })
      await there.pipeline(samples, { releaser: open(false) }).run()
      const isForward = act === 'point' || act === 'withdraw' || (act === 'publish' && order === 'second')
      const expected = isForward ? ['0.1.2', '0.1.2', '0.1.1 withdrawn', '0.1.0'] : ['0.1.1', '0.1.1', '0.1.0']
      expect(await stateOf(local)).toEqual(expected)
      expect(await stateOf(remote)).toEqual(expected)
      const left: unknown[] = []
      for await (const pending of both.pending(context)) left.push(pending)
      expect(left).toEqual([])
    },
  )

  it('says where a release is and where it is not yet', async () => {
    const cut = { ...remote, publish: dead }
    const releaser = releaseTo([directoryRegistry(path), cut])
    await expect(world().pipeline(samples, { releaser }).run()).rejects.toThrow(
      'Cannot publish 0.1.0 to memory, but it is already published to directory',
    )
  })

  it('releases to one that was added later, and restores to it what it never had', async () => {
    const there = world()
    const local = directoryRegistry(path)
    await there.pipeline(poison('apple'), { releaser: local }).run()
    await there.pipeline(samples, { releaser: both }).run()
    expect(await stateOf(remote)).toEqual(['0.1.1', '0.1.1'])
    expect(await there.pipeline(samples, { releaser: both }).rollback({ by: 'Ada', reason: 'worse' })).toMatchObject({
      status: 'restored',
    })
    expect(await stateOf(remote)).toEqual(['0.1.2', '0.1.2', '0.1.1 withdrawn'])
    expect(await stateOf(local)).toEqual(['0.1.2', '0.1.2', '0.1.1 withdrawn', '0.1.0'])
  })

  it('opens from another where one is damaged, and says so where all are', async () => {
    const { release } = (await world().pipeline(samples, { releaser: both }).run()) as {
      release: { bundle: `sha256:${string}` }
    }
    await writeFile(join(path, 'bundles', hexOf(release.bundle), 'config.json'), '{}')
    const target = await mkdtemp(join(path, 'open-'))
    await both.open('0.1.0', target, context)
    expect(await readFile(join(target, 'config.json'), 'utf8')).not.toBe('{}')
    const alone = releaseTo([directoryRegistry(path), memoryRegistry()])
    await expect(alone.open('0.1.0', join(path, 'other'), context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })

  it('does not trust two registries that hold different releases of one version', async () => {
    await world().pipeline(samples, { releaser: both }).run()
    const other = memoryRegistry()
    await world().pipeline(poison('apple'), { releaser: other }).run()
    const mixed = releaseTo([remote, other])
    await expect(versionsIn(mixed)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})
