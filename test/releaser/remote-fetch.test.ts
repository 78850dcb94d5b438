import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { type Fetch, persistentFetch } from '../../src/releaser/remote/index.js'

const secret = 'hf_AbcDefGhiJklMno'
const mebibyte = 1 << 20

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function patient(options: Partial<Parameters<typeof persistentFetch>[0]> = {}): Fetch {
  const { log, signal } = callContext()
  return persistentFetch({ fetch, log, signal, attempts: 3, firstDelayMs: 0, longestDelayMs: 0, ...options })
}

async function read(body: AsyncIterable<Uint8Array>): Promise<number> {
  let sizeBytes = 0
  for await (const piece of body) sizeBytes += piece.length
  return sizeBytes
}

const failed = (fact: RegExp) => (error: unknown) =>
  isSheikhError(error, 'remote-failed') && error.retryable && fact.test(error.message)

describe('a persistent fetch', () => {
  it.each([408, 425, 429, 500, 502, 503, 504])('asks again after a %i, and says so at last', async (status) => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.writeHead(status, { 'retry-after': '0' }).end()
    })
    await expect(patient()(url)).rejects.toSatisfy(failed(new RegExp(`answered ${status}`)))
    expect(asked).toBe(3)
    asked = 0
    await expect(patient()(url, { method: 'POST', body: '{}' })).rejects.toSatisfy(failed(/POST/))
    expect(asked).toBe(1)
  })

  it.each([200, 400, 401, 403, 404, 409, 412, 416, 501])('gives a %i to its caller at once', async (status) => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.writeHead(status).end('said')
    })
    const response = await patient()(url)
    expect([response.status, await response.text(), asked]).toEqual([status, 'said', 1])
  })

  it.each([
    ['a Blob', () => new Blob([new Uint8Array(3 * mebibyte)])],
    ['bytes', () => new Uint8Array(3 * mebibyte)],
    ['a slice', () => new Blob([new Uint8Array(5 * mebibyte)]).slice(mebibyte, 4 * mebibyte)],
  ])('sends %s anew after it broke off half-way', async (_, body) => {
    const received: number[] = []
    const url = await serve(async (request, response) => {
      if (received.length === 0) {
        received.push(0)
        request.once('data', () => request.socket.destroy())
        return
      }
      expect(request.headers['content-length']).toBe(`${3 * mebibyte}`)
      expect(request.headers['content-type']).toBe(undefined)
      received.push(await read(request))
      response.end()
    })
    expect((await patient()(url, { method: 'PUT', body: body() })).ok).toBe(true)
    expect(received).toEqual([0, 3 * mebibyte])
  })

  it('follows no redirect with a file, of which it would have to keep a copy', async () => {
    const url = await serve((request, response) => {
      request.resume()
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    await expect(patient()(url, { method: 'PUT', body: new Blob(['x']) })).rejects.toSatisfy(failed(/redirect/))
  })

  it('gives a file to whatever fetch it was made with, which may read it whole', async () => {
    const texts: string[] = []
    const other: Fetch = async (_, init) => {
      const body = init?.body as Blob
      texts.push(await body.text(), Buffer.from(await body.arrayBuffer()).toString(), await body.slice(1, 3).text())
      return new Response()
    }
    for (const body of [new Blob(['a file']), Buffer.from('a file')])
      await patient({ fetch: other })('http://127.0.0.1/', { method: 'PUT', body })
    expect(texts).toEqual(['a file', 'a file', ' f', 'a file', 'a file', ' f'])
  })

  it('gives up what stands still, before the answer, within it and while it sends', async () => {
    const url = await serve(async (request, response) => {
      if (request.method === 'PUT') return
      if (request.url === '/half') response.write('half of it')
    })
    const fetching = patient({ attempts: 2, timeoutMs: 100 })
    await expect(fetching(url)).rejects.toSatisfy(failed(/nothing was heard for 0\.1 s/))
    const streamed = await fetching(`${url}half`)
    await expect(streamed.text()).rejects.toThrow(/nothing was heard for 0\.1 s/)
    await expect(patient({ timeoutMs: 100, attempts: 2, largestAnswerBytes: 100 })(`${url}half`)).rejects.toSatisfy(
      failed(/nothing was heard/),
    )
    const body = new Blob([new Uint8Array(64 * mebibyte)])
    await expect(fetching(url, { method: 'PUT', body })).rejects.toSatisfy(failed(/nothing was heard/))
  })

  it('waits as long as something moves, and for a reader that takes its time', async () => {
    const url = await serve(async (request, response) => {
      if (request.method === 'PUT') {
        for await (const _ of request) await wait(5)
        return void response.end()
      }
      for (let part = 0; part < 6; part += 1) {
        response.write('part ')
        await wait(400)
      }
      response.end()
    })
    // All takes longer than that; no part does, by far.
    const fetching = patient({ attempts: 1, timeoutMs: 2000 })
    const readWhole = async () => {
      const whole = await patient({ attempts: 1, timeoutMs: 2000, largestAnswerBytes: 100 })(url)
      expect(await whole.text()).toBe('part '.repeat(6))
    }
    const readSlowly = async () => {
      const reader = (await fetching(url)).body!.getReader()
      await reader.read()
      await wait(2500)
      await reader.read()
      await reader.cancel()
    }
    const send = async () => {
      const body = new Blob([new Uint8Array(8 * mebibyte)])
      expect((await fetching(url, { method: 'PUT', body })).ok).toBe(true)
    }
    await Promise.all([readWhole(), readSlowly(), send()])
  })

  it('reads no more of an answer than it may, and asks for it once', async () => {
    let asked = 0
    const url = await serve((_, response) => {
      asked += 1
      response.end('x'.repeat(101))
    })
    await expect(patient({ largestAnswerBytes: 100 })(url)).rejects.toSatisfy(
      (error) => isSheikhError(error, 'remote-failed') && error.message.includes('larger than 100 bytes'),
    )
    expect(asked).toBe(1)
  })

  it('waits as long as it is told, by seconds, by the fields of a draft, or by the date of the remote', async () => {
    const answers: readonly Readonly<Record<string, string>>[] = [
      { 'retry-after': '1' },
      { ratelimit: '"api";r=0;t=1' },
      { 'retry-after': 'Wed, 21 Oct 2026 07:28:01 GMT', date: 'Wed, 21 Oct 2026 07:28:00 GMT' },
    ]
    const at = answers.map((): number[] => [])
    const url = await serve(({ url: path }, response) => {
      const index = Number(path!.slice(1))
      at[index]!.push(performance.now())
      if (at[index]!.length === 1) response.writeHead(429, answers[index]).end()
      else response.end()
    })
    await Promise.all(answers.map((_, index) => patient({ attempts: 2, longestDelayMs: 60_000 })(`${url}${index}`)))
    expect(at.map(([first, second]) => second! - first! > 990)).toEqual([true, true, true])
  })

  it('shows nobody a token that no header may have', async () => {
    const error = await patient()('http://127.0.0.1/', { headers: { authorization: `Bearer ${secret}\n!` } }).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toSatisfy((thrown: unknown) => isSheikhError(thrown, 'access-denied'))
    expect(String((error as Error).stack) + JSON.stringify(error)).not.toContain(secret)
    expect((error as Error).cause).toBe(undefined)
  })

  it('stops when it is told, by either signal', async () => {
    const url = await serve(() => {})
    const reason = { why: 'enough' }
    await expect(patient({ signal: AbortSignal.abort(reason) })(url)).rejects.toBe(reason)
    const stopping = new AbortController()
    const asking = patient()(url, { signal: stopping.signal })
    stopping.abort(reason)
    await expect(asking).rejects.toBe(reason)
  })
})
