import { describe, expect, it } from 'vitest'
import { callContext, type Json } from '../../src/core/index.js'
import { storeLedger } from '../../src/gate/index.js'
import { poison, samples, world } from './harness.js'

const pool = ['apple', 'pear', 'fig', 'bus'].flatMap((word) =>
  Array.from({ length: 50 }, (_, index) => ({ id: `${word} pool ${index}`, text: `${word} unseen ${index}` })),
)

async function open() {
  const there = world()
  await there.pipeline(samples).run()
  const pipeline = there.pipeline(poison('fig'))
  const { runId, status } = await pipeline.run()
  expect(status).toBe('awaiting-approval')
  return { ...there, pipeline, runId }
}

describe('a pool of unlabelled inputs', () => {
  it('asks only what the candidate and the release answer differently, and judges by those', async () => {
    const { pipeline, runId, store } = await open()
    const asked = await pipeline.labelPool(runId, { samples: pool })
    expect(asked).toMatchObject({ items: 200, differing: 50, unlabelled: 50, finding: { status: 'inconclusive' } })
    expect(asked.questions.every(({ id }) => id.startsWith('fig'))).toBe(true)
    // The candidate learnt that figs are vehicles.
    const labels = new Map<string, Json>(asked.questions.map(({ id }) => [id, 'fruit']))
    const judged = await pipeline.labelPool(runId, { samples: pool, labels })
    expect(judged).toMatchObject({ unlabelled: 0, finding: { status: 'fail', regressions: 50, improvements: 0 } })
    const other = new Map<string, Json>(asked.questions.map(({ id }) => [id, 'vehicle']))
    expect((await pipeline.labelPool(runId, { samples: pool, labels: other })).finding.status).toBe('pass')
    const entries = await storeLedger(store).read(callContext())
    expect(entries.filter((entry) => entry.type === 'verdict' && entry.runId === runId)).toHaveLength(3)
  })

  it('leaves out what the models know', async () => {
    const { pipeline, runId } = await open()
    const known = samples.slice(0, 3).map(({ text }, index) => ({ id: `again ${index}`, text }))
    const asked = await pipeline.labelPool(runId, { samples: [...pool, ...known] })
    expect(asked).toMatchObject({ items: 200, known: ['again 0', 'again 1', 'again 2'] })
  })

  it('of samples that give no input, or one id twice, is an error', async () => {
    const { pipeline, runId } = await open()
    for (const wrong of [{ id: 'x' }, null, 'text', pool[0]])
      await expect(pipeline.labelPool(runId, { samples: [...pool, wrong] })).rejects.toMatchObject({
        code: 'dataset-invalid',
      })
  })

  it('of a run that compared nothing is an error', async () => {
    const { pipeline } = world()
    const { runId } = await pipeline(samples).run()
    await expect(pipeline(samples).labelPool(runId, { samples: pool })).rejects.toMatchObject({ code: 'not-found' })
    await expect(pipeline(samples).labelPool('nobody', { samples: pool })).rejects.toMatchObject({ code: 'not-found' })
  })
})
