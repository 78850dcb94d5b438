import { describe, expect, it } from 'vitest'
import { accuracy } from '../../src/evaluation/index.js'
import { noRegression, qualityGate } from '../../src/gate/index.js'
import type { ReleasedAnswers } from '../../src/releaser/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Trainer } from '../../src/trainer/index.js'
import { gate, poison, samples, world } from './harness.js'

describe('a release keeps how it scored', () => {
  it('so that a trainer that cannot load it is compared with it all the same', async () => {
    const { pipeline } = world()
    await pipeline().run()
    const unable = { ...fakeTrainer({ version: '2' }), name: 'other' }
    let loaded = 0
    const trainer: Trainer<string, string> = {
      ...unable,
      load: async (weights, context) => {
        loaded += 1
        return unable.load(weights, context)
      },
    }
    // A fresh machine: nothing of the first run is kept there but the registry.
    const store = memoryStore()
    const held = await pipeline(poison('apple', 'pear'), { trainer, store }).run()
    expect(held).toMatchObject({ status: 'held', reason: 'fail' })
    expect(loaded, 'only the candidate is asked').toBe(1)
    const { findings } = (held as Extract<typeof held, { verdict: unknown }>).verdict
    expect(findings.find(({ against }) => against === 'baseline')).toMatchObject({ status: 'fail', items: 109 })
    const { baseline, candidate } = await pipeline(samples, { store }).evaluations(held.runId)
    expect([...baseline!.ids]).toEqual([...candidate.ids])
    expect(baseline!.predictions.at(0)).toMatchObject({ kind: 'label' })
  })

  it('is not believed for another metric of the same name, or for other items', async () => {
    const { pipeline } = world()
    await pipeline().run()
    const stricter = { ...accuracy(), version: '9' }
    let loaded = 0
    const trainer: Trainer<string, string> = {
      ...fakeTrainer({ version: '2' }),
      load: (weights, context) => {
        loaded += 1
        return fakeTrainer().load(weights, context)
      },
    }
    const other = qualityGate([noRegression(stricter, { margin: 0.05 })])
    expect(await pipeline(poison('apple', 'pear'), { gate: other, trainer }).run()).toMatchObject({ status: 'held' })
    expect(loaded, 'the candidate and the release').toBe(2)
  })

  it('is passed on by every road, and read back from its JSON', async () => {
    const { pipeline } = world()
    await pipeline(poison('apple')).run()
    const open = { gate: gate('ask', 0.03) }
    const { runId } = await pipeline(poison('apple', 'fig'), open).run()
    await pipeline(poison('apple', 'fig'), open).approve(runId, { by: 'Ada', reason: 'known labels' })
    await pipeline(poison('apple')).rollback({ by: 'Ada', reason: 'complaints' })
    const history = await pipeline().history()
    expect(history).toHaveLength(3)
    for (const { record } of history)
      expect(record.answers).toMatchObject({ formatVersion: 1, evaluationDigest: record.evaluationDigest })
    expect(history[0]!.record.answers).toEqual(history[2]!.record.answers)
  })

  it('damaged or of another set, is said and not used', async () => {
    const { pipeline, releaser } = world()
    await pipeline().run()
    const lying = (change: (answers: ReleasedAnswers) => ReleasedAnswers) => ({
      ...releaser,
      current: async (...asked: Parameters<typeof releaser.current>) => {
        const release = await releaser.current(...asked)
        const answers = change(release!.record.answers!)
        return { ...release!, record: { ...release!.record, answers } }
      },
    })
    for (const columns of ['AAAA', '']) {
      const warnings: string[] = []
      const p = pipeline(poison('apple', 'pear'), {
        releaser: lying((answers) => ({ ...answers, columns })),
        store: memoryStore(),
      })
      p.on('warning', ({ message }) => warnings.push(message))
      // The model itself is asked instead.
      await expect(p.run()).resolves.toMatchObject({ status: 'held', reason: 'fail' })
      expect(warnings.join()).toContain('cannot be read')
    }
  })
})
