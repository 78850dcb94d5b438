import { afterEach, expect, it, vi } from 'vitest'
import { Listeners } from '../../src/pipeline/listeners.js'

afterEach(() => {
  vi.useRealTimers()
})

const end = (runId: string) => ({ type: 'run-end', runId, atMs: 0, sequence: 0, status: 'released' }) as const

it('the end of a run waits for its own asynchronous listeners, and not for ever', async () => {
  vi.useFakeTimers()
  const reports: string[] = []
  const listeners = new Listeners((message) => void reports.push(message))
  const order: string[] = []
  listeners.on('run-end', async ({ runId }) => {
    if (runId === 'hangs') await new Promise(() => {})
    if (runId === 'fails') throw new Error('no')
    await Promise.resolve()
    order.push(`listened to ${runId}`)
  })
  listeners.emit(end('hangs'))
  listeners.emit(end('ends'))
  listeners.emit(end('fails'))
  await listeners.settled('ends')
  await listeners.settled('fails')
  expect(order).toEqual(['listened to ends'])
  expect(reports).toEqual(['A listener to "run-end" failed: no'])
  const settled = listeners.settled('hangs').then(() => order.push('settled'))
  await vi.advanceTimersByTimeAsync(14_999)
  expect(order).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(1)
  await settled
  expect(order).toEqual(['listened to ends', 'settled'])
  // Nothing is kept of a run that ended.
  await listeners.settled('hangs')
})
