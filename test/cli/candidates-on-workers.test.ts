import { expect, it } from 'vitest'
import { projectWithCandidates, runOf, trainingsIn } from './candidate-runs.js'

it('sheikh run --workers trains candidates at once, with the bytes of one process', async () => {
  const [one, two] = [await projectWithCandidates(), await projectWithCandidates()]
  const expected = await runOf(one)
  expect(expected).toMatchObject({ candidates: [{}, {}, {}] })
  expect(await runOf(two, ['--workers', '2'])).toEqual(expected)
  expect([await trainingsIn(one), await trainingsIn(two)]).toEqual([0, 3])
})
