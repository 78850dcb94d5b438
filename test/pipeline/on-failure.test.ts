import { describe, expect, it } from 'vitest'
import type { Stage } from '../../src/pipeline/index.js'
import { poison, samples, world } from './harness.js'

/** A host's own look at what was just released. */
const smokeTest = (run: Stage['run']): Stage => ({
  contract: 1,
  name: 'smoke-test',
  version: '1',
  describe: () => null,
  reads: ['release'],
  run,
})
const failing = smokeTest(async () => {
  throw new TypeError('it answers "fig" with a stack trace')
})

async function releasedOnce() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const versions = async () =>
    (await there.pipeline().history()).map(({ version, withdrawn }) => `${version}${withdrawn ? ' withdrawn' : ''}`)
  return { ...there, versions }
}

describe('a stage that fails after the release', () => {
  it('takes it back where the policy is to roll back: the release before is current again', async () => {
    const { pipeline, versions } = await releasedOnce()
    const run = pipeline(samples, { stages: [failing], onFailure: 'rollback' }).run()
    await expect(run).rejects.toMatchObject({
      code: 'stage-failed',
      message: expect.stringMatching(/smoke-test.*0\.1\.1 is withdrawn: 0\.1\.2 is 0\.1\.0 again/),
      facts: { version: '0.1.2', stage: 'smoke-test' },
    })
    expect(await versions()).toEqual(['0.1.2', '0.1.1 withdrawn', '0.1.0'])
    expect(await pipeline().current()).toMatchObject({ version: '0.1.2' })
    // It stays taken back: the same data leads to what was withdrawn.
    expect(await pipeline().run()).toMatchObject({ status: 'held', reason: 'withdrawn' })
    const ledger = await pipeline().ledger()
    expect(ledger.filter(({ type }) => type === 'withdrawal')).toMatchObject([
      { version: '0.1.1', reason: expect.stringContaining('stack trace') },
    ])
  })

  it('leaves it where the policy is to notify', async () => {
    const { pipeline, versions } = await releasedOnce()
    await expect(pipeline(samples, { stages: [failing] }).run()).rejects.toMatchObject({ code: 'stage-failed' })
    expect(await versions()).toEqual(['0.1.1', '0.1.0'])
  })

  it('leaves the first release, and says that there is none before it', async () => {
    const { pipeline } = world()
    await expect(pipeline(samples, { stages: [failing], onFailure: 'rollback' }).run()).rejects.toMatchObject({
      message: expect.stringContaining('0.1.0 stays released'),
    })
    expect(await pipeline().current()).toMatchObject({ version: '0.1.0' })
  })

  it('is no failure where the run is aborted', async () => {
    const { pipeline, versions } = await releasedOnce()
    const controller = new AbortController()
    const aborting = smokeTest(async (_, { signal }) => {
      controller.abort(new Error('enough'))
      signal.throwIfAborted()
    })
    const run = pipeline(samples, { stages: [aborting], onFailure: 'rollback' }).run({ signal: controller.signal })
    await expect(run).rejects.toThrow('enough')
    expect(await versions()).toEqual(['0.1.1', '0.1.0'])
  })
})
