// Trains the trials of a search on workers of a cluster, twice. In the second search a worker is killed during its trial: the result
// is the same. Starts its own Redis. Run: npm run example:cluster
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { argv, execArgv, execPath, exit, stdout } from 'node:process'
import { atLeast, callContext, directoryStore, Pipeline, qualityGate } from 'sheikh-freemium'
import { bullmqExecutor, bullmqWorker, type Executor } from 'sheikh-freemium/execute'
import { memoryRegistry } from 'sheikh-freemium/testing'
import { tune } from 'sheikh-freemium/tune'
import { redisProgram, setUpRedis } from './redis-server.js'
import { parts } from './worker.js'

// This file is also the program of a worker, which "sheikh worker" is in a project.
if (argv[2] === 'worker') {
  const [redis, folder] = argv.slice(3) as [string, string]
  const worker = { module: new URL(import.meta.resolve('./worker.js')), options: { folder } }
  await bullmqWorker({ redis, queue: queueOf(folder), worker, lockMs: 2000 }, callContext())
  stdout.write('ready\n')
} else await main()

async function main(): Promise<void> {
  const missing = setUpRedis()
  if (missing !== undefined) return console.log(`Skipped: ${missing}.`)
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-cluster-example-'))
  const socket = 20_000 + (process.pid % 20_000)
  const { path, env } = redisProgram()!
  const settings = ['--port', `${socket}`, '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const server = spawn(path, settings, { env, stdio: 'ignore' })
  const workers: ChildProcess[] = []
  try {
    const redis = `redis://127.0.0.1:${socket}`
    const undisturbed = await search(redis, join(folder, 'first'), workers, false)
    const disturbed = await search(redis, join(folder, 'second'), workers, true)
    if (disturbed !== undisturbed) throw new Error(`two models: ${undisturbed} and ${disturbed}`)
    console.log(`The same model: ${disturbed}`)
  } finally {
    for (const child of [...workers, server]) {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
      child.kill('SIGKILL')
      await ended
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  exit()
}

/** @returns the digest of the released model. */
async function search(redis: string, folder: string, workers: ChildProcess[], isDisturbed: boolean): Promise<string> {
  const store = directoryStore(folder)
  await using cluster = bullmqExecutor({ redis, queue: queueOf(folder), store })
  const first = await startWorker(redis, folder, workers)
  let retries = 0
  const executor: Executor = {
    ...cluster,
    run: (job, context) =>
      cluster.run(job, {
        ...context,
        onEvent(event) {
          if (event.type === 'job-retry') retries += 1
          if (event.type === 'job-start' && isDisturbed && first.signalCode === null && first.kill('SIGKILL')) {
            console.log('killed a worker during its trial')
            void startWorker(redis, folder, workers)
          }
          context.onEvent?.(event)
        },
      }),
  }
  if (!isDisturbed) await startWorker(redis, folder, workers)
  const { best, trials } = await tune({ ...parts, store, executor, trials: 8, parallel: 2 })
  if (isDisturbed !== retries > 0) throw new Error(`${retries} trials were trained again`)
  const gate = qualityGate([atLeast(parts.metric, 0.6)])
  const { dataset, trainer } = parts
  const pipeline = new Pipeline({ dataset, store, gate, trainer: trainer(best.parameters), releaser: memoryRegistry() })
  const result = await pipeline.run()
  if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
  console.log(`${trials.length} trials, best is ${best.number}: accuracy ${best.value.toFixed(3)}`)
  return result.release.bundle
}

async function startWorker(redis: string, folder: string, workers: ChildProcess[]): Promise<ChildProcess> {
  const program = [import.meta.filename, 'worker', redis, folder]
  const child = spawn(execPath, [...execArgv, ...program], { stdio: ['ignore', 'pipe', 'inherit'] })
  workers.push(child)
  await once(child.stdout, 'data')
  return child
}

function queueOf(folder: string): string {
  return folder.split('/').at(-1)!
}
