import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import {
  actionsIdentity,
  type HuggingFaceOptions,
  trustedPublisherFetch,
  trustedPublisherToken,
} from '../../src/releaser/huggingface/index.js'
import type { HubOptions } from '../../src/testing/hub/index.js'
import { repository, worldFor } from './huggingface-fixture.js'

const exchanged = 'hf_jwt_OneHourForOneRepository'

/** GitHub's service for identities, which gives an identity for the audience that is asked for. */
async function startIdentities(status = 200): Promise<Readonly<Record<string, string>>> {
  const server = createServer(({ url, headers }, response) => {
    const isKnown = headers.authorization === 'Bearer runner-secret'
    const audience = new URL(url!, 'http://localhost').searchParams.get('audience')
    response.writeHead(isKnown ? status : 401, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ value: `identity for ${audience}` }))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'runner-secret',
  }
}

async function publisherWorld({
  identities,
  nowMs,
  ...options
}: Partial<HubOptions> & { readonly identities?: number; readonly nowMs?: () => number } = {}) {
  const environment = await startIdentities(identities)
  const world = await worldFor({ tokens: [{ token: exchanged, role: 'write' }], ...options })
  const endpoint = world.hub.url
  const identity = actionsIdentity(environment)!
  const open = (more: Partial<HuggingFaceOptions> = {}) =>
    world.open({
      token: trustedPublisherToken,
      fetch: trustedPublisherFetch({ repository, endpoint, identity, nowMs }),
      create: 'public',
      ...more,
    })
  const exchanges = () => world.hub.requests.filter(({ path }) => path === '/oauth/token').length
  return { world, open, exchanges, endpoint }
}

it('publishes without a secret, with one exchange', async () => {
  const seen: string[][] = []
  const { world, open, exchanges, endpoint } = await publisherWorld({
    trustedPublisher: (...asked) => {
      seen.push(asked)
      return exchanged
    },
  })
  const registry = open()
  const bundle = await world.write('bundle', { 'config.json': '{}' })
  const pending = await registry.prepare(await world.request(bundle, '1.0.0'), world.context)
  await registry.verify(pending, world.context)
  await registry.publish(pending, world.context)
  expect((await registry.current('latest', world.context))?.version).toBe('1.0.0')
  expect(seen).toEqual([[`identity for ${endpoint}`, repository]])
  expect(exchanges()).toBe(1)
})

it('renews the token before it ends', async () => {
  let nowMs = 0
  const { world, open, exchanges } = await publisherWorld({ trustedPublisher: () => exchanged, nowMs: () => nowMs })
  const registry = open()
  await registry.prepare(await world.request(await world.write('bundle', { 'a.json': '{}' }), '1.0.0'), world.context)
  for (const [minutes, expected] of [
    [49, 1],
    [51, 2],
    [60, 2],
  ] as const) {
    nowMs = minutes * 60_000
    await registry.channels(world.context)
    expect([minutes, exchanges()]).toEqual([minutes, expected])
  }
})

it('reads a public repository without a trusted publisher, and says what is missing when it publishes', async () => {
  const { world, open } = await publisherWorld({ tokens: [{ token: 'hf_somebody', role: 'write' }] })
  const bundle = await world.write('bundle', { 'config.json': '{}' })
  const owner = world.open({ token: 'hf_somebody', create: 'public' })
  const pending = await owner.prepare(await world.request(bundle, '1.0.0'), world.context)
  await owner.publish(pending, world.context)

  const registry = open()
  expect((await registry.current('latest', world.context))?.version).toBe('1.0.0')
  const next = await world.write('next', { 'config.json': '{"a":1}' })
  const { code, message, retryable } = await world.failure(
    registry.prepare(await world.request(next, '1.1.0'), world.context),
  )
  expect([code, retryable]).toEqual(['access-denied', false])
  expect(message).toContain('No trusted publisher matches')
  expect(message).toContain('Trusted Publishers')
})

it.each([
  ['a token that is none', 'somebody else'],
  ['a token with a line break', 'hf_a\nx-header: b'],
])('refuses %s', async (_, token) => {
  const { world, open } = await publisherWorld({ trustedPublisher: () => token })
  const bundle = await world.write('bundle', { 'config.json': '{}' })
  const failure = await world.failure(open().prepare(await world.request(bundle, '1.0.0'), world.context))
  expect(failure.code).toBe('access-denied')
  expect(failure.message).toContain('contains no token')
  expect(failure.message).not.toContain(token)
})

it('names GitHub if it gives no identity', async () => {
  const { world, open } = await publisherWorld({ trustedPublisher: () => exchanged, identities: 403 })
  const bundle = await world.write('bundle', { 'config.json': '{}' })
  const failure = await world.failure(open().prepare(await world.request(bundle, '1.0.0'), world.context))
  expect(failure.message).toContain('GitHub gave no identity (status 403)')
})

const placeholder = { authorization: `Bearer ${trustedPublisherToken}` }

it('gives the token to the endpoint only, whatever kind the headers are', async () => {
  const seen: string[] = []
  const send = trustedPublisherFetch({
    repository,
    endpoint: 'https://hub.example.org',
    identity: async () => 'me',
    async fetch(input, init) {
      const request = new Request(input, init)
      if (request.url.endsWith('/oauth/token')) return Response.json({ access_token: exchanged })
      seen.push(`${new URL(request.url).host} ${request.headers.get('authorization')}`)
      return new Response()
    },
  })
  await send('https://hub.example.org/api/a', { headers: placeholder })
  await send(new URL('https://hub.example.org/api/a'), { headers: Object.entries(placeholder) })
  await send(new Request('https://hub.example.org/api/a', { headers: new Headers(placeholder) }))
  await send('https://files.example.org/a', { headers: placeholder })
  const known = `hub.example.org Bearer ${exchanged}`
  expect(seen).toEqual([known, known, known, `files.example.org Bearer ${trustedPublisherToken}`])
})

it('stops waiting for the exchange when it is aborted', async () => {
  const stop = new AbortController()
  const send = trustedPublisherFetch({ repository, identity: () => new Promise(() => {}) })
  const sent = send('https://huggingface.co/api/models', { headers: placeholder, signal: stop.signal })
  const reason = new Error('stopped by hand')
  stop.abort(reason)
  await expect(sent).rejects.toBe(reason)
})

it('takes a busy Hub for one to try again, not for one that refuses', async () => {
  const send = trustedPublisherFetch({
    repository,
    identity: async () => 'me',
    fetch: async () => new Response('busy', { status: 503 }),
  })
  const request = { method: 'POST', headers: placeholder }
  await expect(send('https://huggingface.co/api/models/a/b/commit/main', request)).rejects.toMatchObject({
    ...{ code: 'remote-failed', retryable: true },
  })
})

it('needs the permission of the job', () => {
  expect(actionsIdentity({})).toBeUndefined()
  expect(actionsIdentity({ ACTIONS_ID_TOKEN_REQUEST_URL: 'https://a', ACTIONS_ID_TOKEN_REQUEST_TOKEN: '' })).toBe(
    undefined,
  )
})

it('takes a repository that it may create as empty if the Hub tells nobody without a token whether it exists', async () => {
  const { world } = await publisherWorld()
  const registry = world.open({ token: undefined, create: 'public' })
  expect(await registry.current('latest', world.context)).toBeUndefined()
  expect(world.lines.join()).toContain('taken as not created yet')
  const strict = world.open({ token: undefined, create: undefined })
  expect((await world.failure(strict.current('latest', world.context))).code).toBe('access-denied')
})
