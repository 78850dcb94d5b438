import { describe, expect, it } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import type { RunEvent } from '../../src/pipeline/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import { gate, poison, samples, world } from './harness.js'

describe('a run', () => {
  it('releases 0.1.0 first, and then finds nothing to do', async () => {
    const { pipeline, clock } = world()
    expect(await pipeline().run()).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    clock.advance(1000)
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date', release: { version: '0.1.0' } })
    expect((await pipeline().runs()).map(({ status }) => status)).toEqual(['up-to-date', 'released'])
  })

  it('without a store keeps everything in memory, and warns once that it will be gone', async () => {
    const { pipeline } = world()
    const forgetful = pipeline(samples, { store: undefined })
    const warnings: string[] = []
    forgetful.on('warning', ({ message }) => warnings.push(message))
    expect(await forgetful.run()).toMatchObject({ status: 'released' })
    expect(await forgetful.run()).toMatchObject({ status: 'up-to-date' })
    expect((await forgetful.runs()).map(({ status }) => status)).toEqual(['up-to-date', 'released'])
    expect(warnings.filter((message) => message.includes('gone when the process ends'))).toHaveLength(1)
    const keeping = pipeline()
    keeping.on('warning', ({ message }) => warnings.push(message))
    await keeping.run()
    expect(warnings.filter((message) => message.includes('gone when the process ends'))).toHaveLength(1)
  })

  it('runs keep their order if the clock is set back', async () => {
    const { pipeline, clock } = world()
    await pipeline().run()
    clock.advance(-3 * 86_400_000)
    await pipeline(poison('apple')).run()
    clock.advance(-86_400_000)
    const last = await pipeline().run()
    const runs = await pipeline().runs()
    expect(runs.map(({ status }) => status)).toEqual(['up-to-date', 'held', 'released'])
    expect(runs[0]).toMatchObject({ runId: last.runId })
  })

  it('a run that was killed is shown as interrupted, and one that goes on as running', async () => {
    const { pipeline, store } = world()
    const killed = await store.lock('run', callContext())
    const record = { formatVersion: 1, command: 'run', status: 'running', startedAtMs: 1, stages: [] }
    await store.runs.write('killed', { ...record, runId: 'killed', lockToken: killed.token })
    expect((await pipeline().runs()).map(({ status }) => status)).toEqual(['running'])
    await killed.release()
    expect((await pipeline().runs()).map(({ status }) => status)).toEqual(['interrupted'])
    const run = await pipeline().start()
    expect((await pipeline().runs()).map(({ status }) => status)).toContain('interrupted')
    await run.result()
    expect((await pipeline().runs()).map(({ status }) => status).sort()).toEqual(['interrupted', 'released'])
    const { heldLock: _, ...silent } = store
    expect((await pipeline(samples, { store: silent }).runs()).map(({ status }) => status)).toContain('running')
  })

  it('holds a worse model, naming the finding, and leaves the release as it was', async () => {
    const { pipeline, releaser } = world()
    await pipeline().run()
    const held = await pipeline(poison('apple', 'pear')).run()
    expect(held).toMatchObject({ status: 'held', reason: 'fail', verdict: { status: 'fail' } })
    expect(
      'verdict' in held &&
        held.verdict.findings.some(({ check, status }) => check.startsWith('no-regression') && status === 'fail'),
    ).toBe(true)
    expect(await pipeline().current()).toMatchObject({ version: '0.1.0' })
    expect(await pipeline().run()).toMatchObject({ status: 'up-to-date' })
    const pending = []
    for await (const left of releaser.pending(callContext())) pending.push(left)
    expect(pending).toEqual([])
  })

  it('releases a better model as the next version, with the verdict attached', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple')).run()
    const better = await pipeline().run()
    expect(better).toMatchObject({
      status: 'released',
      release: { version: '0.1.1', record: { metrics: { accuracy: 1 }, verdict: { status: 'pass' } } },
    })
  })

  it('restores an earlier release without training when the data goes back to it', async () => {
    const { pipeline } = world()
    const first = await pipeline(poison('apple')).run()
    await pipeline().run()
    const untrained = fakeTrainer({ fitError: new Error('nothing should train') })
    const restored = await pipeline(poison('apple'), { trainer: untrained }).run()
    expect(restored).toMatchObject({ status: 'restored', restoredFrom: '0.1.0', release: { version: '0.1.2' } })
    expect('release' in restored && 'release' in first && restored.release.bundle === first.release.bundle).toBe(true)
  })

  it('says up to date where another configuration gives the same bundle, and remembers it', async () => {
    const { pipeline } = world()
    await pipeline().run()
    expect(await pipeline(samples, { trainer: fakeTrainer({ setting: 2 }) }).run()).toMatchObject({
      status: 'up-to-date',
    })
    const untrained = fakeTrainer({ setting: 2, fitError: new Error('nothing should train') })
    expect(await pipeline(samples, { trainer: untrained }).run()).toMatchObject({
      status: 'up-to-date',
      release: { version: '0.1.0' },
    })
  })

  it('trains every time where the trainer has no version, and says why', async () => {
    const { pipeline } = world()
    const trainer = { ...fakeTrainer(), version: undefined }
    const events: RunEvent[] = []
    const run = await pipeline(samples, { trainer }).start()
    for await (const event of run) events.push(event)
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'warning', message: expect.stringContaining('no version') }),
    )
    const again = pipeline(samples, { trainer })
    const stages: string[] = []
    again.on('stage-start', ({ stage }) => stages.push(stage))
    expect(await again.run()).toMatchObject({ status: 'up-to-date' })
    expect(stages).toContain('train')
  })

  it('keeps what a failed run had done: the next one trains nothing', async () => {
    const { store, pipeline } = world()
    const broken = pipeline(samples, {
      releaser: memoryRegistry({ failures: { verify: new Error('the line is dead') } }),
    })
    await expect(broken.run()).rejects.toMatchObject({ code: 'stage-failed', facts: { stage: 'release' } })
    const stages: [string, boolean][] = []
    const mended = pipeline()
    mended.on('stage-end', ({ stage, cached }) => stages.push([stage, cached]))
    expect(await mended.run()).toMatchObject({ status: 'released' })
    expect(stages).toContainEqual(['train', true])
    expect(stages).toContainEqual(['evaluate', true])
    expect((await store.runs.list()).length).toBe(2)
  })

  it('trains again where what was kept is gone', async () => {
    const { store, pipeline } = world()
    const broken = pipeline(samples, { releaser: memoryRegistry({ failures: { prepare: new Error('no') } }) })
    await broken.run().catch(() => {})
    const lost = {
      ...store,
      objects: {
        ...store.objects,
        getDirectory: async () => {
          throw new SheikhError('artifact-corrupt', 'damaged')
        },
      },
    }
    expect(await pipeline(samples, { store: lost }).run()).toMatchObject({ status: 'released' })
  })

  it('refuses one class, and a label that training never saw', async () => {
    const { pipeline } = world()
    const one = samples.map((sample) => ({ ...sample }))
    await expect(
      pipeline(one.filter(({ label, id }) => label === 'fruit' || isPinned(id))).run(),
    ).rejects.toMatchObject({ code: 'dataset-invalid' })
  })
})

const isPinned = (id: string) => pinnedIds.has(id)
const pinnedIds = new Set((await import('./harness.js')).pinned.items.map(({ id }) => id))

describe('a held or open verdict', () => {
  it.each(['hold', 'ask', 'release'] as const)('inconclusive, policy %s', async (policy) => {
    const { pipeline } = world()
    await pipeline(samples, { gate: gate(policy, 0.03) }).run()
    // Three items lost: too few to be evidence of harm, too many to certify three points.
    const result = await pipeline(poison('fig'), { gate: gate(policy, 0.03) }).run()
    const expected = {
      hold: { status: 'held', reason: 'inconclusive' },
      ask: { status: 'awaiting-approval' },
      release: { status: 'released' },
    }
    expect(result).toMatchObject({ ...expected[policy], verdict: { status: 'inconclusive' } })
  })
})
