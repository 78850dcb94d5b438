import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { isSheikhError } from '../../src/core/index.js'
import { proxyFetch, proxyFetchWith, type Undici } from '../../src/releaser/remote/index.js'
import { builtRooms } from '../built-package.js'
import { spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { extension, makeCertificate } from './reference/certificates.js'

let folder: string
let rooms: string
/** Absent: what needs it is skipped. */
let undici: Undici | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-remote-'))
  rooms = await builtRooms()
  const name: string = 'undici'
  undici = await import(name).catch(() => undefined)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((done) => server.close(done))
  })
  return (server.address() as AddressInfo).port
}

const hello = (_: IncomingMessage, response: ServerResponse) => response.end('hello')

/** Nobody else trusts it. */
const certificate = makeCertificate({
  subject: '127.0.0.1',
  authority: true,
  keyUsage: null,
  extensions: [extension('551d11', Buffer.from('300687047f000001', 'hex'), false)],
})
const startHttps = () =>
  listen(createHttpsServer({ key: certificate.privateKeyPem, cert: certificate.pem }, hello) as unknown as Server)

/** @returns its port, and what it was asked for. */
async function startProxy(password?: string) {
  const asked: string[] = []
  const isWelcome = ({ headers }: IncomingMessage) =>
    password === undefined ||
    headers['proxy-authorization'] === `Basic ${Buffer.from(`me:${password}`).toString('base64')}`
  const proxy = createServer((incoming, response) => {
    asked.push(`${incoming.method} ${incoming.url}`)
    const { method, headers } = incoming
    incoming.pipe(
      request(incoming.url!, { method: method!, headers }, (answer) => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      }),
    )
  })
  proxy.on('connect', (incoming: IncomingMessage, socket: Socket) => {
    asked.push(`CONNECT ${incoming.url}`)
    if (!isWelcome(incoming)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
    const [host, port] = incoming.url!.split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  })
  return { port: await listen(proxy), asked }
}

/** In a process of its own: Node reads NODE_EXTRA_CA_CERTS when it starts. */
async function fetchElsewhere(url: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const program = `
    const { proxyFetch } = await import(${JSON.stringify(join(rooms, 'releaser/remote/index.js'))})
    const answer = await proxyFetch(process.env)(${JSON.stringify(url)})
      .then((response) => response.text(), (error) => 'error ' + (error.code ?? error.cause?.code))
    process.stdout.write(answer)`
  const unset = Object.fromEntries(
    ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY'].flatMap((name) => [
      [name, ''],
      [name.toLowerCase(), ''],
    ]),
  )
  return (await spawnNode(['--input-type=module', '--eval', program], { ...unset, ...environment })).output
}

describe('memory', () => {
  it('holds a small part of a file that is sent, and of an answer that is streamed', async () => {
    const sizeBytes = isWhole ? 400e6 : 200e6
    const path = join(folder, 'large.bin')
    await writeFile(path, '')
    await truncate(path, sizeBytes)
    let receivedBytes = 0
    const port = await listen(
      createServer(async (incoming, response) => {
        for await (const piece of incoming) receivedBytes += piece.length
        response.end()
      }),
    )
    const { output } = await spawnNode([
      '--input-type=module',
      '--eval',
      `
      import { openAsBlob } from 'node:fs'
      const { persistentFetch } = await import(${JSON.stringify(join(rooms, 'releaser/remote/index.js'))})
      const log = { debug() {}, info() {}, warn() {} }
      const fetching = persistentFetch({ fetch, log, signal: new AbortController().signal })
      const body = await openAsBlob(${JSON.stringify(path)})
      await fetching('http://127.0.0.1:${port}/', { method: 'PUT', body })
      process.stdout.write(String(process.resourceUsage().maxRSS * 1024))`,
    ])
    expect(receivedBytes).toBe(sizeBytes)
    expect(Number(output)).toBeLessThan(isWhole ? sizeBytes / 2 : 0.8 * sizeBytes)
  })
})

describe('proxyFetch', () => {
  it('is the platform’s own fetch where no proxy is named', async () => {
    const port = await listen(createServer(hello))
    const none = () => Promise.reject(new Error('not to be loaded'))
    for (const environment of [{}, { HTTPS_PROXY: '' }, { NO_PROXY: '*' }])
      expect(await (await proxyFetchWith(none, environment)(`http://127.0.0.1:${port}/`)).text()).toBe('hello')
  })

  it('trusts what NODE_EXTRA_CA_CERTS names, and nothing else', async () => {
    const url = `https://127.0.0.1:${await startHttps()}/`
    const path = join(folder, 'ca.pem')
    await writeFile(path, certificate.pem)
    expect(await fetchElsewhere(url, { NODE_EXTRA_CA_CERTS: path })).toBe('hello')
    expect(await fetchElsewhere(url, {})).toMatch(/error .*SELF_SIGNED/)
  })

  it.each([['HTTPS_PROXY'], ['https_proxy'], ['HTTP_PROXY'], ['ALL_PROXY']])(
    'never goes round the proxy in %s: without undici it says what to install',
    async (name) => {
      const { port, asked } = await startProxy()
      const missing = () => import('no-such-package' as string)
      const fetching = proxyFetchWith(missing, { [name]: `http://me:p4ssw0rd@127.0.0.1:${port}` })
      const error = await fetching('http://127.0.0.1:9/').catch((thrown: unknown) => thrown)
      expect(asked).toEqual([])
      expect(error).toSatisfy((thrown: unknown) => isSheikhError(thrown, 'missing-peer'))
      expect(String(error)).toContain('npm install undici@7')
      expect(String(error)).not.toContain('p4ssw0rd')
    },
  )

  it.each([
    ['HTTPS_PROXY', 'socks5://me:p4ssw0rd@127.0.0.1:1080'],
    ['HTTP_PROXY', 'http://'],
    ['ALL_PROXY', 'socks5h://me:p4ssw0rd@127.0.0.1'],
  ])('refuses a proxy that is none of HTTP’s, by its name alone: %s', (name, value) => {
    const make = () => proxyFetch({ [name]: value })
    expect(make).toThrow(name)
    try {
      make()
    } catch (error) {
      expect(isSheikhError(error, 'invalid-options')).toBe(true)
      expect(String(error)).not.toContain('p4ssw0rd')
    }
  })

  describe('with undici', () => {
    it('sends all that it is asked through the proxy, but what NO_PROXY names', async ({ skip }) => {
      if (undici === undefined) return skip('the package undici is not installed')
      const url = `http://127.0.0.1:${await listen(createServer(hello))}/`
      const { port, asked } = await startProxy('p4ssw0rd')
      const through = `http://me:p4ssw0rd@127.0.0.1:${port}`
      for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'])
        expect(await (await proxyFetch({ [name]: through })(url)).text()).toBe('hello')
      expect(asked).toHaveLength(3)
      for (const noProxy of ['127.0.0.1', '*', 'example.org, 127.0.0.1'])
        expect(await (await proxyFetch({ HTTP_PROXY: through, NO_PROXY: noProxy })(url)).text()).toBe('hello')
      expect(asked).toHaveLength(3)
    })

    itInFull('reaches https through a tunnel, with the certificates of NODE_EXTRA_CA_CERTS', async ({ skip }) => {
      if (undici === undefined) return skip('the package undici is not installed')
      const target = `127.0.0.1:${await startHttps()}`
      const { port, asked } = await startProxy('p4ssw0rd')
      const path = join(folder, 'ca.pem')
      await writeFile(path, certificate.pem)
      const environment = { NODE_EXTRA_CA_CERTS: path, HTTPS_PROXY: `http://me:p4ssw0rd@127.0.0.1:${port}` }
      expect(await fetchElsewhere(`https://${target}/`, environment)).toBe('hello')
      expect(asked).toEqual([`CONNECT ${target}`])
      const refused = { ...environment, HTTPS_PROXY: `http://me:wrong@127.0.0.1:${port}` }
      expect(await fetchElsewhere(`https://${target}/`, refused)).toMatch(/^error/)
      expect(await fetchElsewhere(`https://${target}/`, { HTTPS_PROXY: environment.HTTPS_PROXY })).toMatch(/^error/)
    })

    it('sends a file that is given as a Blob, and hears a signal', async ({ skip }) => {
      if (undici === undefined) return skip('the package undici is not installed')
      let receivedBytes = 0
      const server = createServer(async (incoming, response) => {
        for await (const piece of incoming) receivedBytes += piece.length
        if (incoming.method === 'PUT') response.end('taken')
      })
      const url = `http://127.0.0.1:${await listen(server)}/`
      const { port, asked } = await startProxy()
      const fetching = proxyFetch({ HTTP_PROXY: `127.0.0.1:${port}` })
      const body = new Blob([new Uint8Array(3e6)])
      const answer = await fetching(url, { method: 'PUT', body, redirect: 'error', window: null })
      expect([await answer.text(), receivedBytes, asked.length]).toEqual(['taken', 3e6, 1])
      const stopping = new AbortController()
      const asking = fetching(url, { signal: stopping.signal })
      stopping.abort({ why: 'enough' })
      await expect(asking).rejects.toMatchObject({ why: 'enough' })
    })
  })
})
