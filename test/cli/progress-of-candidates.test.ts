import { expect, it } from 'vitest'
import type { Terminal } from '../../src/cli/command.js'
import { showEvents } from '../../src/cli/progress.js'
import type { RunEvent } from '../../src/pipeline/index.js'

const of = (candidate: string, step: number) =>
  ({ type: 'train-progress', candidate, epoch: 1, epochs: 1, step, steps: 10, loss: 0.5, learningRate: 1 }) as const

it('lines name the candidate that is trained beside the one of the stage, at each tenth once', () => {
  const lines: string[] = []
  const err = (text: unknown) => void lines.push(typeof text === 'string' ? text.trim() : '')
  const show = showEvents({ err } as unknown as Terminal)
  const events = [
    { type: 'stage-start', stage: 'train', candidate: 'trainer' },
    ...[of('trainer', 1), of('slow', 1), of('trainer', 1), of('slow', 1), of('slow', 2)],
    { type: 'stage-end', stage: 'train', candidate: 'trainer', cached: false, durationMs: 1 },
    { type: 'stage-start', stage: 'train', candidate: 'slow' },
    of('slow', 10),
  ]
  for (const event of events) show({ runId: 'r', sequence: 0, atMs: 0, ...event } as RunEvent)
  expect(lines.filter((line) => line !== '')).toEqual([
    'train trainer …',
    'step 1 of 10, loss 0.500',
    'slow: step 1 of 10, loss 0.500',
    'slow: step 2 of 10, loss 0.500',
    'train slow …',
    'step 10 of 10, loss 0.500',
  ])
})
