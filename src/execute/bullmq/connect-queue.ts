import type { Job, Processor, Queue, QueueEvents, Worker, WorkerOptions } from 'bullmq'
import { type CallContext, type Log, messageOf, SheikhError } from '../../core/index.js'
import { connectionErrors } from './connection-errors.js'
import type { QueueOptions } from './queue-options.js'
import type { Answer, QueuedJob } from './queued-job.js'

export type JobOnQueue = Job<QueuedJob, Answer>

/** A queue of BullMQ, on Redis or on PostgreSQL. */
export interface QueueConnection {
  readonly name: string
  /** Host and port, without credentials. */
  readonly address: string
  readonly queue: Queue<QueuedJob, Answer>
  events(): QueueEvents
  worker(process: Processor<QueuedJob, Answer>, options: Partial<WorkerOptions>): Worker<QueuedJob, Answer>
  /**
   * Repeats a call while the server does not answer. Logs that it waits.
   *
   * @param purpose as in "Cannot <purpose>".
   * @throws `access-denied`; `remote-failed` if TLS fails, or if the server does not answer for `patienceMs`; the signal's reason.
   */
  call<T>(purpose: string, run: () => Promise<T>, context: CallContext): Promise<T>
  close(): Promise<void>
}

export interface ConnectOptions extends QueueOptions {
  readonly patienceMs: number
}

/** How long the closing of a connection may take, in milliseconds. A server that is gone does not answer. */
const closeMs = 3000

/** @throws `invalid-options` for an address that is none; `missing-peer`. Does not connect: the first call does. */
export async function connectQueue(options: ConnectOptions, log: Log): Promise<QueueConnection> {
  const { url, kind, name } = checkQueueOptions(options)
  const address = `${kind === 'redis' ? 'Redis' : 'PostgreSQL'} at ${url.hostname}:${url.port || (kind === 'redis' ? 6379 : 5432)}`
  const bullmq = await load('bullmq', () => import('bullmq'))
  const errors = connectionErrors(address, options.patienceMs)
  const said = new Set<string>()
  /** A server that is gone fails twice per second. */
  const report = (error: unknown) => {
    errors.report(error)
    const message = messageOf(error)
    if (said.has(message) || said.size > 100) return
    said.add(message)
    log.debug(`${address}: ${message || (error as { code?: string }).code}`)
  }
  const closers: (() => unknown)[] = []
  const track = <T extends { on(event: 'error', listener: (error: Error) => void): unknown; close(): Promise<void> }>(
    part: T,
  ): T => {
    part.on('error', report)
    closers.unshift(() => part.close())
    return part
  }
  const withBackend = await backendOf(kind, url, report, closers)
  const queue = track(withBackend((connection, factory) => new bullmq.Queue(name, { connection } as never, factory)))
  return {
    ...{ name, address, call: errors.call },
    queue: queue as unknown as Queue<QueuedJob, Answer>,
    events: () =>
      track(
        // From the first event that is kept: a job may begin before the first read.
        withBackend((connection, factory) => {
          const events = new bullmq.QueueEvents(name, { connection, lastEventId: '0' } as never, factory)
          // Each waiting call listens.
          events.setMaxListeners(0)
          return events
        }),
      ) as unknown as QueueEvents,
    worker: (process, settings) =>
      track(
        withBackend(
          (connection, factory) => new bullmq.Worker(name, process, { ...settings, connection } as never, factory),
        ),
      ) as unknown as Worker<QueuedJob, Answer>,
    async close() {
      const all = Promise.allSettled(closers.map(async (close) => close()))
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, closeMs).unref())])
    },
  }
}

type WithBackend = <T>(make: (connection: unknown, factory: never) => T) => T

async function backendOf(
  kind: 'redis' | 'postgres',
  url: URL,
  report: (error: unknown) => void,
  closers: (() => unknown)[],
): Promise<WithBackend> {
  if (kind === 'postgres') {
    await load('pg', () => import('pg' as string))
    const { createPostgresBackend } = await import('bullmq')
    const connection = {
      ...{ connectionString: url.href, migrate: true, max: 4, keepAlive: true },
      ...{ connectionTimeoutMillis: 5000, query_timeout: 10_000 },
    }
    return (make) => make(connection, createPostgresBackend as never)
  }
  const { Redis } = await load('ioredis', () => import('ioredis'))
  return (make) => {
    const client = new Redis(url.href, {
      // As BullMQ requires: a call waits for the connection. `call` limits the wait.
      maxRetriesPerRequest: null,
      connectTimeout: 5000,
      retryStrategy: (times) => Math.min(times * 200, 2000),
    })
    client.on('error', report)
    closers.push(() => client.disconnect())
    return make(client, undefined as never)
  }
}

/** @throws `invalid-options`. */
export function checkQueueOptions({ redis, postgres, queue: name = 'sheikh' }: QueueOptions) {
  const fail = (fact: string) => new SheikhError('invalid-options', `Cannot use a queue: ${fact}.`)
  if ((redis === undefined) === (postgres === undefined))
    throw fail(
      `${redis === undefined ? 'neither' : 'both'} "redis" and "postgres" given. Give the address of one of them`,
    )
  if (!/^[\w.-]+$/.test(name))
    throw fail(
      `the name ${JSON.stringify(name)} has other characters than letters, digits, "-", "_" and ".". Choose another one`,
    )
  const kind = redis === undefined ? 'postgres' : 'redis'
  const protocols = kind === 'redis' ? ['redis:', 'rediss:'] : ['postgres:', 'postgresql:']
  const text = redis ?? postgres ?? ''
  // The text may contain a password.
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol))
    throw fail(
      `the address of "${kind}" does not begin with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}. Correct it`,
    )
  const url = new URL(text)
  if (url.hostname === '') throw fail(`the address of "${kind}" names no host. Correct it`)
  return { url, kind, name } as const
}

async function load<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw new SheikhError(
      'missing-peer',
      `Cannot use a queue: the package "${name}" is not installed. Install it ("npm install ${name}").`,
      { facts: { package: name }, cause },
    )
  }
}
