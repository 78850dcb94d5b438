// A server of ours with the mail classifier: against a naive one (one request, one predict) on the same device, against MLflow
// with a linear model of scikit-learn, while releases are switched, and over many requests. Rows: --rows throughput | mlflow |
// swap | memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { servingPython } from '../test/interop/serving-clients.js'
import { type BenchRow, interleaved, median } from './bench.js'
import {
  accuracyOf,
  bestConnections,
  limitMs,
  load,
  mails,
  point,
  release,
  type Served,
  split,
  start,
} from './serve-load.js'

const pairs = 3
const swapSeconds = 12
const swapConnections = 16
const memoryRequests = 200_000

/** Runs with a registry of one release and a server of it. */
async function served(work: (ours: Served, folder: string) => Promise<readonly BenchRow[]>) {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  let ours: Served | undefined
  try {
    await release(join(folder, 'registry'), 2)
    ours = await start('ours', join(folder, 'registry'))
    return await work(ours, folder)
  } finally {
    ours?.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

export const parts = {
  throughput: () =>
    served(async (ours, folder) => {
      const naive = await start('naive', join(folder, 'registry'))
      const empty = await start('empty', join(folder, 'registry'))
      try {
        const [our, their] = [await bestConnections(ours), await bestConnections(naive)]
        const rates = await interleaved(
          pairs,
          async () => (await load(ours, { connections: our })).rate,
          async () => (await load(naive, { connections: their })).rate,
        )
        const single = await singleTimes(ours, empty)
        const overheadMs = single.ours.connection - ours.bareMs
        const ratio = rates.ours / rates.peer
        const { peakMb: peakMemoryMb } = await ours.memory()
        return [
          {
            work: `predictions within ${limitMs} ms for 99 %, ${our} connections, device wasm`,
            ...rates,
            peerName: `one request, one predict, ${their} connections`,
            ...{ unit: '1/s', ratio, goal: 'at least 5', met: ratio >= 5, peakMemoryMb },
          },
          {
            work: 'one mail, one connection (node:net), median',
            ...{ ours: ours.bareMs + overheadMs, peer: ours.bareMs, peerName: 'predict without a server', unit: 'ms' },
            ...{ ratio: ours.bareMs / (ours.bareMs + overheadMs), goal: 'under 1 ms more', met: overheadMs < 1 },
            peakMemoryMb,
          },
          ...(['connection', 'fetch'] as const).map((client) => ({
            work: `one mail, one connection (${clientNames[client]}), median, beside an empty server`,
            ...{ ours: single.ours[client], peer: single.peer[client], unit: 'ms' },
            ...{ peerName: 'node:http without a model', ratio: single.peer[client] / single.ours[client] },
            ...{ goal: 'none', met: true, peakMemoryMb },
          })),
        ]
      } finally {
        empty.stop()
        naive.stop()
      }
    }),

  async mlflow() {
    const python = servingPython()
    if (python === undefined) {
      console.log('Skipped: there is no MLflow. npm run setup:interop installs it, or says why it cannot')
      return []
    }
    return served(async (ours, folder) => {
      const theirs = await startMlflow(python, folder)
      try {
        const [our, their] = [await bestConnections(ours), await bestConnections(theirs)]
        const rates = await interleaved(
          pairs,
          async () => (await load(ours, { connections: our })).rate,
          async () => (await load(theirs, { connections: their })).rate,
        )
        const ratio = rates.ours / rates.peer
        const accuracy = await accuracyOf(join(folder, 'registry'))
        return [
          {
            work: `predictions within ${limitMs} ms for 99 %, ${our} connections, accuracy ${accuracy.toFixed(4)}`,
            ...rates,
            peerName: `mlflow models serve, scikit-learn, ${their} connections, accuracy ${theirs.accuracy.toFixed(4)}`,
            ...{ unit: '1/s', ratio, goal: 'at least 3', met: ratio >= 3 },
            peakMemoryMb: (await ours.memory()).peakMb,
          },
        ]
      } finally {
        theirs.stop()
      }
    })
  },

  swap: () =>
    served(async (ours, folder) => {
      const registry = join(folder, 'registry')
      const options = { connections: swapConnections, seconds: swapSeconds }
      await load(ours, options)
      const { p99Ms: steadyMs } = await load(ours, options)
      await release(registry, 3)
      let isLoading = true
      const loading = load(ours, options).finally(() => {
        isLoading = false
      })
      let [current, next] = ['0.2.0', '0.1.0']
      let swaps = 0
      // The first second is without a swap, and so is the last.
      for (await setTimeout(1000); isLoading && swaps < swapSeconds / 2 - 1; await setTimeout(2000)) {
        await point(registry, next, current)
        ;[current, next] = [next, current]
        swaps += 1
      }
      const { p99Ms } = await loading
      return [
        {
          work: `${swaps} releases switched in ${swapSeconds} s of load, 0 failed requests: 99 % of the answers`,
          ...{ ours: p99Ms, peer: steadyMs, peerName: 'the same load without a switch', unit: 'ms' },
          ...{ ratio: steadyMs / p99Ms, goal: 'at most doubled', met: p99Ms <= 2 * steadyMs },
          peakMemoryMb: (await ours.memory()).peakMb,
        },
      ]
    }),

  memory: () =>
    served(async (ours) => {
      const sizes: number[] = []
      const steps = 20
      for (let step = 0; step < steps; step += 1) {
        await load(ours, { connections: 16, amount: memoryRequests / steps })
        sizes.push((await ours.memory()).rssMb)
      }
      // The first quarter fills caches and lets V8 choose the size of its heap.
      const quarter = steps / 4
      const [before, after] = [median(sizes.slice(quarter, 2 * quarter)), median(sizes.slice(-quarter))]
      const ratio = before / after
      return [
        {
          work: `resident memory in the last quarter of ${memoryRequests} requests`,
          ...{ ours: after, peer: before, peerName: 'in the second quarter', unit: 'MB', ratio },
          ...{ goal: 'within 5 %', met: Math.abs(after / before - 1) <= 0.05 },
          peakMemoryMb: (await ours.memory()).peakMb,
        },
      ]
    }),
}

async function startMlflow(python: string, folder: string) {
  const mailsFile = join(folder, 'mails.jsonl')
  writeFileSync(mailsFile, (await split()).map((mail) => `${JSON.stringify(mail)}\n`).join(''))
  const port = await freePort()
  const program = join(import.meta.dirname, 'reference/mlflow-serve.py')
  const child = spawn(python, [program, mailsFile, folder, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [accuracy] = (await once(child.stdout, 'data')) as [Buffer]
  child.stdout.resume()
  for (let isReady = false; !isReady; await setTimeout(200)) {
    if (child.exitCode !== null) throw new Error('MLflow ended. Its output is above')
    isReady = await fetch(`http://127.0.0.1:${port}/ping`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  return {
    url: `http://127.0.0.1:${port}/invocations`,
    accuracy: Number(accuracy.toString().split('\n')[0]),
    stop: () => void child.kill(),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  server.close()
  await once(server, 'close')
  return port
}

const clientNames = { connection: 'node:net', fetch: 'fetch of Node' }

type Times = Readonly<Record<keyof typeof clientNames, number>>

/**
 * Medians of requests one after another, in milliseconds. autocannon's own latencies are whole milliseconds. A plain connection
 * costs little beside the server; `fetch` shows what a program sees.
 */
async function singleTimes(ours: Served, peer: Served): Promise<{ readonly ours: Times; readonly peer: Times }> {
  const [byConnection, byFetch] = [
    await interleaved(
      pairs,
      () => singleMs(ours, connectionTo),
      () => singleMs(peer, connectionTo),
    ),
    await interleaved(
      pairs,
      () => singleMs(ours, fetching),
      () => singleMs(peer, fetching),
    ),
  ]
  const of = (side: 'ours' | 'peer') => ({ connection: byConnection[side], fetch: byFetch[side] })
  return { ours: of('ours'), peer: of('peer') }
}

interface Client {
  /** Sends a body, and resolves when the answer is complete. */
  readonly send: (body: string) => Promise<void>
  readonly close: () => void
}

async function singleMs({ url }: Served, open: (url: string) => Promise<Client>): Promise<number> {
  const client = await open(url)
  const times: number[] = []
  for (const { text } of mails.slice(0, 500)) {
    const body = JSON.stringify({ inputs: [text] })
    const startedMs = performance.now()
    await client.send(body)
    times.push(performance.now() - startedMs)
  }
  client.close()
  return median(times)
}

async function fetching(url: string): Promise<Client> {
  const headers = { 'content-type': 'application/json' }
  return {
    async send(body) {
      const response = await fetch(url, { method: 'POST', headers, body })
      if (!response.ok) throw new Error(`a request failed: ${response.status}`)
      await response.arrayBuffer()
    },
    close() {},
  }
}

/** A kept connection that reads answers with a Content-Length, or of one chunk. */
async function connectionTo(url: string): Promise<Client> {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  return {
    async send(body) {
      const length = Buffer.byteLength(body)
      socket.write(
        `POST ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
      )
      let text = ''
      do text += ((await once(socket, 'data')) as [Buffer])[0].toString('latin1')
      while (!isComplete(text))
      if (!text.startsWith('HTTP/1.1 200 ')) throw new Error(`a request failed: ${text.slice(0, 500)}`)
    },
    close: () => socket.destroy(),
  }
}

function isComplete(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1]
  return length === undefined ? answer.endsWith('\r\n0\r\n\r\n') : answer.length >= end + 4 + Number(length)
}
