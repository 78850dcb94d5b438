import { expect, it } from 'vitest'
import { Slots } from '../../src/core/index.js'

/** Work that ends when `end` is called. */
function held() {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  return { work: () => ended, end }
}

it('a call that waits ends with its signal, and does not begin', async () => {
  const slots = new Slots(1)
  const [first, abort] = [held(), new AbortController()]
  const running = slots.use(first.work)
  let begun = 0
  const count = async () => {
    begun += 1
  }
  const waiting = slots.use(count, abort.signal)
  const next = slots.use(count)
  abort.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  expect(begun).toBe(0)
  first.end()
  await Promise.all([running, next])
  expect(begun).toBe(1)
  await expect(slots.use(count, abort.signal)).rejects.toThrow('enough')
  await slots.use(count)
  expect(begun).toBe(2)
})

it('gives no slot away twice or never if an abort and a turn come together', async () => {
  for (const order of ['turn first', 'abort first']) {
    const slots = new Slots(1)
    const [first, second, abort] = [held(), held(), new AbortController()]
    const running = slots.use(first.work)
    const waiting = slots.use(second.work, abort.signal)
    waiting.catch(() => {})
    first.end()
    if (order === 'turn first') await running
    abort.abort(new Error('enough'))
    second.end()
    await Promise.allSettled([running, waiting])
    let [working, most] = [0, 0]
    const work = async () => {
      working += 1
      most = Math.max(most, working)
      await Promise.resolve()
      working -= 1
    }
    await Promise.all([1, 2, 3].map(() => slots.use(work)))
    expect([order, most]).toEqual([order, 1])
  }
})
