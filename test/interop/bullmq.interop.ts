// Executor and workers on real servers of queues, with real faults.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { setUpRedis } from '../../examples/cluster/redis-server.js'
import { callContext, type Json, type Log } from '../../src/core/index.js'
import type { BullmqExecutorOptions, BullmqWorkerOptions, Executor, JobEvent } from '../../src/execute/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { executorContract } from '../../src/testing/executor-contract.js'
import { builtRooms } from '../built-package.js'
import { sheikh } from '../cli/harness.js'
import { localWorkerPath } from '../execute/start-local.js'
import { postgresPrograms, type QueueServer, startPostgres, startRedis } from './queue-servers.js'

const missing = setUpRedis()
if (missing !== undefined) console.log(`Skipped: ${missing}.`)

const context = callContext()
const rooms = await builtRooms()
const { bullmqExecutor, bullmqWorker, queueStatus } = (await import(
  join(rooms, 'execute/index.js')
)) as typeof import('../../src/execute/index.js')

/** A job of one of the kinds in local-worker.ts. */
const job = (name: string, input: Json, version = '1') => ({ kind: { name, version }, input })
const textOf = (path: string) => readFile(path, 'utf8').catch(() => '')
const linesOf = async (path: string) => (await textOf(path)).split('\n').filter((line) => line !== '')

let queues = 0
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A queue of its own, with a store and a way to start workers. */
async function cluster(where: { readonly redis?: string; readonly postgres?: string }) {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-cluster-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const store = directoryStore(join(folder, 'store'))
  const worker = { module: pathToFileURL(await localWorkerPath()), options: { folder: join(folder, 'store') } }
  queues += 1
  const queue = `test-${process.pid}-${queues}`
  const workerOptions: BullmqWorkerOptions = { ...where, queue, worker, lockMs: 1500, finishMs: 500, graceMs: 500 }
  return {
    ...{ folder, store, queue, path: join(folder, 'notes'), workerOptions },
    executor(options: Partial<BullmqExecutorOptions> = {}): Executor {
      const executor = bullmqExecutor({ ...where, queue, store, pollMs: 300, ...options })
      cleanups.push(() => executor[Symbol.asyncDispose]())
      return executor
    },
    async workerHere(options: Partial<BullmqWorkerOptions> = {}, started = context) {
      const made = await bullmqWorker({ ...workerOptions, ...options }, started)
      cleanups.push(() => made.close())
      return made
    },
    /** In a process of its own. */
    async worker(options: Partial<BullmqWorkerOptions> = {}): Promise<ChildProcess> {
      const text = JSON.stringify({ ...workerOptions, ...options })
      const child = spawn(process.execPath, [join(rooms, 'execute/cluster-worker.js'), text], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      cleanups.push(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGKILL')
        await once(child, 'exit')
      })
      await once(child.stdout!, 'data')
      return child
    },
  }
}

/** What `sheikh worker` prints at its end. */
async function runCommand(parts: readonly string[], env: NodeJS.ProcessEnv, use: () => Promise<void>) {
  const command = [join(rooms, 'cli/main.js'), 'worker', ...parts, '--json']
  const child = spawn(process.execPath, command, { env: { ...process.env, ...env }, stdio: 'pipe' })
  let [out, errors] = ['', '']
  child.stdout.on('data', (piece) => (out += piece))
  child.stderr.on('data', (piece) => (errors += piece))
  const ended = once(child, 'exit')
  await use()
  child.kill('SIGTERM')
  const [code] = (await ended) as [number]
  return { code, out, errors }
}

function events() {
  const all: JobEvent[] = []
  return { all, context: { ...context, onEvent: (event: JobEvent) => void all.push(event) } }
}

function warningsOf() {
  const [warnings, debug]: [string[], string[]] = [[], []]
  const log: Log = {
    ...{ debug: (message) => void debug.push(message), info() {} },
    warn: (message) => void warnings.push(message),
  }
  return { warnings, debug, log }
}

/** The queue as everybody with its address sees it. */
async function rawQueue(url: string, queue: string) {
  const { Queue } = await import('bullmq')
  const { Redis } = await import('ioredis')
  const client = new Redis(url, { maxRetriesPerRequest: null })
  const raw = new Queue<unknown>(queue, { connection: client as never })
  cleanups.push(async () => {
    await raw.close()
    client.disconnect()
  })
  return { raw, client }
}

it.skipIf(missing !== undefined)('examples/cluster: the same model with and without the kill of a worker', async () => {
  const program = join(import.meta.dirname, '../../examples/cluster/main.ts')
  const parts = ['--import', 'tsx', '--conditions=sheikh-source', program]
  const child = spawn(process.execPath, parts, { stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.on('data', (piece) => (out += piece))
  const [code] = (await once(child, 'exit')) as [number]
  expect([code, out]).toEqual([0, expect.stringMatching(/The same model: sha256:[0-9a-f]{64}\n$/)])
})

describe.skipIf(missing !== undefined)('on Redis', () => {
  let server: QueueServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.dispose())

  executorContract(test, async () => {
    const { store, executor, workerHere } = await cluster({ redis: server.url })
    await workerHere({ concurrency: 2 })
    return { executor: executor(), store, hasProcesses: true, dispose: async () => {} }
  })

  onAnyServer(() => ({ redis: server.url }))

  it('refuses a wrong password, here and in a worker, without its text', async () => {
    const locked = await startRedis({ password: 'right-password' })
    cleanups.push(() => locked.dispose())
    const redis = locked.url.replace('right-password', 'wrong-password')
    const { executor, workerHere } = await cluster({ redis })
    for (const tried of [() => executor().run(job('slow', {}), context), () => workerHere()])
      await expect(tried()).rejects.toSatisfy(
        (error: Error & { code: string }) =>
          error.code === 'access-denied' && !/wrong-password/.test(inspect(error, { depth: 10 })),
      )
    const right = await cluster({ redis: locked.url })
    await right.workerHere()
    expect((await right.executor().run(job('contract-echo', 1), context)).value).toBe(1)
  })

  it('works with the command, which takes the password from the environment', async () => {
    const own = await startRedis({ password: 'right-password' })
    cleanups.push(() => own.dispose())
    const { executor, folder, queue } = await cluster({ redis: own.url })
    const module = join(folder, 'worker.mjs')
    const parts = { local: await localWorkerPath(), store: join(folder, 'store') }
    await writeFile(
      module,
      `import { worker } from ${JSON.stringify(parts.local)}\nexport const make = () => worker({ folder: ${JSON.stringify(parts.store)} })\n`,
    )
    const redis = own.url.replace(':right-password@', '')
    const command = ['--redis', redis, '--password-env', 'QUEUE_PASSWORD', '--queue', queue, '--module', module]
    const { code, out, errors } = await runCommand(
      [...command, '--export', 'make', '--device', 'cuda', '--concurrency', '2'],
      { QUEUE_PASSWORD: 'right-password' },
      async () => {
        const needed = { ...job('contract-echo', 7), resources: { device: 'cuda' } }
        expect((await executor().run(needed, context)).value).toBe(7)
        const other = { ...needed, resources: { device: 'webgpu' } }
        await expect(executor().run(other, context)).rejects.toMatchObject({ code: 'device-unavailable' })
      },
    )
    expect([code, errors]).toEqual([0, expect.stringMatching(/does 2 jobs at a time[\s\S]*contract-echo.*done/)])
    expect(JSON.parse(out)).toMatchObject({ answered: 2, givenBack: 0 })
  })

  it('finishes a job that the command has just taken when it receives SIGTERM', async () => {
    const { executor, folder, queue } = await cluster({ redis: server.url })
    const module = join(folder, 'slow-store.mjs')
    const parts = { local: await localWorkerPath(), store: join(folder, 'store') }
    await writeFile(
      module,
      `import { setTimeout } from 'node:timers/promises'
import { worker as local } from ${JSON.stringify(parts.local)}
export const worker = () => {
  const { store, kinds } = local({ folder: ${JSON.stringify(parts.store)} })
  const get = async (digest, context) => {
    await setTimeout(1000)
    return store.objects.get(digest, context)
  }
  return { store: { ...store, objects: { ...store.objects, get } }, kinds }
}
`,
    )
    const { all, context: listening } = events()
    const running = executor().run(job('contract-echo', 3), listening)
    running.catch(() => {})
    const { out } = await runCommand(['--redis', server.url, '--queue', queue, '--module', module], {}, async () => {
      await expect.poll(() => all.map(({ type }) => type), { timeout: 60_000 }).toContain('job-start')
    })
    expect((await running).value).toBe(3)
    expect(JSON.parse(out)).toMatchObject({ answered: 1, givenBack: 0 })
  })

  it('keeps jobs apart from the signal of the job that connects', async () => {
    const own = await startRedis()
    cleanups.push(() => own.dispose())
    const { executor, workerHere } = await cluster({ redis: own.url })
    const running = executor()
    own.signal('SIGSTOP')
    const abort = new AbortController()
    const first = running.run(job('contract-echo', 1), { ...context, signal: abort.signal })
    const second = running.run(job('contract-echo', 2), context)
    second.catch(() => {})
    void setTimeout(300).then(() => abort.abort(new Error('enough')))
    await expect(first).rejects.toThrow('enough')
    own.signal('SIGCONT')
    await workerHere()
    expect((await second).value).toBe(2)
  })

  it('logs no text of a job that it cannot read', async () => {
    const { queue, workerHere, executor } = await cluster({ redis: server.url })
    const { raw } = await rawQueue(server.url, queue)
    const lines: string[] = []
    const info = (message: string) => void lines.push(message)
    await workerHere({}, callContext({ log: { debug() {}, info, warn() {} } }))
    const hostile = { kind: 'a\u001b[2J\nWorker stopped', job: '\u001b[31m' }
    for (const data of [null, 7, hostile, { ...hostile, formatVersion: 1 }]) await raw.add('x', data)
    await expect.poll(() => lines, { timeout: 60_000 }).toHaveLength(4)
    expect(new Set(lines)).toEqual(new Set(['An unreadable job: failed']))
    expect((await executor().run(job('contract-echo', 1), context)).value).toBe(1)
  })

  it('takes jobs that were not answered out of the queue when the server continues', async () => {
    const own = await startRedis()
    cleanups.push(() => own.dispose())
    const { executor, queue } = await cluster({ redis: own.url })
    const { raw } = await rawQueue(own.url, queue)
    const running = executor({ patienceMs: 1500 })
    const abort = new AbortController()
    const first = running.run(job('contract-echo', 1), { ...context, signal: abort.signal })
    await expect.poll(() => raw.getJobCounts('wait'), { timeout: 60_000 }).toEqual({ wait: 1 })
    abort.abort(new Error('enough'))
    await expect(first).rejects.toThrow('enough')
    own.signal('SIGSTOP')
    const refused = running.run({ ...job('contract-echo', 2), retries: 1 }, context)
    await expect(refused).rejects.toMatchObject({ code: 'remote-failed' })
    own.signal('SIGCONT')
    await expect.poll(() => raw.getJobCounts('wait'), { timeout: 60_000 }).toEqual({ wait: 0 })
  })

  it('does no job of a caller that was killed, but jobs of a caller whose clock is an hour late', async () => {
    const { executor, queue, folder, path, worker } = await cluster({ redis: server.url })
    const { raw } = await rawQueue(server.url, queue)
    const parts = { redis: server.url, queue, pollMs: 100, folder: join(folder, 'store'), path }
    const program = `
import { bullmqExecutor } from ${JSON.stringify(join(rooms, 'execute/index.js'))}
import { directoryStore } from ${JSON.stringify(join(rooms, 'store/directory/index.js'))}
import { callContext } from ${JSON.stringify(join(rooms, 'core/index.js'))}
const { folder, path, ...options } = ${JSON.stringify(parts)}
const executor = bullmqExecutor({ ...options, store: directoryStore(folder) })
await executor.run({ kind: { name: 'contract-note', version: '1' }, input: { path } }, callContext())
`
    const caller = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
    await expect.poll(() => raw.getJobCounts('wait'), { timeout: 60_000 }).toEqual({ wait: 1 })
    caller.kill('SIGKILL')
    await setTimeout(2000)
    await worker()
    await expect.poll(() => raw.getJobCounts('completed'), { timeout: 60_000 }).toEqual({ completed: 1 })
    expect(await linesOf(path)).toEqual([])
    const late = callContext({ clock: { nowMs: () => Date.now() - 3_600_000 } })
    expect((await executor().run(job('contract-echo', 1), late)).value).toBe(1)
  })

  it('does the job of a server that pauses three times for longer than the lock', async () => {
    const own = await startRedis()
    cleanups.push(() => own.dispose())
    const { executor, worker, path } = await cluster({ redis: own.url })
    await worker({ concurrency: 4 })
    const running = executor().run(job('slow', { path, pauseMs: 25_000 }), context)
    running.catch(() => {})
    for (const count of [1, 2, 3]) {
      await expect.poll(() => linesOf(path), { timeout: 60_000 }).toHaveLength(count)
      own.signal('SIGSTOP')
      await setTimeout(3500)
      own.signal('SIGCONT')
    }
    expect((await running).objects['made']).toBeDefined()
    // Each copy that lost its lock ended: its process did the next one, or the one after that.
    expect(new Set(await linesOf(path)).size).toBeLessThanOrEqual(2)
  })

  it('does jobs as a user that cannot count workers', async () => {
    const { client } = await rawQueue(server.url, 'any')
    const rules = ['on', '>limited-password', '~*', '&*', '+@all', '-@dangerous', '+info', '+keys']
    await client.call('ACL', 'SETUSER', 'limited', ...rules)
    const { executor, worker } = await cluster({ redis: server.url.replace('//', '//limited:limited-password@') })
    const { warnings, debug, log } = warningsOf()
    const running = executor().run(job('contract-echo', 1), callContext({ log }))
    running.catch(() => {})
    await expect.poll(() => debug.join(), { timeout: 60_000 }).toMatch(/Cannot count the workers/)
    await worker()
    expect((await running).value).toBe(1)
    expect(warnings).toEqual([])
  })

  it('says that the only worker of a job is gone', async () => {
    const { executor, worker, path } = await cluster({ redis: server.url })
    const first = await worker()
    const { warnings, log } = warningsOf()
    const running = executor().run(job('slow', { path, pauseMs: 1000 }), callContext({ log }))
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
    first.kill('SIGKILL')
    await expect.poll(() => warnings.join(), { timeout: 60_000 }).toMatch(/no worker is connected/)
    await worker()
    expect((await running).objects['made']).toBeDefined()
  })

  it('hides tokens in errors, output and progress', async () => {
    const { executor, worker, queue } = await cluster({ redis: server.url })
    await worker()
    const token = `hf_${'abcDEF123'.repeat(4)}`
    const { all, context: listening } = events()
    const running = executor()
    for (const ends of [false, true])
      await expect(running.run(job('tell', { token, ends }), listening)).rejects.toSatisfy(
        (error) => !inspect(error, { depth: 10 }).includes(token),
      )
    expect(JSON.stringify(all)).toContain('[secret]')
    expect(JSON.stringify(all)).not.toContain(token)
    const { client } = await rawQueue(server.url, queue)
    for (const key of await client.keys(`bull:${queue}:*`))
      if ((await client.type(key)) === 'hash')
        expect(Object.values(await client.hgetall(key)).join()).not.toContain(token)
  })

  it('waits for a store that shows results late, as NFS does', async () => {
    const { executor, worker, store } = await cluster({ redis: server.url })
    await worker()
    let reads = 0
    const get: typeof store.keys.get = async (key) => {
      reads += 1
      return reads <= 3 ? undefined : store.keys.get(key)
    }
    const { warnings, log } = warningsOf()
    const late = executor({ store: { ...store, keys: { ...store.keys, get } } })
    expect((await late.run(job('contract-echo', 1), callContext({ log }))).value).toBe(1)
    expect(warnings.join()).toMatch(/does not show the result/)
  })

  it('says that a server is gone, and rejects after a while', async () => {
    const gone = await startRedis()
    await gone.dispose()
    const { warnings, log } = warningsOf()
    const { executor } = await cluster({ redis: gone.url })
    const running = executor({ patienceMs: 2000 }).run({ ...job('contract-echo', 1), retries: 0 }, callContext({ log }))
    await expect(running).rejects.toMatchObject({ code: 'remote-failed', retryable: true })
    expect(warnings.join()).toMatch(/Redis at 127\.0\.0\.1:\d+ does not answer/)
  })

  for (const isKept of [false, true])
    it(`does the jobs of a server that is restarted ${isKept ? 'with its data' : 'empty'}`, async () => {
      const own = await startRedis({ isKept })
      cleanups.push(() => own.dispose())
      const { executor, worker, path } = await cluster({ redis: own.url })
      await worker({ concurrency: 1 })
      const running = executor()
      const jobs = [1, 2, 3].map((number) => running.run(job('slow', { path, pauseMs: 500, number }), context))
      await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
      await own.stop()
      await own.start()
      const results = await Promise.all(jobs)
      expect(new Set(results.map(({ objects }) => objects['made'])).size).toBe(1)
    })

  it('waits for a server that is slow', async () => {
    const own = await startRedis()
    cleanups.push(() => own.dispose())
    const { executor, workerHere } = await cluster({ redis: own.url })
    await workerHere()
    const running = executor()
    expect((await running.run(job('contract-echo', 1), context)).value).toBe(1)
    const { warnings, log } = warningsOf()
    own.signal('SIGSTOP')
    const second = running.run(job('contract-echo', 2), callContext({ log }))
    // Longer than one attempt may take.
    void setTimeout(7000).then(() => own.signal('SIGCONT'))
    expect((await second).value).toBe(2)
    expect(warnings.join()).toMatch(/does not answer/)
  })
})

const hasPostgres = postgresPrograms() !== undefined
if (!hasPostgres) console.log('Skipped: there is no PostgreSQL.')

describe.skipIf(!hasPostgres)('on PostgreSQL', () => {
  let server: QueueServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.dispose())

  executorContract(test, async () => {
    const { store, executor, workerHere } = await cluster({ postgres: server.url })
    await workerHere({ concurrency: 2 })
    return { executor: executor(), store, hasProcesses: true, dispose: async () => {} }
  })

  onAnyServer(() => ({ postgres: server.url }))

  it('refuses a wrong password, and a database that does not exist', async () => {
    for (const postgres of [server.url.replace('right-', 'wrong-'), `${server.url}-other`]) {
      const { executor } = await cluster({ postgres })
      await expect(executor().run(job('slow', {}), context)).rejects.toMatchObject({ code: 'access-denied' })
    }
  })

  it('does the jobs of a server that is restarted', async () => {
    const own = await startPostgres()
    cleanups.push(() => own.dispose())
    const { executor, worker, path } = await cluster({ postgres: own.url })
    await worker()
    const running = executor()
    const jobs = [1, 2, 3].map((number) => running.run(job('slow', { path, pauseMs: 500, number }), context))
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
    await own.stop()
    await own.start()
    const results = await Promise.all(jobs)
    expect(new Set(results.map(({ objects }) => objects['made'])).size).toBe(1)
  })
})

/** Faults of workers, and what both sides agree about. */
function onAnyServer(where: () => { readonly redis?: string; readonly postgres?: string }): void {
  it('does the job of a worker that is killed, with the same bytes', async () => {
    const { executor, worker, path, store } = await cluster(where())
    const first = await worker()
    const { all, context: listening } = events()
    const running = executor().run(job('slow', { path, pauseMs: 1500 }), listening)
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
    first.kill('SIGKILL')
    await worker()
    const { objects, job: id } = await running
    expect(Buffer.from(await store.objects.get(objects['made']!, context))).toEqual(Buffer.alloc(1000, 1))
    expect(all.map(({ type }) => type)).toEqual(['job-start', 'job-retry', 'job-start', 'job-end'])
    // Not killed.
    const whole = await executor().run(job('slow', { path, pauseMs: 1 }), context)
    expect(whole.job).not.toBe(id)
    expect(whole.objects).toEqual(objects)
  })

  it('does the job of a worker that is cut off, whose late answer changes nothing', async () => {
    const { executor, worker, path, store } = await cluster(where())
    const first = await worker()
    const slow = job('slow', { path, pauseMs: 1500 })
    const running = executor().run(slow, context)
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
    first.kill('SIGSTOP')
    await worker()
    const result = await running
    const record = await store.keys.get(result.job)
    first.kill('SIGCONT')
    const again = await executor().run(slow, context)
    expect({ ...again, reused: false }).toEqual(result)
    // The worker is in use again.
    const more = [1, 2, 3, 4].map((number) => executor().run(job('slow', { path, pauseMs: 200, number }), context))
    for (const { objects } of await Promise.all(more)) expect(objects).toEqual(result.objects)
    expect((await store.keys.get(result.job))?.value).toEqual(record?.value)
  })

  it('ends the work of an aborted job in another process, and gives back that of a worker that stops', async () => {
    const { executor, worker, path } = await cluster(where())
    const first = await worker()
    const abort = new AbortController()
    const running = executor().run(job('contract-wait', { path }), { ...context, signal: abort.signal })
    running.catch(() => {})
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
    abort.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    // It takes the next job, so the work has ended.
    const slow = executor().run(job('slow', { path, pauseMs: 3000 }), context)
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).toHaveLength(2)
    first.kill('SIGTERM')
    const [code] = (await once(first, 'exit')) as [number]
    expect(code).toBe(0)
    await worker()
    expect((await slow).objects['made']).toBeDefined()
  })

  it('shows the cluster with sheikh doctor', async () => {
    const { executor, worker, queue, path } = await cluster(where())
    const [kind, address] = Object.entries(where())[0]!
    const look = (url = address!) => queueStatus({ [kind]: url, queue }, context)
    expect(await look()).toMatchObject({ queue, workers: [], findings: [{ code: 'no-workers' }] })
    const [one, other] = [await worker(), await worker()]
    const known = {
      version: '0.1.0',
      host: hostname()
        .replace(/[^\w.-]/g, '-')
        .slice(0, 24),
    }
    await executor().run(job('contract-echo', 1), context)
    const whole = await look()
    expect(whole.findings).toEqual([])
    expect(whole.workers).toHaveLength(2)
    for (const { pid } of [one, other]) expect(whole.workers).toContainEqual(expect.objectContaining({ ...known, pid }))
    expect(whole.jobs).toEqual({ waiting: 0, active: 0, finished: 1, lost: 0 })
    const slow = executor().run(job('slow', { path, pauseMs: 30_000 }), context)
    slow.catch(() => {})
    await expect.poll(() => linesOf(path), { timeout: 60_000 }).not.toHaveLength(0)
    const leaving = executor().run(job('leave', {}), context)
    await expect(leaving).rejects.toMatchObject({ code: 'job-quarantined' })
    expect(await look()).toMatchObject({
      jobs: { active: 1, finished: 4, lost: 0 },
      quarantined: [{ kind: 'leave', endedWorkers: 3 }],
      findings: [{ code: 'job-quarantined' }],
    })
    const { code, out } = await sheikh(tmpdir(), ['doctor', `--${kind}`, address!, '--queue', queue, '--json'])
    expect(code).toBe(1)
    expect(JSON.parse(out).cluster.findings).toMatchObject([{ code: 'job-quarantined' }])
    expect((await sheikh(tmpdir(), ['doctor', `--${kind}`, address!, '--queue', queue])).out).toMatch(
      /jobs: 0 waiting, 1 active[\s\S]*\n {2}job-quarantined: /,
    )
    const wrong = new URL(address!)
    ;[wrong.username, wrong.password] = ['nobody', 'wrong-password']
    const denied = await look(wrong.href)
    expect(denied).toMatchObject({ workers: null, jobs: null, findings: [{ code: 'access-denied' }] })
    expect(JSON.stringify(denied)).not.toContain('wrong-password')
    wrong.port = '1'
    expect((await look(wrong.href)).findings).toMatchObject([{ code: 'remote-failed' }])
  })

  it('refuses another version of the kind', async () => {
    const { executor, workerHere, workerOptions } = await cluster(where())
    const options = { ...(workerOptions.worker.options as object), version: '2' }
    await workerHere({ worker: { ...workerOptions.worker, options } })
    await expect(executor().run(job('slow', { pauseMs: 1 }), context)).rejects.toMatchObject({
      code: 'version-mismatch',
      facts: { expected: '1', found: '2' },
    })
  })

  it('refuses a worker with another store', async () => {
    const { executor, workerHere, workerOptions, folder } = await cluster(where())
    const options = { folder: join(folder, 'other') }
    await workerHere({ worker: { ...workerOptions.worker, options } })
    await expect(executor().run(job('contract-echo', 1), context)).rejects.toMatchObject({ code: 'not-found' })
  })
}
