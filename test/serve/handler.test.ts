import { describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { loadRelease } from '../../src/releaser/index.js'
import { openHandler } from '../../src/serve/handler.js'
import { createHandler } from '../../src/serve/index.js'
import { handlerOf, handTimer, post, released, releasedModel, serverOf, warnings } from './fixture.js'
import { documentOf, operationsOf } from './openapi-document.js'

describe('createHandler', () => {
  it('answers as the model does, and names the release in every answer', async () => {
    const { registry, trainer } = await released()
    await using model = await loadRelease(registry, { trainer })
    await using handler = await createHandler({ registry, trainer })
    const inputs = ['apple 1', 'plum 2', '\u0000', '{{ 7 * 7 }}', '']
    const response = await handler(post('/v1/predict', { inputs }))
    const body = (await response.json()) as { readonly id: string }
    expect(response.status).toBe(200)
    expect(body).toEqual({
      id: expect.stringMatching(/^\w{20}$/),
      release: { version: '0.1.0', bundle: model.release.bundle },
      predictions: await model.predict(inputs),
    })
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'sheikh-release': '0.1.0',
      'sheikh-bundle': model.release.bundle,
      'sheikh-prediction': body.id,
      'content-type': 'application/json',
    })
    for (const [path, status] of [
      ['/healthz', 200],
      ['/readyz', 200],
      ['/nothing', 404],
    ] as const) {
      const other = await handler(new Request(`http://localhost${path}`))
      expect([other.status, other.headers.get('sheikh-release')]).toEqual([status, '0.1.0'])
      expect(other.headers.get('sheikh-prediction')).not.toBe(body.id)
    }
  })

  it('checks a body against the schema that its OpenAPI document has', async () => {
    const { handler } = await handlerOf({ maximumInputs: 3 })
    const document = await documentOf(handler)
    expect(document['openapi']).toBe('3.1.0')
    const predict = operationsOf(document).find(({ operationId }) => operationId === 'predict')
    expect(predict?.requestBody?.content['application/json'].schema).toMatchObject({
      properties: { inputs: { maxItems: 3, items: { type: 'string' } } },
    })
    for (const [body, status, words] of [
      [{}, 422, 'not a list'],
      [{ inputs: 'apple' }, 422, 'not a list'],
      [{ inputs: [] }, 422, 'no input'],
      [{ inputs: ['a', 'b', 'c', 'd'] }, 422, 'the maximum is 3'],
      [{ inputs: ['a', 1] }, 422, '/inputs/1 must be string'],
      [{ inputs: ['a'], model: 'x' }, 400, '"model" is not supported'],
      [['a'], 400, 'not a JSON object'],
    ] as const) {
      const response = await handler(post('/v1/predict', body))
      const { error } = (await response.json()) as { readonly error: { readonly message: string } }
      expect([response.status, error.message]).toEqual([status, expect.stringContaining(words)])
    }
  })

  it('takes inputs of another shape, which the host prepares', async () => {
    const { handler } = await handlerOf({
      inputSchema: { type: 'object', required: ['text'], properties: { text: { type: 'string' } } },
      smokeInputs: [{ text: 'apple' }],
      prepare: async (values) => values.map((value) => (value as { readonly text: string }).text),
    })
    expect((await handler(post('/v1/predict', { inputs: [{ text: 'apple 1' }] }))).status).toBe(200)
    expect((await handler(post('/v1/predict', { inputs: ['apple 1'] }))).status).toBe(422)
  })

  it('does not start with a model that cannot predict', async () => {
    const model = await releasedModel(() => Promise.reject(new Error('no kernel')))
    await expect(createHandler({ model })).rejects.toSatisfy(
      (error) => isSheikhError(error, 'stage-failed') && error.message.includes('no kernel'),
    )
  })

  it.each([
    { maximumBatch: 0 },
    { maximumDelayMs: -1 },
    { maximumInputs: 10, maximumQueue: 9 },
    { timeoutMs: Number.NaN },
    { token: '' },
    { token: [] },
    { token: 'two words' },
    { name: '../x' },
    { basePath: '/x/' },
  ])('refuses the options %j', async (settings) => {
    await expect(createHandler({ ...settings, model: await releasedModel() })).rejects.toSatisfy((error) =>
      isSheikhError(error, 'invalid-options'),
    )
  })

  it('is mounted below a path', async () => {
    const { handler } = await handlerOf({ basePath: '/models/mail' })
    expect((await handler(new Request('http://localhost/models/mail/healthz'))).status).toBe(200)
    expect((await handler(new Request('http://localhost/healthz'))).status).toBe(404)
    const document = await (await handler(new Request('http://localhost/models/mail/openapi.json'))).json()
    expect(document).toMatchObject({
      servers: [{ url: '/models/mail' }],
      paths: { '/v1/predict': { post: { security: [] } } },
    })
  })

  it('says in its OpenAPI document that it needs a token', async () => {
    const { handler } = await handlerOf({ token: 'secret' })
    const headers = { authorization: 'Bearer secret' }
    const document = await (await handler(new Request('http://localhost/openapi.json', { headers }))).json()
    expect(document).toMatchObject({ paths: { '/v1/predict': { post: { security: [{ bearer: [] }] } } } })
  })

  it('disposes a model that it loaded, and not that of the caller', async () => {
    let disposed = 0
    const { registry, trainer } = await released()
    const counting: typeof trainer = {
      ...trainer,
      load: async (weights, context) => ({
        ...(await trainer.load(weights, context)),
        async [Symbol.asyncDispose]() {
          disposed += 1
        },
      }),
    }
    await (await createHandler({ registry, trainer: counting })).close()
    expect(disposed).toBe(1)
    await using model = await loadRelease(registry, { trainer: counting })
    await (await createHandler({ model })).close()
    expect(disposed).toBe(1)
  })

  it('closes although a model cannot be freed', async () => {
    const { registry, trainer } = await released()
    let isAsked = () => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const stuck: typeof trainer = {
      ...trainer,
      load: async (weights, context) => ({
        ...(await trainer.load(weights, context)),
        [Symbol.asyncDispose]() {
          isAsked()
          return new Promise<void>(() => {})
        },
      }),
    }
    const { timer, move } = handTimer()
    const { said, log } = warnings()
    const handler = await openHandler({ registry, trainer: stuck, version: '0.1.0' }, callContext({ log }), timer)
    let isClosed = false
    const closing = handler.close(0).then(() => {
      isClosed = true
    })
    await asked
    await move(19_999)
    expect([isClosed, said]).toEqual([false, []])
    await move(1)
    await closing
    expect(said).toEqual([expect.stringContaining('The model of the release 0.1.0 is not freed after 20 s')])
  })
})

describe('tokens', () => {
  it('are asked for on every path but health', async () => {
    const { handler } = await handlerOf({ token: ['first-token', 'second-token'] })
    const ask = async (path: string, authorization?: string) => {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
      const method = path === '/v1/predict' ? 'POST' : 'GET'
      return (
        await handler(
          method === 'POST'
            ? post(path, { inputs: ['apple'] }, headers)
            : new Request(`http://localhost${path}`, { headers }),
        )
      ).status
    }
    expect(await ask('/nothing')).toBe(401)
    for (const path of ['/healthz', '/readyz']) expect([path, await ask(path)]).toEqual([path, 200])
    for (const path of ['/v1/predict', '/openapi.json', '/version', '/v2']) {
      for (const wrong of [
        undefined,
        'first-token',
        'Basic first-token',
        'Bearer ',
        'Bearer first-toke',
        'Bearer first-token2',
      ])
        expect([path, wrong, await ask(path, wrong)]).toEqual([path, wrong, 401])
      for (const right of ['Bearer first-token', 'bearer second-token'])
        expect([path, right, await ask(path, right)]).toEqual([path, right, 200])
    }
  })
})

describe('serve', () => {
  it('listens on this machine only, on a free port, until it is closed', async () => {
    const { server, url } = await serverOf()
    expect(url).toBe(`http://127.0.0.1:${server.port}`)
    const response = await fetch(`${url}/v1/predict`, post('/v1/predict', { inputs: ['apple'] }))
    expect([response.status, response.headers.get('sheikh-release')]).toEqual([200, server.release.version])
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    await server.close()
    await expect(fetch(`${url}/healthz`)).rejects.toThrow()
  })

  it('says which address it cannot use', async () => {
    const { server } = await serverOf()
    await expect(serverOf({ port: server.port })).rejects.toSatisfy(
      (error) => isSheikhError(error, 'invalid-options') && error.message.includes('EADDRINUSE'),
    )
  })
})
