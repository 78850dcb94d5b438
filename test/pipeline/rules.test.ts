// The rules where they meet: several keys for one bundle, keys of stages, aborts, secrets and failures in odd places.
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes, SheikhError } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { storeLedger } from '../../src/gate/index.js'
import type { RunEvent, Stage } from '../../src/pipeline/index.js'
import { bestRelease } from '../../src/pipeline/lookup.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { gate, poison, samples, world } from './harness.js'

const stage = (parts: Partial<Stage> & Pick<Stage, 'name' | 'reads' | 'run'>): Stage => ({
  contract: 1,
  version: '1',
  describe: () => null,
  ...parts,
})
/** Another configuration that leads to the same bundle. */
const other = { trainer: fakeTrainer({ setting: 2 }) }

describe('a bundle that two source keys led to', () => {
  /** 0.1.0 of both keys, 0.1.1 another model, 0.1.2 the first again. */
  async function restored() {
    const there = world()
    await there.pipeline(poison('apple')).run()
    expect(await there.pipeline(poison('apple'), other).run()).toMatchObject({ status: 'up-to-date' })
    await there.pipeline().run()
    expect(await there.pipeline(poison('apple')).run()).toMatchObject({ status: 'restored' })
    return there
  }

  it('is up to date under either while it is current', async () => {
    const { pipeline } = await restored()
    expect(await pipeline(poison('apple'), other).plan()).toMatchObject({ outcome: 'up-to-date', version: '0.1.2' })
    expect(await pipeline(poison('apple'), other).run()).toMatchObject({
      status: 'up-to-date',
      release: { version: '0.1.2' },
    })
  })

  it('is withdrawn under either once it was rolled back from', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ reason: 'complaints' })
    for (const changes of [{}, other])
      expect(await pipeline(poison('apple'), changes).run()).toMatchObject({
        status: 'held',
        reason: 'withdrawn',
        release: { version: '0.1.2' },
      })
  })

  it('is up to date under either once a person went back to it by name', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ reason: 'complaints' })
    await pipeline().rollback({ to: '0.1.0', reason: 'it was not the model' })
    for (const changes of [{}, other])
      expect(await pipeline(poison('apple'), changes).run()).toMatchObject({
        status: 'up-to-date',
        release: { version: '0.1.4' },
      })
  })

  it('is not what a second rollback goes back to once it is withdrawn under a later version', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ reason: 'complaints' })
    await expect(pipeline().rollback({ reason: 'more complaints' })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('is not the best once it is withdrawn under a later version', async () => {
    const { pipeline } = await restored()
    await pipeline().rollback({ reason: 'complaints' })
    const history = (await pipeline().history()).map((release) => ({
      ...release,
      record: { ...release.record, metrics: { accuracy: release.version === '0.1.0' ? 1 : 0.5 } },
    }))
    expect(bestRelease(history, gate(), undefined)?.version).not.toBe('0.1.0')
  })
})
