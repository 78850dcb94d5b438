import { execFileSync, spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Why tests that need the program are skipped; `undefined` where it is there. */
export const gitIsMissing: string | undefined = (() => {
  try {
    execFileSync('git', ['http-backend', '--help'], {
      stdio: 'ignore',
      env: { PATH: process.env['PATH'], GIT_PAGER: 'cat' },
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'git is not installed'
  }
  return undefined
})()

export interface GitServer {
  /** Of the folder whose repositories are served. */
  readonly url: string
  readonly requests: readonly string[]
  close(): Promise<void>
}

export interface GitServerOptions {
  readonly password?: string
  /** Runs before a request is answered; `false`: the connection is cut instead. */
  readonly before?: (request: IncomingMessage) => unknown
  /** Runs when a request was answered in full; `false`: the answer is lost on its way. */
  readonly after?: (request: IncomingMessage) => unknown
}

/** Real Git over HTTP on loopback: git's own `http-backend`, called as CGI. */
export async function gitServer(root: string, options: GitServerOptions = {}): Promise<GitServer> {
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    if (options.password !== undefined && passwordOf(request) !== options.password) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end()
      return
    }
    if ((await options.before?.(request)) === false) return void request.socket.destroy()
    backend(root, request, response, options)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

const passwordOf = ({ headers }: IncomingMessage) =>
  Buffer.from(headers.authorization?.replace(/^Basic /, '') ?? '', 'base64')
    .toString()
    .split(':')[1]

function backend(root: string, request: IncomingMessage, response: ServerResponse, { after }: GitServerOptions): void {
  const { pathname, search } = new URL(request.url!, 'http://localhost')
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_CONFIG_NOSYSTEM: '1',
      HOME: root,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      REMOTE_USER: 'tester',
      REMOTE_ADDR: '127.0.0.1',
      GIT_PROTOCOL: request.headers['git-protocol']?.toString() ?? '',
      ...(request.headers['content-encoding'] && { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  request.pipe(child.stdin)
  child.stdin.on('error', () => {})
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  child.on('close', () => {
    if (after?.(request) === false) return void request.socket.destroy()
    const answer = Buffer.concat(pieces)
    const end = answer.indexOf('\r\n\r\n')
    const headers = new Map(
      answer
        .subarray(0, end)
        .toString()
        .split('\r\n')
        .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)] as const),
    )
    const status = Number.parseInt(headers.get('status') ?? '200', 10)
    headers.delete('status')
    response.writeHead(status, Object.fromEntries(headers)).end(answer.subarray(end + 4))
  })
}
