// A distributed training through Redis: workers that join late, stop, or lose their network, and the same bytes each time.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { setUpRedis } from '../../examples/cluster/redis-server.js'
import { callContext } from '../../src/core/index.js'
import { type BullmqWorkerOptions, inProcessExecutor } from '../../src/execute/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { dilocoKind, dilocoTrainer } from '../../src/trainer/tfjs/index.js'
import { builtRooms } from '../built-package.js'
import { network, rounds, texts } from '../trainer/diloco/texts.js'
import { type QueueServer, startRedis } from './queue-servers.js'

const missing = setUpRedis()
if (missing !== undefined) console.log(`Skipped: ${missing}.`)
const noNamespace = missing ?? namespaceProblem()
if (noNamespace !== undefined) console.log(`Workers in a network namespace: skipped: ${noNamespace}.`)

const rooms = await builtRooms()
const { bullmqExecutor } = (await import(
  join(rooms, 'execute/index.js')
)) as typeof import('../../src/execute/index.js')

function namespaceProblem(): string | undefined {
  const { error, status, stderr } = spawnSync('unshare', ['--net', 'ip', 'link', 'set', 'lo', 'up'], {
    encoding: 'utf8',
  })
  if (error !== undefined) return `unshare cannot be run (${error.message})`
  return status === 0 ? undefined : `this machine allows no network namespace (${stderr.trim()})`
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function started(command: string, parts: readonly string[]): ChildProcess {
  const child = spawn(command, parts, { stdio: ['ignore', 'pipe', 'inherit'] })
  cleanups.push(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return child
}

const trainingOf = async (
  parts: Pick<Parameters<typeof dilocoTrainer>[1], 'executor' | 'store'>,
  directory: string,
) => {
  const steps: number[] = []
  const trained = dilocoTrainer(network(), { ...parts, ...rounds }).fit(
    { training: texts(100), seed: 1, directory },
    { ...callContext(), progress: ({ step }) => void steps.push(step) },
  )
  return { steps, trained }
}

async function expectedDigest() {
  const directory = await mkdtemp(join(tmpdir(), 'sheikh-diloco-'))
  cleanups.push(() => rm(directory, { recursive: true, force: true }))
  const store = memoryStore()
  await using executor = inProcessExecutor({ store, kinds: [dilocoKind(network())] })
  const { trained } = await trainingOf({ executor, store }, directory)
  return (await trained).weights.digest
}

describe.skipIf(missing !== undefined)('a distributed training through Redis', () => {
  let server: QueueServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.dispose())

  let queues = 0
  async function cluster() {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-diloco-'))
    cleanups.push(() => rm(folder, { recursive: true, force: true }))
    queues += 1
    const [queue, shared] = [`diloco-${process.pid}-${queues}`, join(folder, 'store')]
    const [store, weights] = [directoryStore(shared), join(folder, 'weights')]
    await mkdir(weights)
    const executor = bullmqExecutor({ redis: server.url, queue, store, pollMs: 300 })
    cleanups.push(() => executor[Symbol.asyncDispose]())
    /** The rounds that a worker began, as `from replica`. */
    const rounds = async (name: string) => {
      const text = await readFile(join(folder, name), 'utf8').catch(() => '')
      return text.split('\n').filter((line) => line !== '')
    }
    async function worker(name: string, redis = server.url, command: readonly string[] = [process.execPath]) {
      const module = pathToFileURL(join(rooms, 'diloco-worker.js')).href
      const options = { folder: shared, notes: join(folder, name), pauseMs: 700, isNetwork: true }
      const limits = { lockMs: 1500, finishMs: 500, graceMs: 500 }
      const text: BullmqWorkerOptions = { redis, queue, worker: { module, options }, ...limits }
      const [program, ...parts] = [...command, join(rooms, 'execute/cluster-worker.js'), JSON.stringify(text)]
      const child = started(program!, parts)
      await once(child.stdout!, 'data')
      return child
    }
    return { folder, rounds, worker, training: () => trainingOf({ executor, store }, weights) }
  }

  it('gives rounds to a worker that joins late', async () => {
    const { rounds, worker, training } = await cluster()
    await worker('first')
    const { steps, trained } = await training()
    await expect.poll(() => steps.length, { timeout: 60_000 }).toBeGreaterThan(0)
    expect(steps.at(-1)).toBeLessThan(26)
    await worker('late')
    expect((await trained).weights.digest).toBe(await expectedDigest())
    const late = await rounds('late')
    expect(late.length).toBeGreaterThan(0)
    expect(late.some((line) => line.startsWith('0 '))).toBe(false)
  })

  it('does the round of a worker that stops with SIGSTOP, whose late answer changes nothing', async () => {
    const { rounds, worker, training } = await cluster()
    const first = await worker('first')
    const { steps, trained } = await training()
    await expect.poll(() => rounds('first'), { timeout: 60_000 }).not.toHaveLength(0)
    first.kill('SIGSTOP')
    const stopped = (await rounds('first')).at(-1)
    await worker('second')
    await expect.poll(() => steps.at(-1) ?? 0, { timeout: 120_000 }).toBeGreaterThan(5)
    first.kill('SIGCONT')
    expect((await trained).weights.digest).toBe(await expectedDigest())
    expect(await rounds('second')).toContain(stopped)
  })

  it.skipIf(noNamespace !== undefined)(
    'does the rounds of a worker whose network is cut off, and uses it again',
    async () => {
      const { folder, rounds, worker, training } = await cluster()
      // A socket of the file system leads out of the namespace, so the network of this machine does not change.
      const [door, port] = [join(folder, 'redis.sock'), Number(new URL(server.url).port)]
      const outside = createServer((socket) => {
        const redis = connect(port, '127.0.0.1')
        socket.pipe(redis).pipe(socket)
        for (const end of [socket, redis]) end.on('error', () => [socket, redis].map((one) => one.destroy()))
      })
      await once(outside.listen(door), 'listening')
      cleanups.push(() => void outside.close())
      const inside = `const { connect, createServer } = require('node:net')
createServer((socket) => {
  const out = connect(${JSON.stringify(door)})
  socket.pipe(out).pipe(socket)
  for (const end of [socket, out]) end.on('error', () => [socket, out].map((one) => one.destroy()))
}).listen(6379, '127.0.0.1', () => console.log('open'))`
      const script = 'ip link set lo up && exec "$0" -e "$1"'
      const relay = started('unshare', ['--net', 'sh', '-c', script, process.execPath, inside])
      await once(relay.stdout!, 'data')
      const enter = ['nsenter', `--net=/proc/${relay.pid}/ns/net`]
      const network = (state: 'up' | 'down') => {
        const [program, ...parts] = [...enter, 'ip', 'link', 'set', 'lo', state]
        expect(spawnSync(program!, parts).status).toBe(0)
      }
      await worker('far', 'redis://127.0.0.1:6379', [...enter, process.execPath])
      const { steps, trained } = await training()
      await expect.poll(() => rounds('far'), { timeout: 60_000 }).not.toHaveLength(0)
      network('down')
      const before = (await rounds('far')).length
      await worker('near')
      await expect.poll(() => steps.at(-1) ?? 0, { timeout: 120_000 }).toBeGreaterThan(5)
      network('up')
      const joined = (await rounds('far')).length
      expect((await trained).weights.digest).toBe(await expectedDigest())
      expect(joined - before).toBeLessThanOrEqual(1)
      expect((await rounds('near')).length).toBeGreaterThan(0)
      // With 6 rounds of 4 replicas, work was left when the network came back.
      expect((await rounds('far')).length).toBeGreaterThan(joined)
    },
  )
})
