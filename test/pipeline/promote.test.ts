import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Ledger, storeLedger } from '../../src/gate/index.js'
import { poison, samples, world } from './harness.js'

async function released() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  await there.pipeline().run()
  return there
}
const promotions = async (pipeline: ReturnType<ReturnType<typeof world>['pipeline']>) =>
  (await pipeline.ledger()).filter(({ type }) => type === 'promotion')

describe('promotion to a further channel', () => {
  it('points the channel, leaves the pipeline’s own, and is noted once however often it is asked', async () => {
    const { pipeline, releaser } = await released()
    const promoted = await pipeline().promote('0.1.0', { to: 'production', by: 'Ada' })
    expect(promoted).toMatchObject({ status: 'promoted', channel: 'production', release: { version: '0.1.0' } })
    await pipeline().promote('0.1.0', { to: 'production', by: 'Ada' })
    expect(await releaser.channels(callContext())).toEqual({ latest: '0.1.1', production: '0.1.0' })
    expect(await promotions(pipeline())).toMatchObject([{ version: '0.1.0', channel: 'production', by: 'Ada' }])
    expect((await pipeline().runs()).filter(({ command }) => command === 'promote')).toMatchObject([
      { status: 'promoted', version: '0.1.0' },
      { status: 'promoted', version: '0.1.0' },
    ])
  })

  it('notes what a crash left between the act and its line', async () => {
    const { pipeline, releaser } = await released()
    await releaser.point('production', '0.1.0', undefined, callContext())
    await pipeline().promote('0.1.0', { by: 'Ada', to: 'production' })
    expect(await promotions(pipeline())).toMatchObject([{ version: '0.1.0', by: 'Ada' }])
  })

  it('is noted once if another host with the same ledger promotes at the same moment', async () => {
    const { pipeline, store } = await released()
    const shared = storeLedger(store)
    const event = { type: 'promotion', runId: 'run-of-another-host', version: '0.1.0', channel: 'production' } as const
    const ledger: Ledger = {
      ...shared,
      async append(...parameters) {
        await shared.append({ ...event, by: 'live test' }, callContext())
        return shared.append(...parameters)
      },
    }
    await pipeline(samples, { ledger }).promote('0.1.0', { by: 'live test', to: 'production' })
    expect(await promotions(pipeline())).toMatchObject([event])
  })

  it.each([
    ['its own channel', '0.1.0', 'latest', 'release-rejected'],
    ['no release', '0.9.0', 'production', 'not-found'],
    ['a withdrawn one', '0.1.1', 'production', 'release-rejected'],
    ['no channel’s name', '0.1.0', '../x', 'invalid-options'],
  ])('refuses %s', async (_, version, to, code) => {
    const { pipeline, releaser } = await released()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    await expect(pipeline().promote(version, { by: 'Ada', to })).rejects.toMatchObject({ code })
    expect(await releaser.channels(callContext())).toEqual({ latest: '0.1.2' })
    expect(await promotions(pipeline())).toEqual([])
  })

  it('refuses what was made of uncommitted changes', async () => {
    const { pipeline } = world()
    const dirty = pipeline(samples, { provenance: async () => ({ dirtyPaths: ['a.json'] }) })
    await dirty.run({ allowDirty: true })
    await expect(dirty.promote('0.1.0', { by: 'Ada', to: 'production' })).rejects.toMatchObject({
      code: 'release-rejected',
      message: expect.stringContaining('uncommitted'),
    })
  })

  it('is where it was after a rollback, which says so', async () => {
    const { pipeline, releaser } = await released()
    await pipeline().promote('0.1.1', { by: 'Ada', to: 'production' })
    const warnings: string[] = []
    const rolling = pipeline()
    rolling.on('warning', ({ message }) => warnings.push(message))
    await rolling.rollback({ by: 'Ada', reason: 'complaints' })
    expect(await releaser.channels(callContext())).toMatchObject({ production: '0.1.1' })
    expect(warnings).toEqual([expect.stringContaining('"production" still points at 0.1.1')])
  })
})
