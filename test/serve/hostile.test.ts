import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { handlerOf, post, releasedModel, serverOf, talk } from './fixture.js'

const path = '/v1/predict'
const json = 'Content-Type: application/json\r\n'
const request = (body: string, headers = json) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

/** Every refusal is JSON in our words, without a stack or a path of the machine. */
function expectRefusal(text: string, code: string) {
  const { error } = JSON.parse(text) as { readonly error: { readonly code: string; readonly message: string } }
  expect(error.code).toBe(code)
  expect(error.message).toMatch(/^(Cannot|The) .*\.$/)
  expect(text).not.toMatch(/\n {4}at |node_modules|file:|\/src\/|"stack"/)
}

describe('a hostile body', () => {
  const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels)
  it.each([
    ['nothing', '', 400, 'invalid-json'],
    ['no JSON', '{"inputs":', 400, 'invalid-json'],
    ['two values', '{"inputs":["a"]}{}', 400, 'invalid-json'],
    ['a byte order mark inside', '{"inputs":["a"],\ufeff}', 400, 'invalid-json'],
    ['null bytes outside a string', '{"inputs":\u0000["a"]}', 400, 'invalid-json'],
    ['a raw null byte in a string', '{"inputs":["\u0000"]}', 400, 'invalid-json'],
    ['a deep list', deep('[', ']', 100_000), 400, 'invalid-json'],
    ['a deep object', `{"inputs":${deep('{"a":', '}', 1000)}}`, 400, 'invalid-json'],
    ['a key twice', '{"inputs":["a"],"inputs":["b"]}', 400, 'invalid-json'],
    ['a key twice, once escaped', '{"inputs":["a"],"\\u0069nputs" : ["b"]}', 400, 'invalid-json'],
    ['a huge number', '{"inputs":[1e999]}', 400, 'invalid-json'],
    ['an integer that a float rounds', '{"inputs":["a"],"id":9007199254740993}', 400, 'invalid-json'],
    ['a negative one in a list', '{"inputs":[1,-12345678901234567891]}', 400, 'invalid-json'],
    ['an integer without end', `{"inputs":[${'1'.repeat(900_000)}]}`, 400, 'invalid-json'],
    ['__proto__', '{"inputs":["a"],"__proto__":{"inputs":["b"]}}', 400, 'invalid-request'],
    ['__proto__ alone', '{"__proto__":{"inputs":["a"]}}', 400, 'invalid-request'],
    ['constructor', '{"constructor":{"prototype":{"inputs":["a"]}}}', 400, 'invalid-request'],
    ['a list like an object', '{"inputs":{"length":1,"0":"a"}}', 422, 'invalid-input'],
    ['numbers', `{"inputs":[${'1,'.repeat(200_000)}1]}`, 422, 'invalid-input'],
    ['many escaped quotes and no end', `{"inputs":["${'\\"'.repeat(400_000)}`, 400, 'invalid-json'],
    ['null', 'null', 400, 'invalid-request'],
  ])('is refused: %s', async (_, body, status, code) => {
    const { handler, said } = await handlerOf()
    const response = await handler(post(path, body))
    expectRefusal(await response.text(), code)
    expect([response.status, said]).toEqual([status, []])
  })

  it.each([
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), {}, 400, 'invalid-json'],
    ['a form', '{"inputs":["a"]}', { 'content-type': 'text/plain' }, 415, 'unsupported-media-type'],
    ['a type like JSON', '{"inputs":["a"]}', { 'content-type': 'application/jsonp' }, 415, 'unsupported-media-type'],
    ['a compressed body', gzipSync('{"inputs":["a"]}'), { 'content-encoding': 'gzip' }, 415, 'unsupported-media-type'],
    ['a large body', `{"inputs":["${'a'.repeat(2000)}"]}`, {}, 413, 'body-too-large'],
    ['a false length', '{"inputs":["a"]}', { 'content-length': '9999999' }, 413, 'body-too-large'],
  ] as const)('is refused: %s', async (_, body, headers, status, code) => {
    const { handler } = await handlerOf({ maximumBodyBytes: 1000 })
    const response = await handler(post(path, body, headers))
    expectRefusal(await response.text(), code)
    expect(response.status).toBe(status)
  })

  it('is text for the model, whatever it says', async () => {
    const { handler } = await handlerOf()
    const inputs = ['{{ self.__init__.__globals__ }}', '{% for x in range(1e9) %}', '\u0000\ud800', '__proto__']
    const response = await handler(post(path, { inputs }))
    const { predictions } = (await response.json()) as { readonly predictions: readonly unknown[] }
    expect([response.status, predictions.length]).toEqual([200, inputs.length])
  })

  it('accepts equal keys in different objects, and strings that look like keys', async () => {
    const { handler } = await handlerOf({
      inputSchema: {},
      smokeInputs: ['a'],
      prepare: async (values) => values.map(() => 'a'),
    })
    // Integers that a float holds exactly, a fraction, and a text.
    const numbers = '[9007199254740992, 100000000000000000000, 0.12345678901234567890, "9007199254740993"]'
    expect((await handler(post(path, `{"inputs":${numbers}}`))).status).toBe(200)
    for (const inputs of [[{ a: 1 }, { a: { a: ['a', 'a'] } }], ['"a":', '"a":'], [{ a: '"b":"b":' }]])
      expect((await handler(post(path, { inputs }))).status).toBe(200)
  })
})

describe('a hostile path or method', () => {
  it.each([
    ['GET', '/v1/../metrics', 404],
    ['GET', '/%2e%2e/etc/passwd', 404],
    ['GET', '//healthz', 404],
    ['GET', '/healthz/', 404],
    ['GET', '/healthz%00', 404],
    ['GET', '/constructor', 404],
    ['GET', '/__proto__', 404],
    ['GET', path, 405],
    ['DELETE', path, 405],
    ['OPTIONS', path, 405],
    ['HEAD', '/healthz', 405],
    ['TRACE', path, 405],
  ])('%s %s', async (method, at, status) => {
    const { server } = await serverOf()
    const said = await talk(server.port, [`${method} ${at} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`])
    expect(said.split(' ')[1]).toBe(String(status))
    expect(said.toLowerCase()).not.toContain('access-control')
    if (method !== 'HEAD')
      expectRefusal(said.split('\r\n\r\n')[1]!, status === 404 ? 'not-found' : 'method-not-allowed')
  })
})

describe('a hostile connection', () => {
  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400],
    ['a header with a null byte', `GET /healthz HTTP/1.1\r\nHost: x\r\nA: \u0000\r\n\r\n`, 400],
    [
      'two lengths',
      `POST ${path} HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`,
      400,
    ],
    [
      'a length and chunks',
      `POST ${path} HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['long headers', `GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
    ['an absolute address', 'GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
    ['no path', 'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 400],
  ])('is refused: %s', async (_, bytes, status) => {
    const { server, url } = await serverOf()
    const said = await talk(server.port, [bytes])
    expect(said.split(' ')[1]).toBe(String(status))
    expectRefusal(said.split('\r\n\r\n')[1]!, 'invalid-request')
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  it('answers pipelined requests in their order', async () => {
    const { server } = await serverOf()
    const bodies = ['{"inputs":["apple 1"]}', '{"inputs":', '{"inputs":["plum 1","fig 2"]}']
    const last = request('{"inputs":["a","b","c"]}', `${json}Connection: close\r\n`)
    const said = await talk(server.port, [bodies.map((body) => request(body)).join('') + last])
    const answers = said.split(/(?=HTTP\/1\.1 )/).map((answer) => answer.split('\r\n\r\n'))
    expect(answers.map(([head]) => head!.split(' ')[1])).toEqual(['200', '400', '200', '200'])
    expect(answers.map(([, body]) => JSON.parse(body!).predictions?.length)).toEqual([1, undefined, 2, 3])
  })

  it('answers a client that has closed its half of the connection', async () => {
    const { server } = await serverOf()
    const said = await talk(server.port, [request('{"inputs":["apple"]}')], { half: true })
    expect(said).toMatch(/^HTTP\/1\.1 200 [\s\S]*"predictions"/)
  })

  it('survives a client that leaves in the middle of its body', async () => {
    const { server, url, said } = await serverOf()
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 100\r\n\r\n{"inputs`
    await talk(server.port, [head], { half: true })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(said).toEqual([])
  })

  it.each([
    ['a slow body', `POST ${path} HTTP/1.1\r\nHost: x\r\n${json}Content-Length: 100\r\n\r\n{"inputs`],
    ['slow headers', 'POST / HTTP/1.1\r\nHost: x\r\n'],
  ])('does not wait for %s', async (_, head) => {
    const { server } = await serverOf({ timeoutMs: 200 })
    const said = await talk(server.port, [head])
    expect(said.split(' ')[1]).toBe('408')
    expectRefusal(said.split('\r\n\r\n')[1]!, 'request-timeout')
  })

  itInFull(
    'ends the connection of a client that does not read its answer',
    async () => {
      const text = 'a'.repeat(1 << 24)
      const { server } = await serverOf(
        { timeoutMs: 200, smokeInputs: [] },
        await releasedModel(async () => [{ kind: 'text', text }]),
      )
      const closedByServer = new Promise<void>((resolve) => {
        const accept = (message: unknown) => {
          unsubscribe('net.server.socket', accept)
          ;(message as { readonly socket: Socket }).socket.once('close', () => resolve())
        }
        subscribe('net.server.socket', accept)
      })
      const socket = connect(server.port, '127.0.0.1', () => socket.pause().write(request('{"inputs":["apple"]}')))
      const said: Buffer[] = []
      await closedByServer
      const closed = once(socket, 'close')
      socket.on('error', () => {}).on('data', (piece) => said.push(piece))
      socket.resume()
      await closed
      expect(Buffer.concat(said).length).toBeLessThan(text.length)
    },
    20_000,
  )

  it('ends the connection of a client that sends more than it may', async () => {
    const { server } = await serverOf({ maximumBodyBytes: 1000 })
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\n${json}Transfer-Encoding: chunked\r\n\r\n`
    const chunk = `800\r\n${'a'.repeat(0x800)}\r\n`
    const said = await talk(server.port, [head, chunk])
    expect(said).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/i)
  })
})
