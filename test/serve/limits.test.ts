import { describe, expect, it, onTestFinished } from 'vitest'
import type { Prediction } from '../../src/model/index.js'
import { handlerOf, handTimer, post, releasedModel, serverOf, settled, timedHandler } from './fixture.js'

const ok: Prediction = { kind: 'text', text: 'ok' }

/** A model that answers when the test says so. */
async function heldModel() {
  const open: (() => void)[] = []
  const batches: (readonly string[])[] = []
  let isHeld = true
  const model = await releasedModel(async (inputs, signal) => {
    batches.push(inputs)
    if (isHeld)
      await new Promise<void>((resolve, reject) => {
        open.push(resolve)
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    return inputs.map(() => ok)
  })
  const release = () => {
    isHeld = false
    for (const resolve of open.splice(0)) resolve()
  }
  return { model, batches, release }
}

const codeOf = async (response: Response) => ((await response.json()) as { error?: { code: string } }).error?.code
const ask = (...inputs: readonly string[]) => post('/v1/predict', { inputs })

describe('under pressure', () => {
  it('answers 429 with Retry-After when the queue is full', async () => {
    const { model, release } = await heldModel()
    const { handler } = await handlerOf({ maximumQueue: 2, maximumInputs: 2, smokeInputs: [] }, model)
    const first = handler(ask('a'))
    await settled()
    const second = handler(ask('b', 'c'))
    await settled()
    const third = await handler(ask('d'))
    expect([third.status, third.headers.get('retry-after'), await codeOf(third)]).toEqual([429, '1', 'overloaded'])
    release()
    expect([(await first).status, (await second).status, (await handler(ask('d'))).status]).toEqual([200, 200, 200])
  })

  it('limits requests in progress, but not health', async () => {
    const { model, release } = await heldModel()
    const { handler } = await handlerOf({ maximumConcurrency: 1, smokeInputs: [] }, model)
    const first = handler(ask('a'))
    await settled()
    expect((await handler(ask('b'))).status).toBe(429)
    expect((await handler(new Request('http://localhost/healthz'))).status).toBe(200)
    release()
    expect((await first).status).toBe(200)
    expect((await handler(ask('b'))).status).toBe(200)
  })

  it('answers 504 when the model is late, and 200 to the next one', async () => {
    const { model, release } = await heldModel()
    const { timer, move } = handTimer()
    const { handler } = await timedHandler(timer, { timeoutMs: 100 }, model)
    const late = handler(ask('a'))
    await settled()
    await move(100)
    expect([(await late).status, await codeOf(await late)]).toEqual([504, 'prediction-timeout'])
    release()
    await settled()
    const next = handler(ask('b'))
    await settled()
    await move(0)
    expect((await next).status).toBe(200)
  })

  it('causes no warning of Node about listeners with many requests at once', async () => {
    const seen: Error[] = []
    const note = (warning: Error) => void seen.push(warning)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    const { url } = await serverOf()
    const answers = await Promise.all(Array.from({ length: 40 }, () => fetch(`${url}/v1/predict`, ask('a'))))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    await settled()
    expect(seen).toEqual([])
  })

  it('answers several clients with one batch', async () => {
    const { model, batches, release } = await heldModel()
    const { handler } = await handlerOf({ smokeInputs: [] }, model)
    const first = handler(ask('a'))
    await settled()
    const others = ['b', 'c', 'd'].map((input) => handler(ask(input)))
    await settled()
    release()
    for (const response of await Promise.all([first, ...others])) expect(response.status).toBe(200)
    expect(batches).toEqual([['a'], ['b', 'c', 'd']])
  })

  it('says nothing to a client about an error of the model, and everything to the log', async () => {
    const model = await releasedModel(async (inputs) => {
      if (inputs.includes('bad')) throw new Error('secret /home/ann/model.bin')
      return inputs.map(() => ok)
    })
    const { handler, said } = await handlerOf({ maximumDelayMs: 20 }, model)
    const [good, bad] = await Promise.all([handler(ask('good')), handler(ask('fine', 'bad'))])
    expect(good.status).toBe(200)
    const text = await bad.text()
    expect([bad.status, text]).toEqual([500, expect.stringContaining('failed on input 1')])
    expect(text).not.toContain('home')
    expect(said.join()).toContain('secret /home/ann/model.bin')
  })
})

describe('closing', () => {
  it('answers what is in progress, refuses what is new, and then is gone', async () => {
    const { model, release } = await heldModel()
    const { server, url } = await serverOf({ smokeInputs: [] }, model)
    const asked = fetch(`${url}/v1/predict`, ask('a'))
    const idle = await fetch(`${url}/readyz`)
    expect(idle.status).toBe(200)
    await settled()
    const closed = server.close()
    await settled()
    release()
    const response = await asked
    expect([response.status, response.headers.get('connection')]).toEqual([200, 'close'])
    await closed
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('is not ready meanwhile', async () => {
    const { model, release } = await heldModel()
    const { handler } = await handlerOf({ smokeInputs: [] }, model)
    const first = handler(ask('a'))
    await settled()
    const closed = handler.close()
    const status = async (path: string) => (await handler(new Request(`http://localhost${path}`))).status
    expect([await status('/readyz'), await status('/healthz')]).toEqual([503, 200])
    for (const path of ['/v2/health/ready', '/v2/models/model/ready', '/ping', '/health'])
      expect([path, await status(path)]).toEqual([path, 503])
    expect([(await handler(ask('b'))).status, await codeOf(await handler(ask('b')))]).toEqual([503, 'stopping'])
    release()
    expect((await first).status).toBe(200)
    await closed
  })

  it('frees a model that ignores its abort, and says so', async () => {
    const { timer, move } = handTimer()
    const { handler, said } = await timedHandler(timer, {}, await releasedModel(() => new Promise(() => {})))
    const asked = handler(ask('a'))
    await settled()
    await move(0)
    const closed = handler.close(10)
    await settled()
    await move(10)
    expect((await asked).status).toBe(503)
    await move(1000)
    await closed
    expect(said).toEqual([expect.stringContaining('did not end within 1 s')])
  })

  it('does not wait longer than it is told to', async () => {
    const { model } = await heldModel()
    const { handler } = await handlerOf({ smokeInputs: [] }, model)
    const first = handler(ask('a'))
    await settled()
    await handler.close(10)
    expect([(await first).status, await codeOf(await first)]).toEqual([503, 'stopping'])
  })
})
