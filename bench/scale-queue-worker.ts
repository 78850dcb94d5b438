// A worker of a queue in a process of its own: ours, or a plain one of BullMQ. Prints when it takes jobs.
import { argv } from 'node:process'
import { Worker } from 'bullmq'
import { callContext } from '../src/core/index.js'
import { bullmqWorker } from '../src/execute/index.js'

const [whose, redis, queue, folder] = argv.slice(2) as [string, string, string, string]
if (whose === 'ours')
  await bullmqWorker(
    { redis, queue, worker: { module: new URL('./scale-worker.ts', import.meta.url), options: { folder } } },
    callContext(),
  )
else {
  const { hostname, port } = new URL(redis)
  const worker = new Worker(queue, async ({ data }) => data, { connection: { host: hostname, port: Number(port) } })
  await worker.waitUntilReady()
}
process.stdout.write('ready\n')
