import { describe, expect, it } from 'vitest'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, noRegression, qualityGate } from '../../src/gate/index.js'
import type { RunResult } from '../../src/pipeline/index.js'
import { poison, samples, world } from './harness.js'

const approval = { by: 'Ada', reason: 'a small loss, for once' }
const gate = qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.05 })])

const asked = (result: RunResult) =>
  ('verdict' in result ? result.verdict.findings : [])
    .filter(({ against, slice }) => against !== undefined && slice === undefined)
    .map(({ against, againstVersion }) => `${against} ${againstVersion}`)

/** 0.1.0 is the best; 0.1.1 is a little worse, and a person let it pass. */
async function drifted() {
  const { pipeline, ...there } = world()
  const first = await pipeline(samples, { gate }).run()
  const worse = pipeline(poison('fig'), { gate })
  const open = await worse.run()
  expect(open.status).toBe('awaiting-approval')
  await worse.approve(open.runId, approval)
  return { ...there, pipeline, first, open }
}

describe('the best release', () => {
  it('that is the released one is asked about once', async () => {
    const { first, open } = await drifted()
    expect(asked(first)).toEqual([])
    expect(asked(open)).toEqual(['baseline 0.1.0'])
  })

  it('that is an earlier one is asked about, too: losses do not add up unseen', async () => {
    const { pipeline } = await drifted()
    const next = await pipeline(poison('fig', 'apple'), { gate }).run()
    expect(asked(next)).toEqual(['baseline 0.1.1', 'best 0.1.0'])
    const record = (await pipeline().runs()).find(({ runId }) => runId === next.runId)!
    expect(record).toMatchObject({ baseline: '0.1.1', best: '0.1.0' })
    expect(record.evaluations).toMatchObject({
      candidate: expect.stringMatching(/^sha256:/),
      baseline: expect.stringMatching(/^sha256:/),
      best: expect.stringMatching(/^sha256:/),
    })
    const kept = await pipeline().evaluations(next.runId)
    expect([...kept.best!.ids]).toEqual([...kept.candidate.ids])
    expect(kept.best!.modelDigest).not.toBe(kept.baseline!.modelDigest)
  })

  it('that was withdrawn is the best no longer', async () => {
    const { pipeline } = await drifted()
    const current = pipeline(poison('fig'), { gate })
    await current.rollback({ by: 'Ada', to: '0.1.0', reason: 'better after all' })
    await current.rollback({ by: 'Ada', to: '0.1.1', reason: 'no, not better' })
    const next = await pipeline(poison('fig', 'apple'), { gate }).run()
    expect(asked(next)).toEqual(['baseline 0.1.3'])
  })
})

describe('the evaluation set', () => {
  it('is counted by candidates, not by runs', async () => {
    const { pipeline } = await drifted()
    const reuse = async (...poisoned: readonly string[]) => {
      const result = await pipeline(poison(...poisoned), { gate }).run()
      return 'verdict' in result ? result.verdict.reuse?.evaluationCount : undefined
    }
    // Two before: the first release, and the one that was approved.
    expect(await reuse('fig', 'apple')).toBe(3)
    expect(await reuse('fig', 'apple')).toBe(3)
    expect(await reuse('fig', 'apple', 'pear')).toBe(4)
    expect(await reuse('fig', 'apple')).toBe(3)
  })

  it('that has judged more than one says what chance that leaves', async () => {
    const { pipeline } = await drifted()
    const said: string[] = []
    const next = pipeline(poison('fig', 'apple'), { gate })
    next.on('warning', ({ message }) => said.push(message))
    await next.run()
    expect(said.join()).toContain('has judged 3 candidates')
  })
})
