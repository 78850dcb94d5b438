import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import { createHandler } from '../../src/serve/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, world } from '../pipeline/harness.js'
import { post, settled, warnings } from './fixture.js'
import { following } from './following.js'

describe('a handler that follows a channel', () => {
  it('switches to a new release, and frees the old one', async () => {
    const { handler, poll, version, release, loaded, disposed, said } = await following()
    await poll()
    expect([await version(), loaded.length]).toEqual(['0.1.0', 1])
    await release()
    expect(await version()).toBe('0.1.0')
    await poll()
    expect([await version(), handler.release.version]).toEqual(['0.1.1', '0.1.1'])
    expect([disposed, said]).toEqual([[loaded[0]], []])
    const metrics = await (await handler(new Request('http://localhost/metrics'))).text()
    expect(metrics.match(/^sheikh_release_info\{.*$/gm)).toEqual([
      `sheikh_release_info{version="0.1.1",bundle="${handler.release.bundle}"} 1`,
    ])
  })

  it('answers a request with the release that it began with', async () => {
    const { handler, poll, move, version, release, state, loaded, disposed } = await following()
    let open = () => {}
    state.hold = new Promise<void>((resolve) => {
      open = resolve
    })
    const begun = handler(post('/v1/predict', { inputs: ['apple 1'] }))
    await settled()
    await move(0)
    await release()
    await poll()
    expect([handler.release.version, disposed]).toEqual(['0.1.1', []])
    open()
    const answer = await begun
    expect([answer.status, answer.headers.get('sheikh-release')]).toEqual([200, '0.1.0'])
    expect(await version()).toBe('0.1.1')
    expect(disposed).toEqual([loaded[0]])
  })

  it('keeps the old release if the new one cannot be loaded, and says so once', async () => {
    const { poll, version, release, state, said, disposed } = await following()
    await release()
    state.isBroken = true
    await poll()
    state.isBroken = false
    await poll()
    expect(await version()).toBe('0.1.0')
    expect(said).toEqual(['Still serving 0.1.0, because 0.1.1 cannot be served: Cannot load the weights.'])
    expect(disposed).toEqual([])
  })

  it('serves on without its registry, says so once, and follows it again', async () => {
    const { poll, version, release, state, said } = await following()
    state.isCut = true
    await release()
    await poll()
    await poll()
    expect([await version(), said]).toEqual([
      '0.1.0',
      ['Still serving 0.1.0, because the channel "latest" cannot be read: Cannot reach it. Try again.'],
    ])
    state.isCut = false
    await poll()
    expect(await version()).toBe('0.1.1')
    state.isCut = true
    await poll()
    expect(said.slice(1)).toEqual([expect.stringMatching(/^Still serving 0\.1\.1, because the channel/)])
  })

  it('starts from its cache with the release that it switched to', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'sheikh-serve-'))
    onTestFinished(() => rmSync(cache, { recursive: true, force: true }))
    const { registry, trainer, poll, version, release, state } = await following({ cache })
    await release()
    await poll()
    expect(await version()).toBe('0.1.1')
    state.isCut = true
    await using again = await createHandler({ registry, trainer, cache }, { log: warnings().log })
    expect(again.release.version).toBe('0.1.1')
  })

  it('does not keep a release that failed its smoke inputs as the one to start with', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'sheikh-serve-'))
    onTestFinished(() => rmSync(cache, { recursive: true, force: true }))
    const { registry, trainer, poll, version, release, state, loaded, disposed } = await following({ cache })
    await release()
    state.holdSmoke = Promise.reject(new Error('it is broken'))
    state.holdSmoke.catch(() => {})
    await poll()
    state.holdSmoke = undefined
    expect([await version(), loaded.length, disposed]).toEqual(['0.1.0', 2, loaded.slice(1)])
    state.isCut = true
    await using again = await createHandler({ registry, trainer, cache }, { log: warnings().log })
    expect(again.release.version).toBe('0.1.0')
  })

  it('stops loading when it is closed', async () => {
    const { handler, move, release, state } = await following()
    await release()
    state.isStuck = true
    await move(1000)
    for (let turn = 0; turn < 20; turn += 1) await settled()
    await handler.close()
    expect(state.isStuck).toBe(false)
  })

  it('does not keep the process alive', async () => {
    const there = world()
    await there.pipeline(poison('apple')).run()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    await using handler = await createHandler({ registry: there.releaser, trainer: fakeTrainer(), pollMs: 100_000 })
    expect(handler.release.version).toBe('0.1.0')
    // A timer of the test runner may have ended since.
    expect(timers()).toBeLessThanOrEqual(before)
  })

  it('looks no more when it is closed', async () => {
    const { handler, poll, release, loaded, disposed } = await following()
    await handler.close()
    await release()
    await poll()
    expect(disposed).toEqual(loaded)
  })

  it.each([{ pollMs: 99 }, { pollMs: Number.NaN }, { pollMs: 1000, version: '0.1.0' }])('refuses %j', async (given) => {
    const there = world()
    await expect(createHandler({ ...given, registry: there.releaser, trainer: fakeTrainer() })).rejects.toSatisfy(
      (error) => isSheikhError(error, 'invalid-options'),
    )
  })
})
