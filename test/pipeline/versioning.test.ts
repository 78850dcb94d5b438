import { describe, expect, it } from 'vitest'
import { digestBytes } from '../../src/core/index.js'
import type { PayloadFile, ReleaseChange } from '../../src/pipeline/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { gate, poison, type Sample, samples, world } from './harness.js'

const released = (result: object) => (result as { release: { version: string } }).release.version
const payload = (content: string) => async (): Promise<readonly PayloadFile[]> => [
  { path: 'prompts/inference/ask.txt', content, digest: digestBytes(content) },
]
const open = gate('release', 0.3)

describe('the next version', () => {
  it.each<readonly [string, readonly Sample[], object, string]>([
    ['data', poison('fig'), {}, '0.1.1'],
    ['the seed', poison('fig'), { seed: 7 }, '0.2.0'],
    ['a prompt', samples, { payload: payload('Ask twice.') }, '0.2.0'],
    ['the trainer', poison('fig'), { trainer: { ...fakeTrainer(), name: 'another' } }, '1.0.0'],
  ])('follows from a change of %s', async (_, data, changes, expected) => {
    const { pipeline } = world()
    const common = { payload: payload('Ask.'), gate: open }
    await pipeline(samples, common).run()
    expect(released(await pipeline(data, { ...common, ...changes }).run())).toBe(expected)
  })

  it('follows from a new label', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate: open }).run()
    const more = Array.from({ length: 4 }, (_, index) => ({
      id: `boat-${index}`,
      text: `boat ${index}`,
      label: 'boat',
    }))
    expect(released(await pipeline([...samples, ...more], { gate: open }).run())).toBe('1.0.0')
  })

  it('is what the host decides, who is told what changed', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate: open }).run()
    let told: ReleaseChange | undefined
    const versioning = (change: ReleaseChange) => {
      told = change
      return { version: '2026.11.0' }
    }
    expect(released(await pipeline(poison('fig'), { gate: open, seed: 7, versioning }).run())).toBe('2026.11.0')
    expect(told).toMatchObject({ previous: { version: '0.1.0' }, changed: ['configuration', 'data'], level: 'minor' })
  })

  it('is what the run is told, and never one that was used', async () => {
    const { pipeline } = world()
    expect(released(await pipeline(samples, { gate: open }).run({ releaseAs: '3.0.0' }))).toBe('3.0.0')
    const next = pipeline(poison('fig'), { gate: open })
    await expect(next.run({ releaseAs: '2.0.0' })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(next.run({ releaseAs: 'tomorrow' })).rejects.toMatchObject({ code: 'invalid-options' })
    expect(released(await next.run({ releaseAs: 'major' }))).toBe('4.0.0')
  })

  it('is a pre-release where the pipeline makes those', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate: open }).run()
    const beta = { gate: open, prerelease: 'rc', channel: 'beta' }
    expect(released(await pipeline(poison('fig'), beta).run())).toBe('0.1.1-rc.0')
    expect(released(await pipeline(poison('fig', 'car'), beta).run())).toBe('0.1.1-rc.1')
    expect(released(await pipeline(poison('car'), { ...beta, payload: payload('Ask.') }).run())).toBe('0.2.0-rc.0')
    expect((await pipeline().current())?.version).toBe('0.1.0')
    expect(released(await pipeline(poison('tram'), { gate: open, payload: payload('Ask.') }).run())).toBe('0.2.0')
  })

  it('of what is restored is by what changes for its users', async () => {
    const { pipeline } = world()
    await pipeline(samples, { gate: open }).run()
    await pipeline(poison('fig'), { gate: open, seed: 7 }).run()
    expect(await pipeline(samples, { gate: open }).run()).toMatchObject({
      status: 'restored',
      release: { version: '0.3.0' },
    })
  })
})
