// Servers of the mail classifier, each in a process of its own, and the load that this process sends them: one mail a request.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import autocannon from 'autocannon'
import { loadMails } from '../examples/quickstart/mails.js'
import { callContext } from '../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../src/dataset/index.js'
import { accuracy } from '../src/evaluation/index.js'
import { atLeast, qualityGate } from '../src/gate/index.js'
import { Pipeline } from '../src/pipeline/index.js'
import { directoryRegistry } from '../src/releaser/directory/index.js'
import { loadRelease } from '../src/releaser/index.js'
import { memoryStore } from '../src/store/memory/index.js'
import { textClassifier, tfjsTrainer } from '../src/trainer/tfjs/index.js'

export const limitMs = 50
const secondsPerRun = 3
const connectionCounts = [1, 2, 4, 8, 16, 32, 64, 128]
export const mails = loadMails()

const samples = mails.map(({ id, text, label }) => ({ id, text, label }))
const projection = { source: memorySamples(samples), input: 'text', target: 'label' } as const

/** Trains on the mails and releases to a folder. */
export async function release(folder: string, epochs: number): Promise<void> {
  const pinned = proposePinnedSet(await new Dataset(projection).identities(), { salt: 'serve', share: 0.2 })
  const pipeline = new Pipeline<string, string>({
    dataset: new Dataset({ ...projection, evaluation: pinnedSet(pinned) }),
    trainer: tfjsTrainer(textClassifier({ epochs })),
    gate: qualityGate([atLeast(accuracy(), 0.5)]),
    releaser: directoryRegistry(folder),
    store: memoryStore(),
  })
  const { status } = await pipeline.run()
  if (status !== 'released') throw new Error(`the mail classifier was not released: ${status}`)
}

/** The mails, with the part that each has in the releases. */
export async function split(): Promise<readonly { text: string; label: string; part: 'training' | 'evaluation' }[]> {
  const { items } = proposePinnedSet(await new Dataset(projection).identities(), { salt: 'serve', share: 0.2 })
  const pinned = new Set(items.map(({ id }) => id))
  return samples.map(({ id, text, label }) => ({ text, label, part: pinned.has(id) ? 'evaluation' : 'training' }))
}

/** Of the current release, on the rows that it did not learn from. */
export async function accuracyOf(folder: string): Promise<number> {
  await using model = await loadRelease(directoryRegistry(folder), { trainer: tfjsTrainer(textClassifier()) })
  const rows = (await split()).filter(({ part }) => part === 'evaluation')
  const predictions = await model.predict(rows.map(({ text }) => text))
  const right = predictions.filter((one, index) => one.kind === 'label' && one.label === rows[index]!.label)
  return right.length / rows.length
}

/** Points a channel of the folder somewhere else. */
export async function point(folder: string, version: string, expected: string): Promise<void> {
  await directoryRegistry(folder).point('latest', version, expected, callContext())
}

export interface Served {
  /** Where requests are sent. */
  readonly url: string
  /** Median time of predicting one mail without a server. */
  readonly bareMs: number
  readonly memory: () => Promise<{ readonly peakMb: number; readonly rssMb: number }>
  readonly stop: () => void
}

export async function start(kind: 'ours' | 'naive' | 'empty', folder: string): Promise<Served> {
  const program = join(import.meta.dirname, 'reference/serve-mails.ts')
  const child = fork(program, [kind, folder], { execArgv: process.execArgv })
  const [{ url, bareMs }] = (await once(child, 'message')) as [{ readonly url: string; readonly bareMs: number }]
  return {
    ...{ url: `${url}/v1/predict`, bareMs },
    async memory() {
      child.send('memory')
      const [answer] = (await once(child, 'message')) as [{ readonly peakMb: number; readonly rssMb: number }]
      return answer
    },
    stop: () => void child.kill(),
  }
}

export interface Load {
  readonly connections: number
  /** @default 3 */
  readonly seconds?: number
  /** In place of `seconds`. */
  readonly amount?: number
}

/** @throws if a request fails. */
export async function load({ url }: Pick<Served, 'url'>, { connections, seconds = secondsPerRun, amount }: Load) {
  const { requests, latency, non2xx, errors } = await autocannon({
    ...{ url, connections, method: 'POST', headers: { 'content-type': 'application/json' } },
    ...(amount === undefined ? { duration: seconds } : { amount }),
    requests: mails.slice(0, 500).map(({ text }) => ({ body: JSON.stringify({ inputs: [text] }) })),
  })
  if (non2xx + errors > 0) throw new Error(`${non2xx + errors} requests failed`)
  return { rate: requests.average, p99Ms: latency.p99 }
}

/** The number of connections that gives the most predictions while 99 % of the answers take no longer than the limit. */
export async function bestConnections(server: Pick<Served, 'url'>): Promise<number> {
  await load(server, { connections: 8 })
  let best = { connections: 1, rate: 0 }
  for (const connections of connectionCounts) {
    const { rate, p99Ms } = await load(server, { connections })
    if (p99Ms <= limitMs && rate > best.rate) best = { connections, rate }
  }
  return best.connections
}
