import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { webhookNotifier } from '../../src/notify/index.js'
import { toNodeListener } from '../../src/serve/index.js'
import { handlerOf, post, releasedModel, settled } from './fixture.js'
import { following } from './following.js'

const refreshSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
interface Refreshed {
  readonly release: { readonly version: string; readonly bundle: string }
}

const refresh = (headers: Readonly<Record<string, string>> = {}, body = '') =>
  new Request('http://localhost/v1/refresh', { method: 'POST', headers, body })

describe('POST /v1/refresh', () => {
  it('looks at the channel at once, without polling', async () => {
    const { handler, release, version } = await following({ pollMs: undefined })
    const same = await handler(refresh())
    expect([same.status, await same.json()]).toMatchObject([200, { state: 'current', release: { version: '0.1.0' } }])
    await release()
    const { version: newest, bundle } = ((await (await handler(refresh())).json()) as Refreshed).release
    expect([newest, bundle]).toEqual(['0.1.1', handler.release.bundle])
    expect(await version()).toBe('0.1.1')
  })

  it('looks once more after a burst, however many ask', async () => {
    const { handler, release, state } = await following({ pollMs: undefined })
    let open = () => {}
    state.holdCurrent = new Promise<void>((resolve) => {
      open = resolve
    })
    const first = handler(refresh())
    await settled()
    await release()
    const burst = Array.from({ length: 50 }, () => handler(refresh()))
    await settled()
    expect(state.looks).toBe(1)
    open()
    const answers = await Promise.all([first, ...burst])
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    expect(await answers.at(-1)!.json()).toMatchObject({ release: { version: '0.1.1' } })
    // One for the first request, one for the burst, and one after the switch.
    expect(state.looks).toBe(3)
  })

  it('answers 202 while a release is loaded for long', async () => {
    const { handler, release, state, move } = await following({ pollMs: undefined })
    await release()
    state.isStuck = true
    const asked = handler(refresh())
    for (let turn = 0; turn < 20; turn += 1) await settled()
    await move(5000)
    const answer = await asked
    expect([answer.status, await answer.json()]).toMatchObject([
      202,
      { state: 'loading', release: { version: '0.1.0' } },
    ])
  })

  it('says that a release cannot be served, and tries it again when asked again', async () => {
    const { handler, release, state, said, poll, version } = await following()
    await release()
    state.isBroken = true
    const refused = await handler(refresh())
    expect([refused.status, await refused.json()]).toEqual([
      502,
      { error: { code: 'refresh-failed', message: expect.stringContaining('Still serving 0.1.0') } },
    ])
    expect(said).toEqual(['Still serving 0.1.0, because 0.1.1 cannot be served: Cannot load the weights.'])
    state.isBroken = false
    await poll()
    expect(await version()).toBe('0.1.0')
    expect((await handler(refresh())).status).toBe(200)
    expect(await version()).toBe('0.1.1')
  })

  it('is absent if nothing is followed', async () => {
    const { handler } = await handlerOf({}, await releasedModel())
    expect((await handler(refresh())).status).toBe(404)
    const document = await handler(new Request('http://localhost/openapi.json'))
    expect(Object.keys(((await document.json()) as { paths: object }).paths)).not.toContain('/v1/refresh')
  })

  it('is in the OpenAPI document', async () => {
    const { handler } = await following()
    const document = await handler(new Request('http://localhost/openapi.json'))
    expect(Object.keys(((await document.json()) as { paths: object }).paths)).toContain('/v1/refresh')
  })
})

describe('who may refresh', () => {
  const body = '{"action":"published"}'
  const github = (secret: string, content = body) => ({
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(content).digest('hex')}`,
  })

  it.each([
    ['the token', { token: 'secret-token' }, { authorization: 'Bearer secret-token' }, 200],
    ['no token', { token: 'secret-token' }, {}, 401],
    ['no token, but a secret', { token: 'secret-token', refreshSecret }, {}, 401],
    ['neither', { refreshSecret }, {}, 401],
    ["GitHub's signature", { token: 'secret-token', refreshSecret }, github(refreshSecret), 200],
    ["GitHub's signature without a token", { refreshSecret }, github(refreshSecret), 200],
    ["GitHub's signature with another secret", { refreshSecret }, github('another'), 401],
    ["GitHub's signature of another body", { refreshSecret }, github(refreshSecret, '{}'), 401],
    ['a signature that no secret checks', { token: 'secret-token' }, github(refreshSecret), 401],
    [
      'a wrong signature beside the token',
      { token: 'secret-token', refreshSecret },
      { authorization: 'Bearer secret-token', 'webhook-signature': 'v1,AAAA' },
      401,
    ],
  ] as const)('%s', async (_, settings, headers, status) => {
    const { handler, state } = await following(settings)
    expect((await handler(refresh(headers as Readonly<Record<string, string>>, body))).status).toBe(status)
    expect(state.looks).toBe(status === 200 ? 1 : 0)
  })

  it('a signature gives access to nothing else', async () => {
    const { handler } = await following({ token: 'secret-token', refreshSecret })
    const asked = JSON.stringify({ inputs: ['apple 1'] })
    expect((await handler(post('/v1/predict', asked, github(refreshSecret, asked)))).status).toBe(401)
  })

  it('the notifications of this package', async () => {
    const { handler, release, version } = await following({ token: 'secret-token', refreshSecret, pollMs: undefined })
    const server = createServer(toNodeListener(handler)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/refresh`
    await release()
    const message = {
      id: 'm1',
      atMs: 0,
      event: 'released',
      project: 'mail',
      title: 'Released',
      summary: 'Yes.',
    } as const
    const said = await webhookNotifier({ url, secret: refreshSecret }).notify(message, callContext())
    expect([said, await version()]).toEqual([expect.stringMatching(/^200/), '0.1.1'])
    const wrong = `whsec_${Buffer.alloc(32, 8).toString('base64')}`
    await expect(webhookNotifier({ url, secret: wrong }).notify(message, callContext())).rejects.toThrow('401')
  })

  it.each(['', 'short', 'whsec_AAAA'])('refuses the secret %j', async (secret) => {
    await expect(following({ refreshSecret: secret })).rejects.toSatisfy((error) =>
      isSheikhError(error, 'invalid-options'),
    )
  })
})
