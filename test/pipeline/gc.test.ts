import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, qualityGate } from '../../src/gate/index.js'
import { poison, world } from './harness.js'

const lenient = () => qualityGate([atLeast(accuracy(), 0)], { whenInconclusive: 'release' })

const dayMs = 86_400_000

/** Four releases, a day apart: the first the worst, the last the current one. */
async function fourReleases() {
  let nowMs = Date.UTC(2030, 0, 1)
  const there = world()
  const clock = { nowMs: () => nowMs }
  const pipeline = (...[data, changes]: Parameters<typeof there.pipeline>) =>
    there.pipeline(data, { clock, ...changes })
  const words = [['apple', 'pear'], ['apple'], ['fig'], []] as const
  for (const poisoned of words) {
    const { status } = await pipeline(poison(...poisoned)).run()
    if (status !== 'released') throw new Error(`a release was expected, not ${status}`)
    nowMs += dayMs
  }
  const history = async () =>
    (await pipeline().history()).map(
      ({ version, removedAtMs }) => `${version}${removedAtMs === undefined ? '' : ' removed'}`,
    )
  return { ...there, pipeline, history }
}

const removed = ({ remove }: { readonly remove: readonly { readonly version: string }[] }) =>
  remove.map(({ version }) => version)

describe('gc', () => {
  it('says first what it would do, and removes nothing', async () => {
    const { pipeline, history } = await fourReleases()
    const plan = await pipeline().planGc({ keepLast: 2 })
    expect(plan).toMatchObject({
      remove: [{ version: '0.1.1' }, { version: '0.1.0' }],
      keep: [
        { version: '0.1.3', reason: 'the channel "latest" points at 0.1.3' },
        { version: '0.1.2', reason: 'one of the last 2' },
      ],
    })
    expect(plan.remove.every(({ sizeBytes }) => sizeBytes > 0)).toBe(true)
    expect(await history()).toEqual(['0.1.3', '0.1.2', '0.1.1', '0.1.0'])
  })

  it('removes files and keeps what is known of the release', async () => {
    const { pipeline, releaser, history } = await fourReleases()
    expect(removed(await pipeline().gc({ keepLast: 2 }))).toEqual(['0.1.1', '0.1.0'])
    expect(await history()).toEqual(['0.1.3', '0.1.2', '0.1.1 removed', '0.1.0 removed'])
    await expect(releaser.open('0.1.0', '/nowhere', callContext())).rejects.toMatchObject({ code: 'not-found' })
    await expect(pipeline().rollback({ by: 'Ada', to: '0.1.0', reason: 'x' })).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('removed'),
    })
    // Nothing is left to do.
    expect(removed(await pipeline().gc({ keepLast: 2 }))).toEqual([])
  })

  it('keeps what either asks to keep', async () => {
    const { pipeline } = await fourReleases()
    expect(removed(await pipeline().planGc({ retentionDays: 3.5 }))).toEqual(['0.1.0'])
    expect(removed(await pipeline().planGc({ keepLast: 3, retentionDays: 1 }))).toEqual(['0.1.0'])
    expect(removed(await pipeline().planGc({ keepLast: 1, retentionDays: 100 }))).toEqual([])
  })

  it('never removes what a channel names, nor the best', async () => {
    const { pipeline } = await fourReleases()
    await pipeline().promote('0.1.0', { by: 'Ada', to: 'production' })
    const { keep } = await pipeline().gc({ keepLast: 1 })
    expect(keep).toContainEqual({ version: '0.1.0', reason: 'the channel "production" points at 0.1.0' })
    const lenientPipeline = pipeline(poison('apple', 'pear', 'plum'), { gate: lenient() })
    const { runId } = await lenientPipeline.run()
    const worse = await lenientPipeline.approve(runId, { by: 'Ada', reason: 'the gate is to be lenient' })
    expect(worse.status).toBe('released')
    const after = await pipeline().planGc({ keepLast: 1 })
    expect(after.keep).toContainEqual({ version: '0.1.3', reason: 'the best model so far' })
  })

  it('goes on past a release that the registry cannot remove', async () => {
    const { pipeline, releaser } = await fourReleases()
    const { SheikhError } = await import('../../src/core/index.js')
    const stubborn = {
      ...releaser,
      remove: async (version: string, context: ReturnType<typeof callContext>) => {
        if (version === '0.1.1') throw new SheikhError('release-rejected', 'Cannot remove it: it is immutable.')
        await releaser.remove(version, context)
      },
    }
    const collected = await pipeline(undefined, { releaser: stubborn }).gc({ keepLast: 1 })
    expect(removed(collected)).toEqual(['0.1.2', '0.1.0'])
    expect(collected.keep).toContainEqual({ version: '0.1.1', reason: 'Cannot remove it: it is immutable.' })
  })

  it.each([{}, { keepLast: 0 }, { retentionDays: -1 }, { keepLast: Number.NaN }])('refuses %j', async (options) => {
    const { pipeline } = world()
    await expect(pipeline().planGc(options)).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(pipeline().gc(options)).rejects.toMatchObject({ code: 'invalid-options' })
  })
})
