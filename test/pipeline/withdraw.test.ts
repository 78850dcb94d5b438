import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Releaser, releaseTo } from '../../src/releaser/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { gate, poison, samples, world } from './harness.js'

// Releases worse models too.
const loose = { gate: gate('release', 0.9) }
const ada = { by: 'Ada', reason: 'no licence' }

async function twoReleases() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  await there.pipeline().run()
  return there
}
type Pipelines = ReturnType<typeof world>['pipeline']
const withdrawals = async (pipeline: ReturnType<Pipelines>) =>
  (await pipeline.ledger()).filter(({ type }) => type === 'withdrawal')
const marks = async (pipeline: ReturnType<Pipelines>) =>
  (await pipeline.history()).map(({ version, withdrawn }) => [version, withdrawn?.reason])
/** The reason for which 0.1.0 is withdrawn in a registry. */
async function markIn(registry: Releaser) {
  for await (const { version, withdrawn } of registry.history(callContext()))
    if (version === '0.1.0') return withdrawn?.reason
  return undefined
}

describe('a withdrawal by a person', () => {
  it('marks a release that no channel points at, is noted once, and moves no channel', async () => {
    const { pipeline, releaser } = await twoReleases()
    const events: string[] = []
    const own = pipeline()
    own.on('release-withdrawn', ({ version, reason }) => events.push(`${version}: ${reason}`))
    expect(await own.withdraw('0.1.0', ada)).toMatchObject({
      status: 'withdrawn',
      release: { version: '0.1.0', withdrawn: { reason: 'no licence' } },
    })
    expect(await own.withdraw('0.1.0', { by: 'Bo', reason: 'again' })).toMatchObject({
      release: { withdrawn: { reason: 'no licence' } },
    })
    expect(events).toEqual(['0.1.0: no licence'])
    expect(await withdrawals(own)).toMatchObject([{ version: '0.1.0', ...ada }])
    expect(await releaser.channels(callContext())).toEqual({ latest: '0.1.1' })
    expect((await own.runs()).slice(0, 2)).toMatchObject([
      { command: 'withdraw', status: 'withdrawn', version: '0.1.0' },
      { command: 'withdraw', status: 'withdrawn', version: '0.1.0' },
    ])
  })

  it('is for ever: the model is not released again, not rolled back to, and not promoted', async () => {
    const { pipeline } = await twoReleases()
    await pipeline().withdraw('0.1.0', ada)
    expect(await pipeline(poison('apple')).run()).toMatchObject({ status: 'held', reason: 'withdrawn' })
    await expect(pipeline().rollback({ by: 'Ada', reason: 'x' })).rejects.toMatchObject({ code: 'not-found' })
    await expect(pipeline().promote('0.1.0', { by: 'Ada', to: 'production' })).rejects.toMatchObject({
      code: 'release-rejected',
    })
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.1' } })
  })

  it('removes it from the candidates for the best release', async () => {
    const { pipeline } = world()
    const runOf = async (...words: string[]) => {
      const { runId } = await pipeline(poison(...words), loose).run()
      return (await pipeline().runs()).find((run) => run.runId === runId)
    }
    expect(await runOf()).toMatchObject({ version: '0.1.0' })
    expect(await runOf('apple')).toMatchObject({ version: '0.1.1' })
    expect(await runOf('apple', 'plum')).toMatchObject({ version: '0.1.2', best: '0.1.0' })
    await pipeline().withdraw('0.1.0', ada)
    expect(await runOf('apple', 'plum', 'fig')).toMatchObject({ baseline: '0.1.2', best: '0.1.1' })
  })

  it('keeps no secret', async () => {
    const { pipeline } = await twoReleases()
    const own = pipeline(samples, { secrets: ['opensesame'] })
    await own.withdraw('0.1.0', { by: 'Ada opensesame', reason: 'opensesame is public' })
    expect(JSON.stringify([await own.ledger(), await own.history(), await own.runs()])).not.toContain('opensesame')
  })
})

describe('a withdrawal is refused', () => {
  it('for the release that the channel points at: a rollback leaves it', async () => {
    const { pipeline } = await twoReleases()
    await expect(pipeline().withdraw('0.1.1', ada)).rejects.toMatchObject({
      code: 'release-rejected',
      message: expect.stringMatching(/"latest" points at it\. .*sheikh rollback/),
    })
  })

  it('for one that another channel points at', async () => {
    const { pipeline } = await twoReleases()
    await pipeline().promote('0.1.0', { by: 'Ada', to: 'production' })
    await expect(pipeline().withdraw('0.1.0', ada)).rejects.toMatchObject({
      code: 'release-rejected',
      message: expect.stringContaining('sheikh promote <version> --to production'),
    })
  })

  it('for a model that was published again: under its newest version first', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple'), loose).run()
    await pipeline(samples, loose).run()
    await pipeline().rollback({ by: 'Ada', reason: 'complaints' })
    await expect(pipeline().withdraw('0.1.0', ada)).rejects.toMatchObject({
      message: expect.stringContaining('"latest" points at 0.1.2, which is the same model'),
    })
    expect(await pipeline(poison('pear'), loose).run()).toMatchObject({ status: 'released' })
    await expect(pipeline().withdraw('0.1.0', ada)).rejects.toMatchObject({
      message: expect.stringContaining('sheikh withdraw 0.1.2'),
    })
    await pipeline().withdraw('0.1.2', ada)
    await pipeline().withdraw('0.1.0', ada)
    expect((await marks(pipeline())).filter(([, reason]) => reason === 'no licence')).toEqual([
      ['0.1.2', 'no licence'],
      ['0.1.0', 'no licence'],
    ])
  })

  it('for an unknown version, and nothing is noted', async () => {
    const { pipeline } = await twoReleases()
    await expect(pipeline().withdraw('9.9.9', ada)).rejects.toMatchObject({ code: 'not-found' })
    expect(await withdrawals(pipeline())).toEqual([])
  })
})

describe('a withdrawal that a crash cut off', () => {
  it('is completed by the next command, whatever it is', async () => {
    const { pipeline, releaser } = await twoReleases()
    const dying: Releaser = { ...releaser, withdraw: () => Promise.reject(new Error('killed')) }
    await expect(pipeline(samples, { releaser: dying }).withdraw('0.1.0', ada)).rejects.toThrow('killed')
    expect(await marks(pipeline())).toEqual([
      ['0.1.1', undefined],
      ['0.1.0', undefined],
    ])
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date' })
    expect(await marks(pipeline())).toContainEqual(['0.1.0', 'no licence'])
    expect(await withdrawals(pipeline())).toMatchObject([{ version: '0.1.0', ...ada }])
  })

  it('is completed in every registry by the next command', async () => {
    const [one, other] = [memoryRegistry(), memoryRegistry()]
    const { pipeline } = world()
    const both = { releaser: releaseTo([one, other]) }
    await pipeline(poison('apple'), both).run()
    await pipeline(samples, both).run()
    const dying: Releaser = { ...other, withdraw: () => Promise.reject(new Error('killed')) }
    const cutOff = pipeline(samples, { releaser: releaseTo([one, dying]) })
    await expect(cutOff.withdraw('0.1.0', ada)).rejects.toThrow('killed')
    expect([await markIn(one), await markIn(other)]).toEqual(['no licence', undefined])
    await pipeline(samples, both).run()
    expect([await markIn(one), await markIn(other)]).toEqual(['no licence', 'no licence'])
  })

  it('is completed in every registry when it is repeated', async () => {
    const [one, other] = [memoryRegistry(), memoryRegistry()]
    const { pipeline } = world()
    const both = { releaser: releaseTo([one, other]) }
    await pipeline(poison('apple'), both).run()
    await pipeline(samples, both).run()
    await one.withdraw('0.1.0', 'no licence', callContext())
    await pipeline(samples, both).withdraw('0.1.0', ada)
    expect([await markIn(one), await markIn(other)]).toEqual(['no licence', 'no licence'])
    expect(await withdrawals(pipeline(samples, both))).toMatchObject([{ version: '0.1.0', ...ada }])
  })
})
