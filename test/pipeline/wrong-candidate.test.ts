import { expect, it } from 'vitest'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import type { Candidate } from '../../src/trainer/index.js'
import { samples, world } from './harness.js'

it.each<readonly [string, (made: Candidate) => unknown]>([
  [
    'record.lossCurve.1',
    ({ record, ...made }) => ({
      ...made,
      record: {
        ...record,
        lossCurve: [
          [1, 2],
          [2, Number.NaN],
        ],
      },
    }),
  ],
  ['record.lossCurve', ({ record, ...made }) => ({ ...made, record: { ...record, lossCurve: undefined } })],
  ['candidate.record', ({ weights }) => ({ weights })],
  ['candidate.weights', ({ record }) => ({ record })],
  ['candidate.weights.path', ({ record }) => ({ record, weights: {} })],
  ['candidate', () => undefined],
])('a candidate with a wrong %s is an error that names it', async (misfit, changed) => {
  const trainer = fakeTrainer()
  const wrong: typeof trainer = {
    ...trainer,
    fit: async (request, context) => changed(await trainer.fit(request, context)) as Candidate,
  }
  await expect(world().pipeline(samples, { trainer: wrong }).run()).rejects.toMatchObject({
    code: 'stage-failed',
    facts: { stage: 'train', misfit },
    message: expect.stringContaining(`"${misfit}"`) as unknown,
  })
})
