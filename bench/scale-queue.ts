// What a job costs that does nothing, through Redis: ours beside BullMQ alone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execArgv, execPath } from 'node:process'
import { Queue, QueueEvents } from 'bullmq'
import { setUpRedis } from '../examples/cluster/redis-server.js'
import { callContext } from '../src/core/index.js'
import { bullmqExecutor } from '../src/execute/index.js'
import { directoryStore } from '../src/store/directory/index.js'
import { startRedis } from '../test/interop/queue-servers.js'
import { type BenchRow, median, peakMemoryMb } from './bench.js'
import { echo } from './scale-worker.js'

const jobs = 500
/** The first jobs start the process that does them, and compile. */
const warmUp = 20
const pairs = 3
const longestMs = 60_000
const shares = { median: 0.5, '95th percentile': 0.95 }

type Whose = 'ours' | 'peer'

export async function queueRows(): Promise<readonly BenchRow[]> {
  const missing = setUpRedis()
  if (missing !== undefined) {
    console.log(`Skipped: jobs through Redis, because ${missing}.`)
    return []
  }
  const server = await startRedis()
  const spent: Record<Whose, (readonly number[])[]> = { ours: [], peer: [] }
  try {
    // Who goes first changes: the second finds warm caches.
    for (let pair = 0; pair < pairs; pair += 1)
      for (const whose of pair % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const))
        spent[whose].push(await measured(whose, server.url, `bench-${whose}-${pair}`))
  } finally {
    await server.dispose()
  }
  return Object.entries(shares).map(([name, share]) => {
    const of = (whose: Whose) => median(spent[whose].map((times) => times[Math.floor(share * jobs)]!))
    const [ours, peer] = [of('ours'), of('peer')]
    return {
      work: `a job that does nothing through Redis: ${name}`,
      ...{ ours, peer, peerName: 'BullMQ alone, which keeps no result', unit: 'ms', ratio: peer / ours },
      ...(share === 0.5 ? { goal: 'reported', met: true } : { goal: 'under 10 ms', met: ours < 10 }),
      peakMemoryMb: peakMemoryMb(),
    }
  })
}

/** @returns the times of the jobs in milliseconds, one job after the other, sorted. */
async function measured(whose: Whose, redis: string, queue: string): Promise<readonly number[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const program = join(import.meta.dirname, 'scale-queue-worker.ts')
  const worker = spawn(execPath, [...execArgv, program, whose, redis, queue, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(worker, 'exit')
  try {
    await Promise.race([
      once(worker.stdout, 'data'),
      ended.then(() => Promise.reject(new Error('The worker ended before it took jobs.'))),
    ])
    return await (whose === 'ours' ? oursOf(redis, queue, folder) : peerOf(redis, queue))
  } finally {
    worker.kill('SIGKILL')
    await ended
    // The process of the jobs ends with its worker, and may write until then.
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
}

async function oursOf(redis: string, queue: string, folder: string) {
  await using executor = bullmqExecutor({ redis, queue, store: directoryStore(folder) })
  const context = callContext()
  return await timesOf((input) => executor.run({ kind: echo, input }, context))
}

async function peerOf(redis: string, name: string) {
  const { hostname: host, port } = new URL(redis)
  const connection = { host, port: Number(port) }
  const [queue, events] = [new Queue(name, { connection }), new QueueEvents(name, { connection })]
  try {
    await events.waitUntilReady()
    return await timesOf(async (input) => {
      const job = await queue.add('echo', input)
      await job.waitUntilFinished(events, longestMs)
    })
  } finally {
    await Promise.all([queue.close(), events.close()])
  }
}

async function timesOf(run: (input: number) => Promise<unknown>): Promise<readonly number[]> {
  const spent: number[] = []
  for (let number = -warmUp; number < jobs; number += 1) {
    const startedMs = performance.now()
    await run(number)
    if (number >= 0) spent.push(performance.now() - startedMs)
  }
  return spent.sort((left, right) => left - right)
}
