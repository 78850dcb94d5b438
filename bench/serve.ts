// A server of ours and a naive one (one request, one predict) with the same mail classifier on the same device, each in a process
// of its own. This process sends the load, one mail a request, over the number of connections that gives the most predictions
// while 99 % of the answers take no longer than the limit.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { loadMails } from '../examples/quickstart/mails.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { atLeast, qualityGate } from '../src/gate/index.js'
import { Pipeline } from '../src/pipeline/index.js'
import { directoryRegistry } from '../src/releaser/directory/index.js'
import { memoryStore } from '../src/store/memory/index.js'
import { textClassifier, tfjsTrainer } from '../src/trainer/tfjs/index.js'
import { type BenchRow, interleaved, median } from './bench.js'

const pairs = 3
const secondsPerRun = 3
const limitMs = 50
const connectionCounts = [1, 2, 4, 8, 16, 32, 64, 128]
const mails = loadMails()

export async function rows(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sheikh-bench-'))
  const started: Served[] = []
  try {
    await release(folder)
    const [ours, naive] = [await start('ours', folder), await start('naive', folder)]
    started.push(ours, naive)
    const [our, their] = [await bestConnections(ours), await bestConnections(naive)]
    const rates = await interleaved(
      pairs,
      async () => (await load(ours, our)).rate,
      async () => (await load(naive, their)).rate,
    )
    const single: number[] = []
    for (let run = 0; run < pairs; run += 1) single.push(await singleMs(ours))
    const overheadMs = median(single) - ours.bareMs
    const peakMemoryMb = await ours.peakMb()
    const ratio = rates.ours / rates.peer
    return [
      {
        work: `predictions within ${limitMs} ms for 99 %, ${our} connections, device wasm`,
        ...rates,
        peerName: `one request, one predict, ${their} connections`,
        ...{ unit: '1/s', ratio, goal: 'at least 5', met: ratio >= 5, peakMemoryMb },
      },
      {
        work: 'one mail, one connection, median',
        ...{ ours: ours.bareMs + overheadMs, peer: ours.bareMs, peerName: 'predict without a server', unit: 'ms' },
        ...{ ratio: ours.bareMs / (ours.bareMs + overheadMs), goal: 'under 1 ms more', met: overheadMs < 1 },
        peakMemoryMb,
      },
    ]
  } finally {
    for (const { stop } of started) stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Trains on the mails and releases to a folder. */
async function release(folder: string): Promise<void> {
  const samples = mails.map(({ id, text, label }) => ({ id, text, label }))
  const options = { source: memorySamples(samples), input: 'text', target: 'label' } as const
  const pinned = proposePinnedSet(await new Dataset(options).identities(), { salt: 'serve', share: 0.2 })
  const pipeline = new Pipeline<string, string>({
    dataset: new Dataset({ ...options, evaluation: pinnedSet(pinned) }),
    trainer: tfjsTrainer(textClassifier({ epochs: 2 })),
    gate: qualityGate([atLeast(accuracy(), 0.5)]),
    releaser: directoryRegistry(folder),
    store: memoryStore(),
  })
  const { status } = await pipeline.run()
  if (status !== 'released') throw new Error(`the mail classifier was not released: ${status}`)
}

interface Served {
  readonly url: string
  /** Median time of predicting one mail without a server. */
  readonly bareMs: number
  readonly peakMb: () => Promise<number>
  readonly stop: () => void
}

async function start(kind: 'ours' | 'naive', folder: string): Promise<Served> {
  const program = join(import.meta.dirname, 'reference/serve-mails.ts')
  const child = fork(program, [kind, folder], { execArgv: process.execArgv })
  const [{ url, bareMs }] = (await once(child, 'message')) as [{ readonly url: string; readonly bareMs: number }]
  return {
    ...{ url, bareMs },
    async peakMb() {
      child.send('peak')
      const [answer] = (await once(child, 'message')) as [{ readonly peakMb: number }]
      return answer.peakMb
    },
    stop: () => void child.kill(),
  }
}

async function load({ url }: Served, connections: number) {
  const { requests, latency, non2xx, errors } = await autocannon({
    ...{ url: `${url}/v1/predict`, connections, duration: secondsPerRun, method: 'POST' },
    headers: { 'content-type': 'application/json' },
    requests: mails.slice(0, 500).map(({ text }) => ({ body: JSON.stringify({ inputs: [text] }) })),
  })
  if (non2xx + errors > 0) throw new Error(`${non2xx + errors} requests failed`)
  return { rate: requests.average, p99Ms: latency.p99 }
}

async function bestConnections(server: Served): Promise<number> {
  await load(server, 8)
  let best = { connections: 1, rate: 0 }
  for (const connections of connectionCounts) {
    const { rate, p99Ms } = await load(server, connections)
    if (p99Ms <= limitMs && rate > best.rate) best = { connections, rate }
  }
  return best.connections
}

/** The median of requests one after another. autocannon's own latencies are whole milliseconds. */
async function singleMs({ url }: Served): Promise<number> {
  const times: number[] = []
  for (const { text } of mails.slice(0, 500)) {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ inputs: [text] }),
    }
    const startedMs = performance.now()
    await (await fetch(`${url}/v1/predict`, init)).arrayBuffer()
    times.push(performance.now() - startedMs)
  }
  return median(times)
}
