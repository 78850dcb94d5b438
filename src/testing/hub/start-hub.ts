import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Clock, callContext } from '../../core/index.js'
import { type HubResponse, json, Refusal } from './answer.js'
import type { HubToken, TrustedPublisher, World } from './exchange.js'
import { ConnectionCut, cutAfter, faultyAnswer, type HubFault, type HubRequest } from './faults.js'
import type { HubJobRunner } from './jobs.js'
import { send } from './sending.js'
import { tickets } from './tickets.js'

export interface HubOptions {
  /** The folder of the repositories and large files. A later server on the same folder continues from it. */
  readonly folder: string
  /** How large files are uploaded, if the client supports it. @default 'basic' */
  readonly transfer?: 'basic' | 'multipart' | 'xet' | undefined
  /** @default every token that begins with `hf_` may write */
  readonly tokens?: readonly HubToken[] | undefined
  /** Exchanges the identity of a CI runner for a token. @default there are no trusted publishers */
  readonly trustedPublisher?: TrustedPublisher | undefined
  /** The size of a part in a multipart transfer. @default 5_000_000 */
  readonly chunkSizeBytes?: number | undefined
  /** Called before a request is handled. */
  readonly before?: ((request: HubRequest) => HubFault | undefined | Promise<HubFault | undefined>) | undefined
  /** Called after a request is handled. `cut` drops the response. */
  readonly after?: ((request: HubRequest) => 'cut' | undefined) | undefined
  /**
   * Runs jobs on this machine, each in its own folder. Returns the program that replaces the container. Anyone with write access
   * to this server can then run programs.
   *
   * @default jobs are not supported
   */
  readonly runJob?: HubJobRunner | undefined
  readonly clock?: Clock | undefined
}

export interface HubTraffic {
  readonly host: HubRequest['host']
  readonly method: string
  /** Includes the query. */
  readonly path: string
  /** The size of the body. */
  readonly bytesReceived: number
}

export interface Hub {
  /** The address to use as `hubUrl`, `HF_ENDPOINT`, or as the prefix of a clone address. */
  readonly url: string
  /** The address of the host that serves large files. */
  readonly storageUrl: string
  /** All requests in order of arrival. */
  readonly requests: readonly HubTraffic[]
  /** The size of all bodies. */
  readonly bytesReceived: number
  close(): Promise<void>
}

/**
 * Starts a Hugging Face Hub on 127.0.0.1. Its repositories are bare Git repositories. It works with @huggingface/hub,
 * huggingface_hub, git and git-lfs.
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  // What it needs is loaded by those who start one.
  const [{ hubAnswer, storageAnswer }, { repositories }, { jobs }] = await Promise.all([
    import('./router.js'),
    import('./repositories.js'),
    import('./jobs.js'),
  ])
  const requests: { host: HubRequest['host']; method: string; path: string; bytesReceived: number }[] = []
  const working = new Set<Promise<void>>()
  const closing = new AbortController()
  let bytesReceived = 0

  function take(host: HubRequest['host'], incoming: IncomingMessage, response: ServerResponse): void {
    // However it ends, nobody is left to be told.
    const work = handle(host, incoming, response).catch(() => void incoming.socket.destroy())
    working.add(work)
    void work.finally(() => working.delete(work))
  }

  async function handle(host: HubRequest['host'], incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = incoming
    const traffic = { host, method, path, bytesReceived: 0 }
    const request: HubRequest = { number: requests.push(traffic), host, method, path, headers }
    const fault = await options.before?.(request)
    if (fault === 'cut') throw new ConnectionCut()
    const counted = {
      [Symbol.asyncIterator]: () =>
        counting(incoming, (sizeBytes) => {
          traffic.bytesReceived += sizeBytes
          bytesReceived += sizeBytes
        }),
    }
    const isCut = fault !== undefined && 'cutBodyAfterBytes' in fault
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
    const body = isCut && hasBody ? cutAfter(fault.cutBodyAfterBytes, counted) : counted
    const answer =
      fault !== undefined && 'status' in fault
        ? faultyAnswer(fault)
        : await (host === 'hub' ? hubAnswer : storageAnswer)({
            world,
            method,
            url: new URL(world.url + path),
            headers,
            body,
          }).catch(answerOf)
    // The connection is used again: nothing of this request may be left on it.
    for await (const _ of body);
    if (options.after?.(request) === 'cut') throw new ConnectionCut()
    await send(response, answer, method === 'HEAD', isCut && hasBody ? undefined : fault, closing.signal)
  }

  const { clock } = callContext({ clock: options.clock })
  const servers = await Promise.all([
    listening((...pair) => take('hub', ...pair)),
    listening((...pair) => take('storage', ...pair)),
  ])
  const [url, storageUrl] = servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const world: World = {
    url: url!,
    storageUrl: storageUrl!,
    transfer: options.transfer ?? 'basic',
    tokens: options.tokens,
    trustedPublisher: options.trustedPublisher,
    chunkSizeBytes: options.chunkSizeBytes ?? 5_000_000,
    xetFolder: join(options.folder, 'xet'),
    repositories: repositories(options.folder),
    tickets: tickets(clock),
    jobs: jobs(options.runJob, clock),
    clock,
  }
  return {
    url: world.url,
    storageUrl: world.storageUrl,
    requests,
    get bytesReceived() {
      return bytesReceived
    },
    async close() {
      closing.abort()
      // Their logs are answers that would go on.
      await world.jobs.close()
      await Promise.all(servers.map(closed))
      await Promise.all(working)
    },
  }
}

async function listening(take: (incoming: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(take)
  // A large file takes its time.
  server.requestTimeout = 0
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done))
  return server
}

function closed(server: Server): Promise<unknown> {
  const done = new Promise((close) => server.close(close))
  server.closeAllConnections()
  return done
}

async function* counting(body: IncomingMessage, count: (sizeBytes: number) => void): AsyncGenerator<Uint8Array> {
  for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) {
    count(piece.length)
    yield piece
  }
}

function answerOf(error: unknown): HubResponse {
  if (error instanceof Refusal) return error.answer
  if (error instanceof ConnectionCut) throw error
  return json(500, { error: `Internal error: ${error instanceof Error ? error.message : String(error)}` })
}
