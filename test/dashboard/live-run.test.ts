import { describe, expect, it } from 'vitest'
import { liveRun } from '../../src/dashboard/live-run.js'
import { announcementOf } from '../../src/dashboard/pages/runs.js'
import { remembered } from '../../src/dashboard/remembered.js'
import type { RunEvent, RunEventBody } from '../../src/pipeline/index.js'

const events = (...bodies: readonly RunEventBody[]): readonly RunEvent[] =>
  bodies.map((body, sequence) => ({ runId: 'r', sequence, atMs: 1000 * sequence, ...body }))

const training = (step: number) =>
  ({ type: 'train-progress', epoch: 1, epochs: 2, step, steps: 8, loss: 0.51234, learningRate: 0.1 }) as const

describe('a run that is running', () => {
  it('has the stages that ended, the current one and its progress', async () => {
    const live = await liveRun(
      events(
        { type: 'run-start', command: 'run' },
        { type: 'stage-start', stage: 'validate' },
        { type: 'stage-end', stage: 'validate', cached: true, durationMs: 30 },
        { type: 'stage-start', stage: 'train' },
        training(6),
      ),
      5500,
    )
    expect(live).toEqual({
      stages: [
        { name: 'validate', state: 'cached', durationMs: 30 },
        { name: 'train', state: 'running', durationMs: 2500 },
      ],
      progress: { of: 'training', done: 6, total: 8, detail: 'epoch 1 of 2, loss 0.512' },
      warnings: [],
      lastEventAtMs: 4000,
    })
    expect(announcementOf(live)).toBe('Stage train: 75 %.')
  })

  it('has the progress of all candidates that are trained at once', async () => {
    const of = (candidate: string, step: number) => ({ ...training(step), candidate })
    const end = { type: 'stage-end', stage: 'train', cached: false, durationMs: 9 } as const
    const running = [{ type: 'stage-start', stage: 'train', candidate: 'a' } as const, of('a', 4), of('b', 2)]
    const live = await liveRun(events(...running), 5000)
    expect(live.progress).toEqual({ of: 'training', done: 6, total: 16, detail: '2 candidates at once' })
    const later = await liveRun(
      events(
        ...running,
        { ...end, candidate: 'a' },
        { type: 'stage-start', stage: 'train', candidate: 'b' },
        of('b', 6),
      ),
      5000,
    )
    expect(later.progress).toMatchObject({ done: 6, total: 8, detail: 'epoch 1 of 2, loss 0.512' })
  })

  it('has no progress after the end of the stage', async () => {
    const live = await liveRun(
      events({ type: 'stage-start', stage: 'train' }, training(8), {
        ...{ type: 'stage-end', stage: 'train', cached: false, durationMs: 9 },
      }),
      0,
    )
    expect(live.progress).toBeUndefined()
    expect(live.stages).toEqual([{ name: 'train', state: 'done', durationMs: 9 }])
    expect(announcementOf(live)).toBe('The run is between two stages.')
  })

  it('is announced only with each quarter', async () => {
    const at = async (step: number) =>
      announcementOf(await liveRun(events({ type: 'stage-start', stage: 'train' }, training(step)), 0))
    expect(await Promise.all([0, 1, 2, 3, 4, 8].map(at))).toEqual([
      ...['Stage train is running.', 'Stage train is running.', 'Stage train: 25 %.', 'Stage train: 25 %.'],
      ...['Stage train: 50 %.', 'Stage train: 100 %.'],
    ])
  })

  it('keeps the newest five warnings', async () => {
    const warnings = Array.from(
      { length: 7 },
      (_, index) => ({ type: 'warning', message: `${index}`, facts: {} }) as const,
    )
    expect((await liveRun(events(...warnings), 0)).warnings).toEqual(['2', '3', '4', '5', '6'])
  })
})

it('what is remembered is read again after a while, for another key, and after an error', async () => {
  let [now, key, reads] = [0, 'a', 0]
  const read = remembered(
    async () => {
      reads += 1
      if (reads === 1) throw new Error('offline')
      return reads
    },
    { forMs: 100, clock: { nowMs: () => now }, key: async () => key },
  )
  await expect(read()).rejects.toThrow('offline')
  expect(await Promise.all([read(), read()])).toEqual([2, 2])
  now = 99
  expect(await read()).toBe(2)
  now = 100
  expect(await read()).toBe(3)
  key = 'b'
  expect(await read()).toBe(4)
})
