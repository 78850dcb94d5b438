import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { type Clock, callContext } from '../../core/index.js'
import { checkRunRoutes, commentRoutes } from './comment-routes.js'
import { contentsRoutes } from './contents-routes.js'
import { type Exchange, type GitHubResponse, json, notFound, problem, type World } from './exchange.js'
import type { GitHubFault, GitHubRequest } from './faults.js'
import { gitRoutes } from './git-routes.js'
import {
  addCommit,
  type GitHubRepositoryState,
  type GitHubState,
  gitHubState,
  type NewGitHubRepository,
  newRepository,
} from './github-state.js'
import { issueRoutes } from './issue-routes.js'
import { pullRoutes } from './pull-routes.js'
import { receivePush } from './receive-push.js'
import { leaveStarter, releaseRoutes } from './release-routes.js'

export interface LoopbackGitHubOptions {
  /** The permissions of each token. @default one token with write access: `token` of the result */
  readonly tokens?: Readonly<Record<string, 'read' | 'write'>> | undefined
  /** Whether the assets and tag of a published release are immutable. @default false */
  readonly immutable?: boolean | undefined
  /** Whether assets have a digest, as on GitHub since 2025. @default true */
  readonly assetDigests?: boolean | undefined
  /** Whether asset downloads redirect to another host. @default true */
  readonly redirects?: boolean | undefined
  /** Whether the API address is like an Enterprise Server's, below `/api/v3`. @default false */
  readonly enterprise?: boolean | undefined
  /** Faults that replace a request. */
  readonly before?: ((request: GitHubRequest) => GitHubFault | undefined) | undefined
  /** Faults that replace the response to a fulfilled request. */
  readonly after?: ((request: GitHubRequest) => GitHubFault | undefined) | undefined
  /** The state of an earlier server to continue from. */
  readonly state?: GitHubState | undefined
  readonly clock?: Clock | undefined
}

export interface LoopbackGitHub {
  /** The address to use as `baseUrl`. */
  readonly url: string
  /** A token with write access. */
  readonly token: string
  readonly requests: readonly GitHubRequest[]
  readonly state: GitHubState
  /** Creates a repository, if it does not exist, with one commit on `main`. @param name as `owner/name`. */
  repository(name: string, as?: NewGitHubRepository): LoopbackGitHubRepository
  close(): Promise<void>
}

export interface LoopbackGitHubRepository {
  readonly state: GitHubRepositoryState
  /** Adds a commit to the default branch. @returns its SHA-1. */
  commit(message: string): string
  /**
   * Takes over the commits, branches and tags of a Git repository on this machine, as after a push. Needs `git`. References
   * that it does not have stay. @param directory a bare repository, or a `.git` folder.
   */
  receive(directory: string): Promise<void>
}

/**
 * Starts a GitHub server on 127.0.0.1 with releases, assets, issues, pull requests, comments, check runs, Git references and objects, and
 * files on branches. It keeps its data in `state`.
 */
export async function startGitHub(options: LoopbackGitHubOptions = {}): Promise<LoopbackGitHub> {
  const { tokens = { [defaultToken]: 'write' }, state = gitHubState(), enterprise = false } = options
  const clock = options.clock ?? callContext().clock
  const requests: GitHubRequest[] = []
  const server = createServer((request, response) => void serve(request, response))
  const downloads = createServer((request, response) => void download(request, response))
  const origins = [await listen(server), await listen(downloads)] as const
  const world: World = {
    apiUrl: `${origins[0]}${enterprise ? '/api/v3' : ''}`,
    uploadUrl: `${origins[0]}${enterprise ? '/api/uploads' : '/uploads'}`,
    isImmutable: options.immutable ?? false,
    hasDigests: options.assetDigests ?? true,
    ...(options.redirects !== false && {
      downloadUrl: (assetId: number) => `${origins[1]}/${assetId}?signature=loopback`,
    }),
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', origins[0])
    const isUpload = `${origins[0]}${url.pathname}`.startsWith(`${world.uploadUrl}/`)
    const root = new URL(isUpload ? world.uploadUrl : world.apiUrl).pathname.replace(/\/$/, '')
    const path = url.pathname.slice(root.length)
    const body = await bodyOf(request)
    const noted = note(request, isUpload ? 'uploads' : 'api', path + url.search, body?.length ?? 0)
    const exchange = url.pathname.startsWith(root) ? exchangeOf(request, url, path, body ?? Buffer.alloc(0)) : notFound
    const fault = body === undefined ? 'cut' : options.before?.(noted)
    if (fault === 'cut' || (fault !== undefined && 'status' in fault)) {
      if (isUpload && 'repository' in exchange) leaveStarter(exchange)
      return fail(response, fault)
    }
    if (fault !== undefined) await wait(fault.slowMs)
    const answer = 'repository' in exchange ? route(exchange) : exchange
    const late = options.after?.(noted)
    if (late === 'cut' || (late !== undefined && 'status' in late)) return fail(response, late)
    if (late !== undefined) await wait(late.slowMs)
    send(response, answer, request.headers.range)
  }

  function exchangeOf(request: IncomingMessage, url: URL, path: string, body: Buffer): Exchange | GitHubResponse {
    const token = request.headers.authorization?.replace(/^(Bearer|token) /i, '')
    const right = token === undefined ? undefined : tokens[token]
    const [, name, below = ''] = /^\/repos\/([^/]+\/[^/]+)\/?(.*)$/.exec(path) ?? []
    const repository = name === undefined ? undefined : state.repositories.get(decodeURIComponent(name).toLowerCase())
    if (token !== undefined && right === undefined) return problem(401, 'Bad credentials')
    if (repository === undefined || (repository.isPrivate && right === undefined)) return notFound
    const { method = 'GET' } = request
    if (method !== 'GET' && right === undefined) return problem(401, 'Requires authentication')
    if (method !== 'GET' && right === 'read') return problem(403, 'Resource not accessible by personal access token')
    return {
      method,
      path: decodeURIComponent(below),
      query: url.searchParams,
      accept: request.headers.accept ?? '',
      contentType: request.headers['content-type'] ?? '',
      contentLength: request.headers['content-length'],
      body,
      canWrite: right === 'write',
      repository,
      state,
      nowMs: clock.nowMs(),
      world,
    }
  }

  async function download(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const noted = note(request, 'downloads', request.url ?? '/', 0)
    const fault = options.before?.(noted)
    if (fault === 'cut' || (fault !== undefined && 'status' in fault)) return fail(response, fault)
    if (fault !== undefined) await wait(fault.slowMs)
    const url = new URL(request.url ?? '/', origins[1])
    const assets = [...state.repositories.values()].flatMap(({ releases }) => releases.flatMap(({ assets }) => assets))
    const asset = assets.find(({ id }) => `/${id}` === url.pathname)
    // The store behind GitHub refuses a request that is signed and has a token as well.
    if (noted.hasToken) return send(response, problem(400, 'InvalidAuthenticationInfo'))
    if (asset === undefined || url.searchParams.get('signature') !== 'loopback') return send(response, notFound)
    const late = options.after?.(noted)
    if (late === 'cut') {
      response.writeHead(200, { 'content-length': asset.bytes.byteLength })
      response.write(asset.bytes.subarray(0, asset.bytes.byteLength / 2), () => response.destroy())
      return
    }
    if (late !== undefined && 'status' in late) return fail(response, late)
    send(response, { status: 200, bytes: asset.bytes }, request.headers.range)
  }

  function note(request: IncomingMessage, host: GitHubRequest['host'], path: string, sizeBytes: number): GitHubRequest {
    const { method = 'GET', headers } = request
    const hasToken = headers.authorization !== undefined
    const noted = { number: requests.length + 1, method, path, host, hasToken, sizeBytes }
    requests.push(noted)
    return noted
  }

  return {
    url: world.apiUrl,
    token: Object.entries(tokens).find(([, right]) => right === 'write')?.[0] ?? '',
    requests,
    state,
    repository(name, as = {}) {
      const repository = state.repositories.get(name.toLowerCase()) ?? newRepository(name, as)
      state.repositories.set(name.toLowerCase(), repository)
      return {
        state: repository,
        commit: (message) =>
          addCommit(repository, `refs/heads/${repository.defaultBranch}`, new Map(), message, clock.nowMs()),
        receive: (directory) => receivePush(repository, directory),
      }
    },
    close: async () => void (await Promise.all([server, downloads].map(stop))),
  }
}

const defaultToken = 'ghp_loopbackloopbackloopbackloopback0000'

function route(exchange: Exchange): GitHubResponse {
  const { path, repository, world } = exchange
  const [room] = path.split('/')
  if (path === '')
    return json(200, {
      name: repository.name.split('/')[1],
      full_name: repository.name,
      private: repository.isPrivate,
      default_branch: repository.defaultBranch,
      url: `${world.apiUrl}/repos/${repository.name}`,
    })
  const issues = /^issues(\/\d+)?$/.test(path) ? issueRoutes : commentRoutes
  const rooms = { releases: releaseRoutes, git: gitRoutes, contents: contentsRoutes, issues }
  const routes = { ...rooms, 'check-runs': checkRunRoutes, commits: checkRunRoutes, pulls: pullRoutes }[room ?? '']
  return routes?.(exchange) ?? notFound
}

/** Returns `undefined` if it ended too early. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = []
  try {
    for await (const piece of request) pieces.push(piece as Buffer)
  } catch {
    return undefined
  }
  return Buffer.concat(pieces)
}

function fail(response: ServerResponse, fault: Exclude<GitHubFault, { readonly slowMs: number }>): void {
  if (fault === 'cut') response.destroy()
  else send(response, { status: fault.status, body: fault.body ?? { message: 'fault' }, headers: fault.headers ?? {} })
}

function send(response: ServerResponse, { status, headers, body, bytes }: GitHubResponse, range?: string): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  const common = {
    'x-github-media-type': 'github.v3; format=json',
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': '4999',
    'x-ratelimit-resource': 'core',
    ...headers,
  }
  if (bytes === undefined) {
    const text = body === undefined ? '' : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...common }).end(text)
  } else if (from === undefined) response.writeHead(status, common).end(bytes)
  else if (Number(from) >= bytes.byteLength) response.writeHead(416, common).end()
  else {
    const end = Math.min(to ? Number(to) + 1 : bytes.byteLength, bytes.byteLength)
    const contentRange = `bytes ${from}-${end - 1}/${bytes.byteLength}`
    response.writeHead(206, { ...common, 'content-range': contentRange }).end(bytes.subarray(Number(from), end))
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const stop = (server: Server) =>
  new Promise<void>((done) => {
    server.close(() => done())
    server.closeAllConnections()
  })
