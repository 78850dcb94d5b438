import { describe, expect, it } from 'vitest'
import { SheikhError } from '../../src/core/index.js'
import { type LedgerEvent, storeLedger } from '../../src/gate/index.js'
import type { PipelineOptions, Stage } from '../../src/pipeline/index.js'
import type { Releaser } from '../../src/releaser/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { gate, poison, samples, world } from './harness.js'

const follower = (run: Stage['run']): Stage => ({
  ...{ contract: 1, name: 'deploy', version: '1', describe: () => null, reads: ['release'] },
  run,
})

type Changes = Partial<PipelineOptions<string, string>>

/** A registry and a ledger, and a second machine that shares them. */
function shared(changed: Changes = {}) {
  const one = world()
  const ledger = storeLedger(one.store)
  const pipeline = (data = samples, changes: Changes = {}) => one.pipeline(data, { ledger, ...changed, ...changes })
  const rival = (data = samples, changes: Changes = {}) => pipeline(data, { store: memoryStore(), ...changes })
  return { ...one, ledger, pipeline, rival }
}

describe('after the promotion', () => {
  it('a stage that fails while another machine releases is no reason to publish again', async () => {
    const { pipeline, rival } = shared({ gate: gate('release', 0.9) })
    await rival(poison('apple')).run()
    let runs = 0
    const deploy = follower(async ({ release }) => {
      runs += 1
      expect(await rival(poison('fig')).run()).toMatchObject({ status: 'released' })
      throw new SheikhError('release-conflict', `no place for ${release!.value.version}`, {
        facts: { decidedAgainst: 'x' },
      })
    })
    const p = pipeline(samples, { stages: [deploy] })
    await expect(p.run()).rejects.toThrow('no place for')
    expect(runs).toBe(1)
  })

  it('the error of a stage is not lost if going back fails too', async () => {
    const { pipeline, rival, releaser } = shared()
    await rival(poison('apple')).run()
    const blocked: Releaser = {
      ...releaser,
      prepare: async (request, context) => {
        if (request.postPublish.withdraws.length > 0) throw new Error('the registry is down')
        return releaser.prepare(request, context)
      },
    }
    const deploy = follower(async () => Promise.reject(new TypeError('the server is full')))
    const p = pipeline(samples, { releaser: blocked, stages: [deploy], onFailure: 'rollback' })
    await expect(p.run()).rejects.toMatchObject({
      code: 'stage-failed',
      facts: { stage: 'deploy' },
      message: expect.stringMatching(/the server is full.*Going back failed.*the registry is down/s),
    })
  })

  it('a run that a person released is not open any more, whatever the stages do', async () => {
    const { pipeline, clock, store } = shared()
    await pipeline().run()
    const held = await pipeline(poison('apple')).run()
    expect(held).toMatchObject({ status: 'held', reason: 'fail' })
    const asked = { by: 'Ada', reason: 'x', untilMs: clock.nowMs() + 1000 }
    const deploy = follower(async () => Promise.reject(new Error('the server is full')))
    const p = pipeline(poison('apple'), { stages: [deploy], onFailure: 'rollback' })
    await expect(p.override(held.runId, asked)).rejects.toThrow('the server is full')
    const runs = await p.runs()
    expect(runs.find(({ runId }) => runId === held.runId)).toMatchObject({ status: 'released' })
    await expect(p.override(held.runId, asked)).rejects.toMatchObject({ code: 'not-found' })
    // As a kill between the release and the record would leave it.
    const open = (await store.runs.read(held.runId)) as object
    await store.runs.write(held.runId, { ...open, status: 'held', reason: 'fail' })
    await expect(p.override(held.runId, asked)).rejects.toMatchObject({
      code: 'release-rejected',
      message: expect.stringContaining('which is withdrawn'),
    })
    expect((await p.current())?.bundle).toBe((await p.history()).at(-1)?.bundle)
  })

  it('the ledger names each person who decided, when a crash came between the line and the release', async () => {
    const { pipeline, clock, releaser } = shared()
    await pipeline().run()
    const held = await pipeline(poison('apple')).run()
    const asked = { reason: 'x', untilMs: clock.nowMs() + 1000 }
    const down: Releaser = { ...releaser, prepare: async () => Promise.reject(new Error('down')) }
    await expect(
      pipeline(poison('apple'), { releaser: down }).override(held.runId, { ...asked, by: 'Ada' }),
    ).rejects.toThrow('down')
    const result = await pipeline(poison('apple')).override(held.runId, { ...asked, by: 'Bob' })
    expect(result).toMatchObject({ release: { record: { override: { by: 'Bob' } } } })
    const people = (await pipeline().ledger()).flatMap((entry) => (entry.type === 'override' ? [entry.by] : []))
    expect(people).toEqual(['Ada', 'Bob'])
  })

  it('a release that lost a race has its withdrawal in the ledger, after a crash before that line too', async () => {
    const { pipeline, rival, releaser, ledger } = shared({ gate: gate('release', 0.9) })
    await pipeline(poison('apple')).run()
    let raced = false
    const slow: Releaser = {
      ...releaser,
      publish: async (pending, context) => {
        const published = await releaser.publish(pending, context)
        if (!raced) {
          raced = true
          await releaser.point('latest', '0.1.0', '0.1.0', context)
          await releaser.point('latest', other, '0.1.0', context)
        }
        return published
      },
    }
    // Another release, made while the channel still pointed at the first one.
    const side = await rival(samples, { channel: 'side' }).run()
    const other = 'release' in side ? side.release.version : ''
    const cut = {
      ...ledger,
      append: async (event: LedgerEvent, context: Parameters<typeof ledger.append>[1]) => {
        if (event.type === 'withdrawal') throw new Error('killed here')
        return ledger.append(event, context)
      },
    }
    const again = { seed: 3 }
    await expect(pipeline(poison('fig'), { ...again, releaser: slow, ledger: cut }).run()).rejects.toThrow(
      'killed here',
    )
    const lost = (await pipeline().history())[0]!
    expect(lost.withdrawn?.reason).toContain('never compared')
    await pipeline(samples).run()
    expect(await pipeline().ledger()).toContainEqual(
      expect.objectContaining({ type: 'withdrawal', version: lost.version }),
    )
  })
})

it('a model is not imported as the first release if the ledger knows releases that the registry lost', async () => {
  const { pipeline } = shared()
  await pipeline().run()
  const fresh = pipeline(samples, { releaser: memoryRegistry() })
  await expect(fresh.import({ directory: '/nowhere', by: 'Ada' })).rejects.toMatchObject({ code: 'releases-missing' })
})
