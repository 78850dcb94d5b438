import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { toNodeListener } from '../../src/serve/index.js'
import { handlerOf, post } from './fixture.js'

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function expectServed(url: string) {
  const answer = await fetch(`${url}/models/v1/predict`, post('/', { inputs: ['apple 1', 'plum 2'] }))
  const { predictions } = (await answer.json()) as { readonly predictions: readonly unknown[] }
  expect([answer.status, predictions.length, answer.headers.get('sheikh-release')]).toEqual([200, 2, '0.1.0'])
  const refused = await fetch(`${url}/models/v1/predict`, post('/', '{'))
  expect([refused.status, await refused.json()]).toEqual([
    400,
    { error: expect.objectContaining({ code: 'invalid-json' }) },
  ])
  expect((await fetch(`${url}/models/healthz`)).status).toBe(200)
  expect(await (await fetch(`${url}/`)).text()).toBe('the host')
}

describe('a listener', () => {
  it('keeps every cookie of a Web-standard handler', async () => {
    const headers = new Headers([
      ['set-cookie', 'a=1; Expires=Wed, 21 Oct 2037 07:28:00 GMT'],
      ['set-cookie', 'b=2'],
    ])
    const url = await listen(toNodeListener(async () => new Response('', { headers })))
    expect((await fetch(url)).headers.getSetCookie()).toEqual([...headers.getSetCookie()])
  })

  it('survives a host that has answered before', async () => {
    const { handler } = await handlerOf()
    const listener = toNodeListener(handler)
    const url = await listen((request, response) => {
      response.write('the host')
      listener(request, response)
    })
    await expect(fetch(`${url}/healthz`).then((answer) => answer.text())).rejects.toThrow()
    await expect(fetch(`${url}/healthz`).then((answer) => answer.text())).rejects.toThrow()
  })
})

describe('a handler is mounted in', () => {
  it('Hono', async () => {
    const { Hono } = await import('hono')
    const { handler } = await handlerOf()
    const app = new Hono()
    app.get('/', (context) => context.text('the host'))
    app.mount('/models', handler)
    await expectServed(await listen(toNodeListener(async (request) => app.fetch(request))))
  })

  it('Express', async () => {
    const { default: express } = await import('express')
    const { handler } = await handlerOf()
    const app = express()
    app.get('/', (_, response) => void response.type('text').send('the host'))
    app.use('/models', toNodeListener(handler))
    await expectServed(await listen(app))
  })

  it('Fastify', async () => {
    const { default: fastify } = await import('fastify')
    const { handler } = await handlerOf({ basePath: '/models' })
    const app = fastify()
    onTestFinished(() => app.close())
    app.get('/', async () => 'the host')
    const listener = toNodeListener(handler)
    await app.register(async (models) => {
      models.removeAllContentTypeParsers()
      models.addContentTypeParser('*', (_, __, done) => done(null))
      models.all('/models/*', (request, reply) => {
        reply.hijack()
        listener(request.raw, reply.raw)
      })
    })
    await expectServed(await app.listen({ port: 0, host: '127.0.0.1' }))
  })
})
