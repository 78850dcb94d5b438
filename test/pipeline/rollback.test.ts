import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { storeLedger } from '../../src/gate/index.js'
import { type Releaser, releaseTo } from '../../src/releaser/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { poison, samples, world } from './harness.js'

async function twoReleases() {
  const there = world()
  const first = await there.pipeline(poison('apple')).run()
  const second = await there.pipeline().run()
  if (first.status !== 'released' || second.status !== 'released') throw new Error('two releases were expected')
  return { ...there, first: first.release, second: second.release }
}

describe('rollback', () => {
  it('publishes the earlier bundle as a new version and withdraws what it leaves', async () => {
    const { pipeline, first } = await twoReleases()
    const restored = await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    expect(restored).toMatchObject({
      status: 'restored',
      restoredFrom: '0.1.0',
      release: { version: '0.1.2', bundle: first.bundle },
    })
    const history = await pipeline().history()
    expect(history.map(({ version, withdrawn }) => [version, withdrawn?.reason])).toEqual([
      ['0.1.2', undefined],
      ['0.1.1', 'complaints'],
      ['0.1.0', undefined],
    ])
  })

  it('records who decided, and is refused without a reason', async () => {
    const { pipeline, store } = await twoReleases()
    for (const reason of ['', ' \n'])
      await expect(pipeline().rollback({ reason, by: 'Ada' })).rejects.toMatchObject({ code: 'invalid-options' })
    expect(await pipeline().current()).toMatchObject({ version: '0.1.1' })
    await pipeline().rollback({ reason: 'complaints', by: 'Ada' })
    expect(await storeLedger(store).read(callContext())).toContainEqual(
      expect.objectContaining({ type: 'withdrawal', version: '0.1.1', reason: 'complaints', by: 'Ada' }),
    )
  })

  it('stands: the data that led to the withdrawn release is held, without training', async () => {
    const { pipeline } = await twoReleases()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    expect(await pipeline().run()).toMatchObject({ status: 'held', reason: 'withdrawn', release: { version: '0.1.1' } })
    expect(await pipeline(poison('apple')).run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.2' } })
  })

  it('holds the withdrawn bundle under another source key too', async () => {
    const { pipeline } = await twoReleases()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    expect(await pipeline(samples, { seed: 7 }).run()).toMatchObject({
      status: 'held',
      reason: 'withdrawn',
      release: { version: '0.1.1' },
    })
  })

  it('goes back to a withdrawn release by name, and then it is current', async () => {
    const { pipeline, second } = await twoReleases()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    expect(await pipeline().rollback({ by: 'Ada', to: '0.1.1', reason: 'it was not the model' })).toMatchObject({
      status: 'restored',
      release: { version: '0.1.3', bundle: second.bundle },
    })
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.3' } })
  })

  it('compares the next candidate with what was rolled back to, not with what is withdrawn', async () => {
    const { pipeline } = await twoReleases()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    const again = await pipeline(poison('apple', 'fig')).run()
    expect('verdict' in again && again.verdict?.findings.map(({ againstVersion }) => againstVersion)).not.toContain(
      '0.1.1',
    )
  })

  it.each([
    [{ to: '9.9.9' }, 'not-found'],
    [{}, 'not-found'],
  ])('refuses %j where there is no such release', async (options, code) => {
    const { pipeline } = world()
    await pipeline().run()
    await expect(pipeline().rollback({ by: 'Ada', reason: 'a', ...options })).rejects.toMatchObject({ code })
  })

  it.each(['point', 'withdraw'] as const)('cut off before %s, is finished by the next run', async (method) => {
    const { pipeline, releaser } = await twoReleases()
    const dead = () => Promise.reject(new Error('the line is dead'))
    const failing: Releaser = {
      ...releaser,
      point: (channel, version, expected, context) =>
        method === 'point' && version === '0.1.2' ? dead() : releaser.point(channel, version, expected, context),
      ...(method === 'withdraw' && { withdraw: dead }),
    }
    await expect(
      pipeline(samples, { releaser: failing }).rollback({ by: 'Ada', reason: 'complaints' }),
    ).rejects.toThrow('the line is dead')
    expect(await pipeline().run()).toMatchObject({ status: 'held', reason: 'withdrawn' })
    expect(await releaser.current('latest', callContext())).toMatchObject({ version: '0.1.2' })
    expect((await pipeline().history()).find(({ version }) => version === '0.1.1')?.withdrawn).toMatchObject({
      reason: 'complaints',
    })
  })

  it('cut off before the publication, leaves nothing pending behind', async () => {
    const { pipeline, releaser } = await twoReleases()
    const failing = { ...releaser, publish: async () => Promise.reject(new Error('the line is dead')) }
    await expect(pipeline(samples, { releaser: failing }).rollback({ by: 'Ada', reason: 'a' })).rejects.toThrow(
      'the line is dead',
    )
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.1' } })
    const pending = []
    for await (const left of releaser.pending(callContext())) pending.push(left)
    expect(pending).toEqual([])
  })
})

describe('a registry that was lost', () => {
  it('is filled again from what the store keeps, without training', async () => {
    const { pipeline } = world()
    await pipeline().run()
    const stages: [string, boolean][] = []
    const anew = pipeline(samples, { releaser: memoryRegistry() })
    await expect(anew.run()).rejects.toMatchObject({ code: 'releases-missing', facts: { versions: ['0.1.0'] } })
    expect(await anew.plan()).toMatchObject({ outcome: 'refused-releases-missing' })
    expect(await anew.missingReleases()).toEqual(['0.1.0'])
    await expect(anew.acceptLoss({ by: '', reason: 'x' })).rejects.toMatchObject({ code: 'invalid-options' })
    expect(await anew.acceptLoss({ by: 'Ada', reason: 'the disk is gone' })).toEqual(['0.1.0'])
    expect(await anew.missingReleases()).toEqual([])
    anew.on('stage-end', ({ stage, cached }) => stages.push([stage, cached]))
    expect(await anew.run()).toMatchObject({ status: 'released', release: { version: '0.1.1' } })
    expect(stages).toContainEqual(['train', true])
  })
})

describe('republish', () => {
  it('publishes the same bundle as a new version, and withdraws nothing', async () => {
    const { pipeline, second } = await twoReleases()
    const again = await pipeline().republish('0.1.1', { by: 'Ada', reason: 'signed anew' })
    expect(again).toMatchObject({ status: 'restored', release: { version: '0.1.2', bundle: second.bundle } })
    expect((await pipeline().history()).filter(({ withdrawn }) => withdrawn !== undefined)).toEqual([])
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.2' } })
  })

  it('brings a release into a registry that was added', async () => {
    const { pipeline, releaser } = await twoReleases()
    const added = memoryRegistry()
    const both = pipeline(samples, { releaser: releaseTo([releaser, added]) })
    await both.republish('0.1.1', { by: 'Ada', reason: 'a second place' })
    expect(await added.current('latest', callContext())).toMatchObject({ version: '0.1.2' })
  })

  it('refuses what is withdrawn', async () => {
    const { pipeline } = await twoReleases()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    await expect(pipeline().republish('0.1.1', { by: 'Ada', reason: 'x' })).rejects.toMatchObject({
      code: 'release-rejected',
    })
  })
})

it('a lost registry frees no version: the ledger remembers it', async () => {
  const { pipeline } = await twoReleases()
  const fresh = pipeline(poison('pear'), { releaser: memoryRegistry() })
  await fresh.acceptLoss({ by: 'Ada', reason: 'the disk is gone' })
  expect(await fresh.run()).toMatchObject({ status: 'released', release: { version: '0.1.2' } })
})
