import { describe, expect, it } from 'vitest'
import type { Prediction } from '../../src/model/index.js'
import { createBatcher } from '../../src/serve/batcher.js'
import { handTimer, settled } from './fixture.js'

const never = new AbortController().signal
const answerOf = (input: string): Prediction => ({ kind: 'text', text: `<${input}>` })
const textsOf = (predictions: readonly Prediction[]) =>
  predictions.map((prediction) => (prediction.kind === 'text' ? prediction.text : prediction.kind))

/** A batcher whose batches end when the test says so. */
function held({ maximumBatch = 4, maximumDelayMs = 0, maximumQueue = 100, bad = [] as readonly string[] } = {}) {
  const { timer, move } = handTimer()
  const batches: (readonly string[])[] = []
  const open: (() => void)[] = []
  let isHeld = true
  const batcher = createBatcher<string>({
    maximumBatch,
    maximumDelayMs,
    maximumQueue,
    timeoutMs: 1000,
    timer,
    async predict(inputs, signal) {
      batches.push(inputs)
      if (isHeld)
        await new Promise<void>((resolve, reject) => {
          open.push(resolve)
          signal.addEventListener('abort', () => reject(signal.reason))
        })
      if (inputs.some((input) => bad.includes(input))) throw new Error('a bad input')
      return inputs.map(answerOf)
    },
  })
  return {
    ...{ batcher, batches, move },
    release() {
      isHeld = false
      for (const resolve of open.splice(0)) resolve()
    },
    ask: async (...inputs: readonly string[]) => textsOf(await batcher.submit(inputs, new AbortController().signal)),
  }
}

describe('createBatcher', () => {
  it('puts what arrives during a batch into the next one, in order, and gives each its own answers', async () => {
    const { ask, batches, release, move } = held()
    const first = ask('a')
    await move(0)
    const others = [ask('b', 'c'), ask('d'), ask('e', 'f', 'g')]
    release()
    await settled()
    await move(0)
    await move(0)
    expect(await Promise.all([first, ...others])).toEqual([['<a>'], ['<b>', '<c>'], ['<d>'], ['<e>', '<f>', '<g>']])
    expect(batches).toEqual([['a'], ['b', 'c', 'd', 'e'], ['f', 'g']])
  })

  it('waits for the delay and no longer, and not at all for a full batch', async () => {
    const { ask, batches, release, move } = held({ maximumDelayMs: 10 })
    release()
    const waiting = [ask('a')]
    await move(6)
    waiting.push(ask('b'))
    await move(3)
    expect(batches).toEqual([])
    await move(1)
    expect(batches).toEqual([['a', 'b']])
    waiting.push(ask('c', 'd', 'e', 'f'))
    await settled()
    expect(batches).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e', 'f'],
    ])
    await Promise.all(waiting)
  })

  it('fails only the request whose input the model rejects', async () => {
    const { ask, release, move } = held({ bad: ['x'] })
    release()
    const asked = Promise.allSettled([ask('a'), ask('b', 'x'), ask('c')])
    await move(0)
    const settledAll = await asked
    expect(settledAll.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((settledAll[1] as PromiseRejectedResult).reason).toMatchObject({
      code: 'prediction-failed',
      message: expect.stringContaining('input 1'),
    })
  })

  it('goes on without a client that leaves', async () => {
    const { batcher, ask, batches, release, move } = held()
    const leaving = [new AbortController(), new AbortController()]
    const running = batcher.submit(['a'], leaving[0]!.signal)
    const neighbour = ask('b')
    await move(0)
    const queued = batcher.submit(['c'], leaving[1]!.signal)
    const last = ask('d')
    for (const controller of leaving) controller.abort(new Error('left'))
    await expect(running).rejects.toThrow('left')
    await expect(queued).rejects.toThrow('left')
    release()
    await settled()
    await move(0)
    expect(await Promise.all([neighbour, last])).toEqual([['<b>'], ['<d>']])
    expect(batches).toEqual([['a', 'b'], ['d']])
  })

  it('refuses what has no room, and accepts again later', async () => {
    const { ask, release, move } = held({ maximumQueue: 2 })
    const first = ask('a')
    await move(0)
    const second = ask('b', 'c')
    await expect(ask('d')).rejects.toMatchObject({ code: 'overloaded', headers: { 'retry-after': '1' } })
    release()
    await settled()
    await move(0)
    await Promise.all([first, second])
    const third = ask('d')
    await move(0)
    expect(await third).toEqual(['<d>'])
  })

  it('does not pass on answers of a model that gives too few', async () => {
    const { timer, move } = handTimer()
    const batcher = createBatcher<string>({
      ...{ maximumBatch: 4, maximumDelayMs: 0, maximumQueue: 4, timeoutMs: 1000, timer },
      predict: async () => [],
    })
    const asked = expect(batcher.submit(['a', 'b'], never)).rejects.toMatchObject({ code: 'prediction-failed' })
    await move(0)
    await asked
  })

  it('aborts a batch whose requests have all ended, so that the next one is answered', async () => {
    const { batcher, ask, batches, release, move } = held({ maximumBatch: 2 })
    const left = new AbortController()
    const stuck = ['a', 'b'].map((input) => expect(batcher.submit([input], left.signal)).rejects.toThrow('left'))
    await move(0)
    const next = ask('c')
    left.abort(new Error('left'))
    await Promise.all(stuck)
    await move(999)
    expect(batches).toEqual([['a', 'b']])
    await move(1)
    await move(0)
    expect(batches).toEqual([['a', 'b'], ['c']])
    release()
    expect(await next).toEqual(['<c>'])
  })

  it('asks a model for fewer than three times the inputs of a batch because of one bad input', async () => {
    const inputs = Array.from({ length: 64 }, (_, index) => String(index))
    const { ask, batches, release, move } = held({ maximumBatch: 64, bad: ['41'] })
    release()
    const asked = Promise.allSettled(inputs.map((input) => ask(input)))
    await move(0)
    expect((await asked).filter(({ status }) => status === 'rejected')).toHaveLength(1)
    expect([batches.length, batches.flat().length]).toEqual([13, expect.any(Number)])
    expect(batches.flat().length).toBeLessThan(3 * 64)
  })

  it('stops', async () => {
    const { batcher, ask, move } = held()
    const failing = ['a', 'b'].map((input) => expect(ask(input)).rejects.toMatchObject({ code: 'stopping' }))
    await move(0)
    failing.push(expect(ask('c')).rejects.toMatchObject({ code: 'stopping' }))
    expect(await batcher.stop()).toBe(true)
    await Promise.all(failing)
  })

  it('does not wait longer than 1 s for a model that ignores its abort', async () => {
    const { timer, move } = handTimer()
    const batcher = createBatcher<string>({
      ...{ maximumBatch: 4, maximumDelayMs: 0, maximumQueue: 4, timeoutMs: 10_000, timer },
      predict: () => new Promise(() => {}),
    })
    const left = new AbortController()
    const asked = expect(batcher.submit(['a'], left.signal)).rejects.toThrow('left')
    await move(0)
    left.abort(new Error('left'))
    await asked
    const stopping = batcher.stop()
    const first = Promise.race([stopping, 'waits'])
    await move(999)
    expect(await first).toBe('waits')
    await move(1)
    expect(await stopping).toBe(false)
  })
})
