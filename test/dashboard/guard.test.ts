import { describe, expect, it } from 'vitest'
import { dashboardHandler } from '../../src/dashboard/handler.js'
import { serveDashboard } from '../../src/dashboard/index.js'
import { world } from '../pipeline/harness.js'
import { browser, pipelineSource } from './fixture.js'

const source = pipelineSource(world().pipeline())
const ask = (handler: (request: Request) => Promise<Response>, path: string, headers: Record<string, string> = {}) =>
  handler(new Request(`http://localhost${path}`, { headers }))

describe('every answer', () => {
  it('lets a page load only from this server, and nobody frame it', async () => {
    const { get } = browser(source)
    for (const path of ['/', '/style.css', '/live.js', '/icon.svg', '/api/runs', '/nothing', '/runs-7.html']) {
      const { headers } = await get(path)
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
      )
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    }
  })

  it('has no script, style or handler inside, and names nothing on another machine', async () => {
    const { text } = await browser(source).get('/')
    expect(text).not.toMatch(/ style=|<style| on[a-z]+=|javascript:|https?:\/\//)
    expect([...text.matchAll(/<script[^>]*>/g)].map(([tag]) => tag)).toEqual(['<script src="live.js" defer>'])
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    for (const path of ['/', '/api/runs']) {
      const { status, headers } = await browser(source).get(path, { method })
      expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }
  })
})

describe('without a token', () => {
  const handler = dashboardHandler(source, { isPublic: false })

  it.each(['localhost', 'localhost:8081', 'LOCALHOST:1', '127.0.0.1:8081', '127.0.0.2', '[::1]:8081', '10.0.0.7:80'])(
    'answers %s',
    async (host) => expect((await ask(handler, '/', { host })).status).toBe(200),
  )

  it.each(['evil.example', 'evil.example:8081', 'localhost.evil.example', '127.0.0.1.evil.example', '', '[::1'])(
    'refuses the name %j, which may have been bound to this machine',
    async (host) => {
      const answer = await ask(handler, '/api/runs', { host })
      expect(answer.status).toBe(421)
      expect(await answer.json()).toMatchObject({ error: { code: 'wrong-host' } })
    },
  )

  it('refuses a request without a Host', async () => expect((await ask(handler, '/')).status).toBe(421))
})

describe('with a token', () => {
  const links: string[] = []
  const handler = dashboardHandler(source, {
    isPublic: true,
    token: 'not-a-real-token',
    onLink: (path) => links.push(path),
  })

  it('refuses a token that no header can carry', () => {
    expect(() => dashboardHandler(source, { isPublic: false, token: 'two words' })).toThrow(
      'a token is empty, or contains a space or a character outside ASCII',
    )
  })

  it('asks for it on every path', async () => {
    for (const path of ['/', '/style.css', '/api/runs', '/nothing']) {
      const answer = await ask(handler, path, { host: 'models.example' })
      expect([path, answer.status, answer.headers.get('www-authenticate')]).toEqual([path, 401, 'Bearer'])
      expect(await answer.text()).not.toContain('tickets')
    }
    for (const authorization of ['Bearer wrong', 'Basic bm90', 'Bearer not-a-real-token2', 'Bearer'])
      expect((await ask(handler, '/', { authorization })).status).toBe(401)
    const authorization = 'Bearer not-a-real-token'
    expect((await ask(handler, '/', { authorization, host: 'models.example' })).status).toBe(200)
  })

  it('lets a browser in by a link that is valid once, and then makes the next', async () => {
    const [link] = links
    expect((await handler(new Request(`http://localhost${link}`, { method: 'HEAD' }))).status).toBe(401)
    const entered = await ask(handler, link!)
    expect([entered.status, entered.headers.get('location')]).toEqual([303, '/'])
    const [cookie, ...attributes] = entered.headers.get('set-cookie')!.split('; ')
    expect(attributes).toEqual(['HttpOnly', 'SameSite=Lax', 'Path=/'])
    expect((await ask(handler, '/', { cookie: `other=1; ${cookie}` })).status).toBe(200)
    expect((await ask(handler, '/', { cookie: `${cookie}x` })).status).toBe(401)
    expect((await ask(handler, link!)).status).toBe(401)
    expect(links).toHaveLength(2)
    expect((await ask(handler, links[1]!)).status).toBe(303)
  })
})

describe('over HTTP', () => {
  it('answers HEAD without a body, and gives the first link with the address', async () => {
    const links: string[] = []
    await using server = await serveDashboard(source, {
      ...{ host: '127.0.0.1', port: 0, isPublic: true, onLink: (link) => void links.push(link) },
    })
    expect(links).toEqual([expect.stringMatching(new RegExp(`^${server.url}/\\?link=[\\w-]{32}$`))])
    const entered = await fetch(links[0]!, { redirect: 'manual' })
    const cookie = entered.headers.get('set-cookie')!.split(';')[0]!
    const head = await fetch(server.url, { method: 'HEAD', headers: { cookie } })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await fetch(`${server.url}/api/runs`, { headers: { cookie } })).status).toBe(200)
  })

  it('says why it cannot listen', async () => {
    await using server = await serveDashboard(source, { host: '127.0.0.1', port: 0, isPublic: false })
    const port = Number(new URL(server.url).port)
    await expect(serveDashboard(source, { host: '127.0.0.1', port, isPublic: false })).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(`Cannot listen on 127.0.0.1, port ${port}`),
    })
  })
})
