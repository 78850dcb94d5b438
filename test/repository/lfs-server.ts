// A server of Git LFS, https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md, that can also lie.
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll } from 'vitest'

const closing: (() => Promise<void>)[] = []
afterAll(async () => void (await Promise.all(closing.map((close) => close()))))

export interface Request {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type Answer = (request: Request, response: ServerResponse) => void

/** A server on 127.0.0.1, and what it was asked. */
export async function startServer(answer: Answer): Promise<{ readonly url: string; readonly asked: Request[] }> {
  const asked: Request[] = []
  const server = createServer((message, response) => {
    const pieces: Buffer[] = []
    message.on('data', (piece: Buffer) => pieces.push(piece))
    message.on('end', () => {
      const { method = '', url = '', headers } = message
      const request = { method, path: url, headers, body: Buffer.concat(pieces).toString() }
      asked.push(request)
      answer(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

export const oidOf = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex')

export const pointerTo = (content: string | Uint8Array, size = Buffer.byteLength(content)) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oidOf(content)}\nsize ${size}\n`

export interface LfsServerOptions {
  /** The value of `authorization` without which the batch API answers 401. @default none */
  readonly authorization?: string | undefined
  /** What is sent for an object. @default its content */
  readonly send?: ((content: Buffer, request: Request, response: ServerResponse) => void) | undefined
  /** The answer of the batch API. @default 200 with the objects */
  readonly batch?: ((body: BatchBody, response: ServerResponse) => boolean) | undefined
  /** The action for an object. @default an address on this server */
  readonly action?: ((oid: string) => object) | undefined
}

export interface BatchBody {
  readonly objects: readonly { readonly oid: string; readonly size: number }[]
  readonly [key: string]: unknown
}

/** Holds objects for every repository below it. */
export async function startLfs(contents: readonly (string | Uint8Array)[], options: LfsServerOptions = {}) {
  const objects = new Map(contents.map((content) => [oidOf(content), Buffer.from(content)]))
  const server = await startServer((request, response) => {
    const { method, path, headers, body } = request
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/vnd.git-lfs+json' })
      response.end(typeof value === 'string' ? value : JSON.stringify(value))
    }
    if (method === 'POST' && path.endsWith('/info/lfs/objects/batch')) {
      if (headers.authorization !== options.authorization) return json(401, { message: 'Credentials needed' })
      const asked = JSON.parse(body) as BatchBody
      if (options.batch?.(asked, response)) return
      return json(200, {
        transfer: 'basic',
        objects: asked.objects.map(({ oid, size }) =>
          objects.has(oid)
            ? { oid, size, actions: { download: options.action?.(oid) ?? { href: `${server.url}/objects/${oid}` } } }
            : { oid, size, error: { code: 404, message: 'Object does not exist' } },
        ),
      })
    }
    const content = objects.get(path.replace('/objects/', ''))
    if (method !== 'GET' || content === undefined) return json(404, { message: 'Not found' })
    if (options.send !== undefined) return options.send(content, request, response)
    response.writeHead(200, { 'content-length': content.length })
    response.end(content)
  })
  return server
}
