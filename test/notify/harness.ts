import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'
import type { Log } from '../../src/core/index.js'
import type { Notification } from '../../src/notify.js'

export const notification: Notification = {
  id: '6a3f2c1e-0000-4000-8000-000000000001',
  atMs: 1_700_000_000_000,
  event: 'awaiting_approval',
  project: 'spam',
  title: 'Approval needed',
  summary: 'A person must decide. The evidence is inconclusive.',
  runId: '01h2xcejqtf2nbrexx3v',
  commit: 'abcdef012345',
  metrics: ['inconclusive: accuracy: at worst 3.1 points lower than 1.3.0, margin 2.0 points'],
  next: 'sheikh approve 01h2xcejqtf2nbrexx3v --reason "…"',
  link: 'https://github.com/owner/name/actions/runs/7',
}

export interface Received {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** A server on this machine. `answer` gets the number of the request, from 1. */
export async function receiver(answer: (response: ServerResponse, number: number) => void) {
  const requests: Received[] = []
  const server = createServer(async (request, response) => {
    const number = requests.push({ url: request.url ?? '', headers: request.headers, body: await text(request) })
    answer(response, number)
  })
  return { requests, url: await listen(server) }
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise<void>((done) => server.close(() => done()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function collectingLog() {
  const messages: string[] = []
  const add = (message: string) => void messages.push(message)
  const log: Log = { debug: add, info: add, warn: add }
  return { log, messages }
}

/** Delays that a test can wait for. */
export const quick = { firstDelayMs: 1, longestDelayMs: 5 }
