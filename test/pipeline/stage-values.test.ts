import { describe, expect, it } from 'vitest'
import type { Stage } from '../../src/pipeline/index.js'
import { reportRun } from '../../src/report/run/index.js'
import { gate, poison, samples, world } from './harness.js'

const stage = (parts: Partial<Stage> & Pick<Stage, 'name' | 'reads' | 'run'>): Stage => ({
  contract: 1,
  version: '1',
  describe: () => null,
  ...parts,
})

const counting = stage({
  name: 'count',
  reads: ['dataset'],
  writes: 'counts',
  run: async ({ dataset }) => ({ value: { rows: dataset!.training.size } }),
})
const watching = stage({
  name: 'watch',
  reads: ['verdict'],
  run: async ({ verdict }) => ({ value: [verdict!.value.status] }),
})
const following = stage({ name: 'follow', reads: ['release'], run: async () => ({ value: 'told' }) })
const silent = stage({ name: 'silent', reads: ['evaluations'], run: async () => {} })
const stages = [counting, watching, following, silent]

describe('what a stage returns', () => {
  it('is kept with the release and the run, from the cache too', async () => {
    const { pipeline, store } = world()
    const first = await pipeline(samples, { stages }).run()
    if (first.status !== 'released') throw new Error('a release was expected')
    expect(first.release.record.stages).toEqual({ count: { rows: 137 }, watch: ['pass'] })
    const record = (await store.runs.read(first.runId)) as never
    expect(record).toMatchObject({
      stages: expect.arrayContaining([
        expect.objectContaining({ name: 'count', value: { rows: 137 } }),
        expect.objectContaining({ name: 'follow', value: 'told' }),
      ]),
    })
    expect(reportRun(record)).toContain('"rows":137')
    const again = await pipeline(samples, { stages, seed: 4 }).run({ retrain: true })
    expect(again.status).toBe('up-to-date')
    const [latest] = await pipeline().runs()
    expect(latest!.stages).toContainEqual(
      expect.objectContaining({ name: 'count', cached: true, value: { rows: 137 } }),
    )
  })

  it('stays with the bundle that a person releases or goes back to', async () => {
    const { pipeline, clock } = world()
    await pipeline(samples, { stages }).run()
    const held = await pipeline(poison('fig'), { stages }).run()
    const run = pipeline(poison('fig'), { stages })
    const released =
      held.status === 'held'
        ? await run.override(held.runId, { by: 'Ada', reason: 'x', untilMs: clock.nowMs() + 1000 })
        : await run.approve(held.runId, { by: 'Ada', reason: 'x' })
    if (released.status !== 'released') throw new Error('a release was expected')
    expect(released.release.record.stages).toMatchObject({ count: { rows: 137 } })
    const back = await run.rollback({ by: 'Ada', reason: 'complaints' })
    expect('release' in back && back.release.record.stages).toEqual({ count: { rows: 137 }, watch: ['pass'] })
  })

  it('hides secrets', async () => {
    const { pipeline } = world()
    const leak = stage({ name: 'leak', reads: ['dataset'], run: async () => ({ value: 'opensesame' }) })
    const result = await pipeline(samples, { stages: [leak], secrets: ['opensesame'] }).run()
    expect('release' in result && result.release.record.stages).toEqual({ leak: expect.not.stringContaining('sesame') })
  })

  const circle: { self?: unknown } = {}
  circle.self = circle
  it.each([
    ['a Date', { at: new Date(0) }],
    ['a Map', [new Map()]],
    ['a number that is not finite', { loss: Number.NaN }],
    ['a bigint', 1n],
    ['a function', { f: () => 1 }],
    ['a circle', circle],
    ['undefined', undefined],
    ['too much', 'x'.repeat(70_000)],
  ])('is refused if it is %s, by the name of the stage', async (_, value) => {
    const { pipeline } = world()
    for (const writes of ['odd', undefined]) {
      const odd = stage({ name: 'odd', reads: ['dataset'], writes, run: async () => ({ value }) as never })
      await expect(pipeline(samples, { stages: [odd], gate: gate() }).run()).rejects.toMatchObject({
        code: 'stage-failed',
        message: expect.stringContaining('The stage "odd" returned a value that cannot be kept'),
        facts: { stage: 'odd' },
      })
    }
    expect(await pipeline().current()).toBeUndefined()
  })

  it('of the stages before one that fails is in the record of the run', async () => {
    const { pipeline } = world()
    const failing = stage({ name: 'refuse', reads: ['candidate'], run: async () => Promise.reject(new Error('no')) })
    await expect(pipeline(samples, { stages: [counting, failing] }).run()).rejects.toMatchObject({
      facts: { stage: 'refuse' },
    })
    const [record] = await pipeline().runs()
    expect(record).toMatchObject({ status: 'failed' })
    expect(record!.stages).toContainEqual(expect.objectContaining({ name: 'count', value: { rows: 137 } }))
  })
})
