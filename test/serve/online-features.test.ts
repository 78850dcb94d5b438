import { describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../src/core/index.js'
import { type FeastLookUpOptions, feastLookUp, withOnlineFeatures } from '../../src/serve/index.js'
import { handlerOf, post } from './fixture.js'
import { asFeast, feastServer } from './loopback-feast.js'

const features = { rate: 'stats:conv_rate', trips: 'stats:trips' }
const types = { rate: 'number', trips: 'number' } as const
const inputSchema = { type: 'object' } as const

/** A handler whose inputs get features, and what its model received. */
async function served(url: string, more: Partial<FeastLookUpOptions & { whenMissing: 'refuse' }> = {}) {
  const received: Json[] = []
  const { whenMissing, ...options } = more
  const lookUp = feastLookUp({ url, features, joinKeys: { driver: 'driver_id' }, ...options })
  const prepare = withOnlineFeatures<string>({
    ...{ lookUp, types, whenMissing, entities: ['driver'] },
    async prepare(values) {
      received.push(...values)
      return values.map((value) => JSON.stringify(value))
    },
  })
  const { handler, said } = await handlerOf({ inputSchema, prepare })
  const ask = async (...inputs: readonly Json[]) => {
    const response = await handler(post('/v1/predict', { inputs }))
    const { error } = (await response.json()) as {
      readonly error?: { readonly code: string; readonly message: string }
    }
    return { status: response.status, error, retryAfter: response.headers.get('retry-after') }
  }
  return { ask, received, said }
}

describe('features that are looked up while serving', () => {
  it('are added to inputs under the names of training, in one request for all inputs', async () => {
    const { asked, url } = await feastServer()
    const { ask, received } = await served(`${url}/`, { token: 'secret' })
    expect((await ask({ driver: 1, text: 'a' }, { driver: 2, text: 'b' }, { driver: 9, text: 'c' })).status).toBe(200)
    expect(received).toEqual([
      { driver: 1, text: 'a', rate: 0.5, trips: 1.5 },
      // A value that is too old does not count.
      { driver: 2, text: 'b', rate: null, trips: null },
      { driver: 9, text: 'c', rate: null, trips: null },
    ])
    const body = {
      features: ['stats:conv_rate', 'stats:trips'],
      entities: { driver_id: [1, 2, 9] },
      full_feature_names: true,
    }
    expect(asked).toEqual([{ url: '/get-online-features', authorization: 'Bearer secret', body }])
  })

  it('of requests that arrive during a look-up are looked up together', async () => {
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const { asked, url } = await feastServer(async (body, call) => {
      if (call === 1) await gate
      return asFeast(body)
    })
    const { ask } = await served(url)
    const first = ask({ driver: 1 })
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
    const others = Array.from({ length: 20 }, () => ask({ driver: 1 }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    open()
    expect((await Promise.all([first, ...others])).every(({ status }) => status === 200)).toBe(true)
    expect(asked.map(({ body }) => body.entities['driver_id']!.length)).toEqual([1, 20])
  })

  it.each<[string, Json, string]>([
    ['without an entity', { text: 'a' }, 'has no entity "driver"'],
    ['with a list as entity', { driver: [1] }, 'has no entity "driver"'],
    ['with a feature of its own', { driver: 1, rate: 99 }, 'has "rate", which the server looks up'],
  ])('are not looked up for an input %s', async (_, input, message) => {
    const { asked, url } = await feastServer()
    const { ask } = await served(url)
    expect(await ask({ driver: 1 }, input)).toMatchObject({
      status: 422,
      error: { code: 'invalid-input', message: expect.stringContaining(`input 1 ${message}`) },
    })
    expect(asked).toEqual([])
  })

  it('may be required: an entity without features is refused, other requests are not', async () => {
    const { url } = await feastServer()
    const { ask } = await served(url, { whenMissing: 'refuse' })
    const [known, unknown] = await Promise.all([ask({ driver: 1 }), ask({ driver: 3 })])
    expect(known.status).toBe(200)
    expect(unknown).toMatchObject({ status: 422, error: { code: 'invalid-input' } })
  })

  it('are asked for again if the server fails for a moment', async () => {
    const { asked, url } = await feastServer((body, call, response) => {
      if (call === 1) return void response.writeHead(503).end()
      if (call === 2) return void response.socket!.destroy()
      return asFeast(body)
    })
    const { ask } = await served(url)
    expect((await ask({ driver: 1 })).status).toBe(200)
    expect(asked).toHaveLength(3)
  })

  it('that cannot be had now end in 503, and say so only in the log', async () => {
    const { url } = await feastServer(() => undefined)
    const { ask, said } = await served(url, { timeoutMs: 50 })
    expect(await ask({ driver: 1 })).toMatchObject({
      ...{ status: 503, retryAfter: '1' },
      error: { code: 'features-unavailable', message: expect.not.stringContaining('127.0.0.1') },
    })
    expect(said.join()).toContain('it did not answer within 50 ms')
    const closed = await served('http://127.0.0.1:1', { retries: 0 })
    expect((await closed.ask({ driver: 1 })).error?.code).toBe('features-unavailable')
  })

  it('that a function never answers hold only the requests of its call', async () => {
    let calls = 0
    const prepare = withOnlineFeatures<string>({
      ...{ types, entities: ['driver'], timeoutMs: 20 },
      lookUp: (entities) => {
        calls += 1
        return calls === 1 ? new Promise(() => {}) : Promise.resolve(entities.map(() => ({ rate: 1, trips: 2 })))
      },
      prepare: async (values) => values.map((value) => JSON.stringify(value)),
    })
    const { handler, said } = await handlerOf({ inputSchema, prepare })
    const ask = async () => (await handler(post('/v1/predict', { inputs: [{ driver: 1 }] }))).status
    expect(await ask()).toBe(503)
    expect(said.join()).toContain('no answer within 20 ms')
    expect(await ask()).toBe(200)
    expect(() => withOnlineFeatures({ lookUp: async () => [], types, entities: ['driver'], timeoutMs: 0 })).toThrow(
      '"timeoutMs" is 0',
    )
  })

  const vectors = (values: readonly unknown[]) => ({
    metadata: { feature_names: ['stats__conv_rate', 'stats__trips'] },
    results: [0, 1].map(() => ({ values, statuses: values.map(() => 'PRESENT') })),
  })
  it.each<[string, unknown, string]>([
    ['text where models learned numbers', vectors(['0.5']), 'is a string, but models were trained with a number'],
    ['a list', vectors([[0.5]]), 'is a list'],
    ['too many values', vectors([1, 2]), 'lacks the feature "stats__conv_rate"'],
    ['no names', { results: [] }, 'does not name its features'],
    [
      'other names',
      { metadata: { feature_names: ['x'] }, results: [{ values: [1], statuses: ['PRESENT'] }] },
      'lacks the feature',
    ],
    ['null', null, 'does not name its features'],
    ['no JSON', '{', 'is not JSON'],
  ])('are refused with 502 if the answer has %s', async (_, answer, fact) => {
    const { asked, url } = await feastServer(() => (answer === null ? 'null' : answer))
    const { ask, said } = await served(url)
    const { status, error } = await ask({ driver: 1 })
    expect([status, error?.code]).toEqual([502, 'features-invalid'])
    expect(`${error?.message} ${said.join()}`).toContain(fact)
    expect(asked).toHaveLength(1)
  })

  it('are refused with 502 if the server refuses the question, or answers without end', async () => {
    const refusing = await feastServer((_, __, response) => void response.writeHead(422).end())
    const { ask } = await served(refusing.url)
    expect((await ask({ driver: 1 })).error?.code).toBe('features-invalid')
    expect(refusing.asked).toHaveLength(1)
    const endless = await feastServer((_, __, response) => {
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(1_000_000)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    const other = await served(endless.url, { timeoutMs: 60_000 })
    expect((await other.ask({ driver: 1 })).error?.code).toBe('features-invalid')
  })

  it('may come from a function of the host', async () => {
    const lookUp = async (entities: readonly JsonObject[]) =>
      entities.map(({ driver }) => ({ rate: driver as number, trips: 2 }))
    const prepare = withOnlineFeatures({ lookUp, types, entities: ['driver'] })
    expect(await prepare([{ driver: 4 }, { driver: 5 }])).toEqual([
      { driver: 4, rate: 4, trips: 2 },
      { driver: 5, rate: 5, trips: 2 },
    ])
    const short = withOnlineFeatures({ lookUp: async () => [], types, entities: ['driver'] })
    await expect(short([{ driver: 1 }])).rejects.toThrow('answered for 0 of 1 entities')
  })

  it('are counted at /metrics by outcome and time, for each handler that a look-up is for', async () => {
    const { url } = await feastServer((body, call, response) => {
      if (call === 2) return void response.writeHead(503).end()
      if (call === 3) return undefined
      return call === 4 ? '{' : asFeast(body)
    })
    const lookUp = feastLookUp({ url, features, joinKeys: { driver: 'driver_id' }, retries: 0, timeoutMs: 500 })
    const prepare = withOnlineFeatures<string>({
      ...{ lookUp, types, entities: ['driver'] },
      prepare: async (values) => values.map((value) => JSON.stringify(value)),
    })
    const [one, other] = [
      await handlerOf({ inputSchema, prepare, metrics: true }),
      await handlerOf({ metrics: true, prepare, inputSchema }),
    ]
    const ask = async ({ handler }: typeof one) =>
      (await handler(post('/v1/predict', { inputs: [{ driver: 1 }, { driver: 1 }] }))).status
    const counted = async ({ handler }: typeof one) =>
      (await (await handler(new Request('http://localhost/metrics'))).text())
        .split('\n')
        .filter((line) => /^sheikh_feature_lookup(s_total|_duration_seconds_count)/.test(line))
        .sort()
    expect([await ask(one), await ask(one), await ask(one), await ask(one)]).toEqual([200, 503, 503, 502])
    expect(await counted(one)).toEqual([
      'sheikh_feature_lookup_duration_seconds_count 4',
      'sheikh_feature_lookups_total{outcome="answered"} 1',
      'sheikh_feature_lookups_total{outcome="invalid"} 1',
      'sheikh_feature_lookups_total{outcome="timeout"} 1',
      'sheikh_feature_lookups_total{outcome="unavailable"} 1',
    ])
    expect(await counted(other)).toEqual(['sheikh_feature_lookup_duration_seconds_count 0'])
    // One look-up for requests of both.
    expect(await Promise.all([ask(one), ask(other)])).toEqual([200, 200])
    expect(await counted(one)).toContain('sheikh_feature_lookups_total{outcome="answered"} 2')
    expect(await counted(other)).toContain('sheikh_feature_lookups_total{outcome="answered"} 1')
  })

  it('need an address, features and limits that can be used', () => {
    const url = 'http://127.0.0.1:6566'
    for (const options of [
      { url: 'feast', features },
      { url, features: {} },
      { url, features: { rate: 'conv_rate' } },
      { url: 'http://feast.example.com', features, token: 'secret' },
      { url, features, timeoutMs: 0 },
    ])
      expect(() => feastLookUp(options)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    const lookUp = feastLookUp({ url, features })
    expect(() => withOnlineFeatures({ lookUp, types: {}, entities: ['driver'] })).toThrow(
      '"entities" or "types" is empty',
    )
  })
})
