import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PendingRelease } from '../../src/releaser/index.js'
import type { HubFault, HubRequest } from '../../src/testing/hub/index.js'
import { isWhole, sampleOf } from '../whole.js'
import { bytesLike, historyOf, originWith, readersSee, release, worldFor } from './huggingface-fixture.js'

const old = '0.1.0 of 0.1.0'
const published = '0.1.1 of 0.1.1, 0.1.0'

/** A Hub with one release, 0.1.0. */
let origin: string

const files = (name: string) => ({
  'config.json': `{"name":"${name}"}`,
  'model.safetensors': bytesLike(name.charCodeAt(0), 40_000),
  'prompts/a.txt': 'the same prompt',
})

beforeAll(async () => {
  origin = await originWith(files('one'))
})
afterAll(() => rm(origin, { recursive: true }))

/** Requests of one kind: what is asked, without what differs from time to time. */
const kindOf = ({ method, host, path }: HubRequest) =>
  `${method} ${host}${path.replace(/\?.*/, '').replace(/[0-9a-f]{20,}/g, '…')}`

describe('a release to the Hub', () => {
  const faults: readonly (readonly [string, HubFault | 'lost'])[] = [
    ['a 500', { status: 500 }],
    ['a 503 with a page', { status: 503, headers: { 'content-type': 'text/html' }, body: '<h1>Busy</h1>' }],
    ['a 429', { status: 429, headers: { 'retry-after': '0' } }],
    ['a 408', { status: 408 }],
    ['a cut before it was heard', 'cut'],
    ['a cut within its body', { cutBodyAfterBytes: 10 }],
    ['a cut before its answer', 'lost'],
    ['an answer that stops half-way', { slowMs: 2000 }],
  ]
  it.each(sampleOf(faults, 2))('goes on by itself when each kind of request ends at first in %s', async (_, fault) => {
    const world = await worldFor({ origin })
    const timeoutMs = typeof fault === 'object' && 'slowMs' in fault ? 300 : undefined
    const met = new Set<string>()
    const first = (request: HubRequest) => met.size < met.add(kindOf(request)).size
    if (fault === 'lost') world.lose = (request) => (first(request) ? 'cut' : undefined)
    else world.fault = (request) => (first(request) ? fault : undefined)
    const registry = world.open({ patience: { attempts: 5, firstDelayMs: 0, longestDelayMs: 0, timeoutMs } })
    await release(world, registry, await world.write('two', files('two')))
    expect(await readersSee(world, registry)).toBe(published)
    expect(met.size).toBeGreaterThan(16)
    expect(await world.ask('GET', '/api/models/me/spam/refs').then((answer) => answer.json())).toMatchObject({
      branches: [{ name: 'main' }],
    })
  })

  const points: readonly (readonly [string, RegExp, string])[] = [
    ['the refs', /^GET hub.*\/refs$/, old],
    ['the pending release’s branch', /^POST hub.*\/branch\//, old],
    ['the question what is large', /^POST hub.*\/preupload\//, old],
    ['the question what is there', /^POST hub.*\/objects\/batch$/, old],
    ['a large file', /^PUT storage/, old],
    ['the pending release’s commit', /^POST hub.*\/commit\/pending-/, old],
    ['the list of what was sent', /^GET hub.*\/tree\//, old],
    ['what was sent', /^GET hub.*\/resolve\/.*\/config\.json$/, old],
    ['the commit that shows it', /^POST hub.*\/commit\/main$/, old],
    // From here on readers of the channel find it.
    ['the tag', /^POST hub.*\/tag\//, published],
    ['the pending release’s end', /^DELETE hub.*\/branch\//, published],
  ]
  const codes: readonly (readonly [number, readonly string[]])[] = [
    [400, ['release-rejected']],
    [401, ['access-denied']],
    [403, ['access-denied']],
    [404, ['not-found', 'artifact-corrupt']],
    [409, ['release-conflict']],
    [412, ['release-conflict']],
    [416, ['release-rejected']],
  ]
  it.each(sampleOf(points, 2))(
    'that is refused at %s says why, and is whole after the next run',
    async (name, point, state) => {
      const place = points.findIndex((one) => one[0] === name)
      const tried = codes.filter((_, index) => isWhole || index % codes.length === place % codes.length)
      const world = await worldFor({ origin })
      const directory = await world.write('two', files('two'))
      const request = await world.request(directory, '0.1.1')
      for (const [status, expected] of tried) {
        let asked = 0
        world.fault = (heard) => {
          if (!point.test(kindOf(heard))) return undefined
          asked += 1
          return { status, body: { error: 'Said no' } }
        }
        const registry = world.open({ create: undefined })
        const trial = async () => {
          let pending: PendingRelease | undefined
          for await (const one of registry.pending(world.context)) pending = one.pending
          pending ??= await registry.prepare(request, world.context)
          await registry.verify(pending, world.context)
          await registry.publish(pending, world.context)
        }
        // A branch that is not there is deleted.
        if (status === 404 && point.test('DELETE hub/branch/')) continue
        const { code, message } = await world.failure(trial())
        expect(expected, `${status}: ${message}`).toContain(code)
        expect(asked).toBeGreaterThan(0)
        world.fault = () => undefined
        expect([state, published]).toContain(await readersSee(world))
      }
      await release(world, world.open(), directory)
      expect(await readersSee(world)).toBe(published)
    },
  )

  it.each([
    ['the Hub', /^GET hub.*\/resolve\/.*\/model\.safetensors$/],
    ['where large files are', /^GET storage/],
  ])('that is read, and refused by %s, says why and leaves no file of that name', async (_, point) => {
    const world = await worldFor({ origin })
    const expected = { 401: 'access-denied', 403: 'access-denied', 404: 'not-found', 416: 'artifact-corrupt' }
    for (const [status, code] of Object.entries(expected)) {
      world.fault = (request) => (point.test(kindOf(request)) ? { status: Number(status) } : undefined)
      const target = join(world.folder, `open-${status}`)
      const error = await world.failure(world.registry.open('0.1.0', target, world.context))
      expect(error.code).toBe(code)
    }
    let cuts = 0
    world.fault = (request) => {
      if (!point.test(kindOf(request)) || cuts >= 3) return undefined
      cuts += 1
      return { cutBodyAfterBytes: 9000 }
    }
    expect(await readersSee(world)).toBe(old)
    expect(cuts).toBeGreaterThan(0)
  })

  it('is not tried for ever: a Hub that is down is an error that may be retried', async () => {
    const world = await worldFor({ origin })
    world.fault = () => ({ status: 503, headers: { 'retry-after': '0' } })
    const calls = [
      () => historyOf(world, world.registry),
      () => world.registry.current('latest', world.context),
      () => world.registry.withdraw('0.1.0', 'bad', world.context),
      () => world.registry.point('latest', '0.1.0', undefined, world.context),
    ]
    for (const call of calls)
      expect(await world.failure(call())).toMatchObject({ code: 'remote-failed', retryable: true })
    expect(world.hub.requests).toHaveLength(3 * calls.length)
  })
})
