import { cpSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Stage } from '../../src/pipeline/index.js'
import { poison, samples, world } from './harness.js'

const stage = (parts: Partial<Stage> & Pick<Stage, 'name' | 'reads'>): Stage => ({
  contract: 1,
  version: '1',
  describe: () => null,
  run: async () => ({ value: null }),
  ...parts,
})
const watch = (name: string, ...reads: string[]) => stage({ name, reads })
const write = (name: string, writes: string, ...reads: string[]) => stage({ name, reads, writes })

// One after each built-in stage, listed the other way round, and one that waits for another.
const everywhere = [
  watch('after-release', 'release'),
  watch('after-gate', 'verdict', 'scan-report'),
  watch('after-evaluate', 'evaluations'),
  watch('after-train', 'candidate'),
  watch('after-validate', 'dataset'),
  write('scan', 'scan-report', 'candidate'),
]

const annotate = stage({
  name: 'annotate',
  reads: ['candidate'],
  writes: 'candidate',
  async run({ candidate }, { directory }) {
    cpSync(candidate!.files, directory, { recursive: true })
    await writeFile(join(directory, 'notes.json'), '{}')
    return { value: 'noted', files: directory }
  },
})

const names = (stages: readonly { readonly stage: string }[]) => stages.map(({ stage: name }) => name)

describe('a plan of the host stages', () => {
  it('has them in the order of the run', async () => {
    const { pipeline } = world()
    const p = pipeline(samples, { stages: everywhere })
    const planned = await p.plan()
    const ran: string[] = []
    p.on('stage-start', ({ stage: name }) => ran.push(name))
    expect(await p.run()).toMatchObject({ status: 'released' })
    expect(names(planned.stages)).toEqual(ran)
    expect(ran.length).toBe(11)
  })

  it('says what runs, what was kept, and what nobody knows before its input is made', async () => {
    const { pipeline } = world()
    const stages = [
      write('count', 'counts', 'dataset'),
      annotate,
      write('scan', 'scan-report', 'candidate', 'counts'),
      write('unversioned', 'odd', 'dataset'),
      write('judge', 'opinion', 'evaluations'),
      watch('tell', 'release'),
    ].map((one) => (one.name === 'unversioned' ? { ...one, version: undefined } : one))
    const p = pipeline(samples, { stages })
    expect((await p.plan()).stages).toMatchObject([
      { stage: 'validate' },
      { stage: 'count', action: 'run', reason: 'no earlier run is known' },
      { stage: 'unversioned', action: 'run', reason: 'it has no version, so nothing of it is kept' },
      { stage: 'train', action: 'run' },
      { stage: 'annotate', action: 'unknown', reason: expect.stringContaining('"candidate" is made (by "annotate")') },
      { stage: 'scan', action: 'unknown' },
      { stage: 'evaluate' },
      { stage: 'judge', action: 'unknown', reason: expect.stringContaining('(by "evaluate")') },
      { stage: 'gate' },
      { stage: 'release' },
      { stage: 'tell', action: 'run', reason: expect.stringContaining('if the gate passes') },
    ])
    const run = await p.run()
    const again = await p.plan()
    for (const name of ['count', 'train', 'annotate', 'scan'])
      expect(again.stages).toContainEqual(
        expect.objectContaining({ stage: name, action: 'cached', reason: expect.stringContaining(run.runId) }),
      )
    expect(await p.why('scan')).toMatchObject({ action: 'cached' })
    // It is what the run does.
    const cached: Record<string, boolean> = {}
    p.on('stage-end', ({ stage: name, cached: was }) => {
      cached[name] = was
    })
    await p.run()
    expect(cached).toMatchObject({ count: true, annotate: true, scan: true, unversioned: false })
  })

  it('names what is another one than in the last run', async () => {
    const { pipeline } = world()
    const count = (version: string) => ({ ...write('count', 'counts', 'dataset'), version })
    await pipeline(samples, { stages: [count('1')] }).run()
    expect(await pipeline(samples, { stages: [count('2')] }).why('count')).toMatchObject({
      action: 'run',
      difference: { path: 'stage.version', before: '1', after: '2' },
    })
    await expect(pipeline(samples, { stages: [count('1')] }).why('lunch')).rejects.toThrow('validate, count, train')
  })

  it('skips them where nothing is judged, except what follows a release that is published again', async () => {
    const { pipeline } = world()
    const stages = [...everywhere, watch('compare', 'release', 'dataset')]
    const of = (data: typeof samples) => pipeline(data, { stages })
    await of(poison('apple')).run()
    const upToDate = await of(poison('apple')).plan()
    expect(upToDate).toMatchObject({ outcome: 'up-to-date' })
    expect(names(upToDate.stages)).toHaveLength(12)
    for (const { stage: name, action } of upToDate.stages) expect(action).toBe(name === 'validate' ? 'run' : 'skip')
    await of(samples).run()
    const restore = await of(poison('apple')).plan()
    expect(restore).toMatchObject({ outcome: 'restore' })
    const planned = restore.stages.flatMap(({ stage: name, action }) => (action === 'run' ? [name] : []))
    expect(restore.stages).toContainEqual(
      expect.objectContaining({ stage: 'compare', action: 'skip', reason: expect.stringContaining('"dataset"') }),
    )
    const ran: string[] = []
    const p = of(poison('apple'))
    p.on('stage-start', ({ stage: name }) => ran.push(name))
    expect(await p.run()).toMatchObject({ status: 'restored' })
    expect(planned).toEqual(ran)
  })

  it('is the same after a stage failed, and writes nothing', async () => {
    const { pipeline, store } = world()
    const failing = stage({
      name: 'fails',
      reads: ['candidate'],
      writes: 'never',
      run: async () => Promise.reject(new Error('no')),
    })
    const p = pipeline(samples, { stages: [failing] })
    await expect(p.run()).rejects.toMatchObject({ code: 'stage-failed' })
    const runs = await store.runs.list()
    expect((await p.plan()).stages).toMatchObject([
      { stage: 'validate' },
      { stage: 'train', action: 'cached' },
      { stage: 'fails', action: 'run' },
      { stage: 'evaluate' },
      { stage: 'gate' },
      { stage: 'release' },
    ])
    expect(await store.runs.list()).toEqual(runs)
  })
})
