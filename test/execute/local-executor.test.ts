import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { callContext, type Json } from '../../src/core/index.js'
import { type JobEvent, type LocalExecutorOptions, localExecutor } from '../../src/execute/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { builtRooms } from '../built-package.js'
import { spawnNode } from '../crash/spawn-node.js'
import { localWorkerPath, startLocal } from './start-local.js'

const context = callContext()
type Start = Parameters<typeof startLocal>[0]
type Local = Awaited<ReturnType<typeof startLocal>>

/** A job of one of the kinds in local-worker.ts. */
const job = (name: string, input: Json, version = '1') => ({ kind: { name, version }, input })

async function within(options: Start, body: (local: Local) => Promise<void>): Promise<void> {
  const local = await startLocal(options)
  try {
    await body(local)
  } finally {
    await local.dispose()
  }
}

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '')
const pidsIn = async (path: string) => (await textOf(path)).split('\n').flatMap((line) => (line === '' ? [] : [+line]))
const firstPid = async (path: string) => {
  await expect.poll(() => pidsIn(path)).not.toHaveLength(0)
  return (await pidsIn(path))[0]!
}
const lives = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('localExecutor', () => {
  it('does the job again in another process after kill -9, with the same bytes', () =>
    within({ workers: 1 }, async ({ executor, path, store }) => {
      const events: JobEvent[] = []
      const onEvent = (event: JobEvent) => void events.push(event)
      const running = executor.run(job('slow', { path, pauseMs: 300 }), { ...context, onEvent })
      process.kill(await firstPid(path), 'SIGKILL')
      const { objects } = await running
      expect(new Set(await pidsIn(path)).size).toBe(2)
      const bytes = await store.objects.get(objects['made']!, context)
      expect(Buffer.from(bytes)).toEqual(Buffer.alloc(1000, 1))
      // Not killed.
      const whole = await executor.run(job('slow', { path, pauseMs: 1 }), context)
      expect(whole.objects).toEqual(objects)
      expect(events.map(({ type }) => type)).toEqual(['job-start', 'job-retry', 'job-start', 'job-end'])
      expect(events[1]).toMatchObject({ attempt: 1, reason: expect.stringMatching(/ended with SIGKILL/) })
    }))

  it('starts as many processes as asked, and uses them again', () =>
    within({ workers: 2 }, async ({ executor, path }) => {
      const jobs = [1, 2, 3, 4, 5, 6].map((number) => executor.run(job('slow', { path, pauseMs: 40, number }), context))
      const pids = (await Promise.all(jobs)).map(({ value }) => value)
      expect(new Set(pids).size).toBe(2)
      expect(pids).not.toContain(process.pid)
    }))

  it('replaces a process that ended while it was idle', () =>
    within({ workers: 1 }, async ({ executor, path }) => {
      const first = await executor.run(job('slow', { path, pauseMs: 1 }), context)
      process.kill(first.value as number, 'SIGKILL')
      await expect.poll(() => lives(first.value as number)).toBe(false)
      const second = await executor.run(job('slow', { path, pauseMs: 2 }), context)
      expect(second.value).not.toBe(first.value)
    }))

  it('kills a process that uses too much memory, and says so', () =>
    within({ workers: 1, memoryMb: 2000 }, async ({ executor }) => {
      const large = { ...job('large', { sizeMb: 400 }), resources: { memoryMb: 250 } }
      await expect(executor.run(large, context)).rejects.toMatchObject({
        code: 'job-quarantined',
        message: expect.stringMatching(/used \d+ MB of memory, and its limit was 250 MB/),
      })
      // The same work with enough memory. What is allowed does not identify the job, so another size.
      const { value } = await executor.run({ ...job('large', { sizeMb: 200 }), resources: { memoryMb: 1500 } }, context)
      expect(value).toBe(20)
    }))

  it('kills work that does not react to an abort', () =>
    within({ workers: 1, graceMs: 100 }, async ({ executor, path }) => {
      const abort = new AbortController()
      const running = executor.run(job('busy', { path }), { ...context, signal: abort.signal })
      running.catch(() => {})
      const pid = await firstPid(path)
      abort.abort(new Error('enough'))
      await expect(running).rejects.toThrow('enough')
      expect(lives(pid)).toBe(false)
    }))

  it.each(['wait', 'memory', 'kill'])('leaves no program that a job started (%s)', (then) =>
    within({ workers: 1, graceMs: 200 }, async ({ executor, path }) => {
      const abort = new AbortController()
      const running = executor.run(
        { ...job('program', { path, then }), resources: { memoryMb: 400 } },
        { ...context, signal: abort.signal },
      )
      running.catch(() => {})
      const pid = await firstPid(path)
      if (then === 'wait') abort.abort(new Error('enough'))
      await expect(running).rejects.toThrow(then === 'wait' ? 'enough' : /ended 3 worker processes/)
      const pids = await pidsIn(path)
      expect(pids).toContain(pid)
      for (const each of pids) await expect.poll(() => lives(each)).toBe(false)
    }),
  )

  it('leaves no program of a busy worker when the host is killed', () =>
    within({}, async ({ folder, path }) => {
      const parameters = [
        `${await builtRooms()}/execute/local-host.js`,
        folder,
        await localWorkerPath(),
        'program',
        path,
      ]
      const host = spawn(process.execPath, parameters, { stdio: 'ignore' })
      const pid = await firstPid(path)
      host.kill('SIGKILL')
      await expect.poll(() => lives(pid)).toBe(false)
    }))

  it('kills a worker that is still starting when the call is aborted, and when it is closed', async () => {
    for (const end of ['abort', 'close'])
      await within({ worker: { export: 'hanging' }, graceMs: 60_000 }, async ({ executor, path }) => {
        const abort = new AbortController()
        const running = executor.run(job('contract-echo', 1), { ...context, signal: abort.signal })
        running.catch(() => {})
        const pid = await firstPid(path)
        if (end === 'abort') abort.abort(new Error('enough'))
        else await executor[Symbol.asyncDispose]()
        await expect(running).rejects.toThrow(end === 'abort' ? 'enough' : /is closed/)
        expect(lives(pid)).toBe(false)
      })
  })

  it('starts another worker if one is killed while it starts', () =>
    within({ worker: { export: 'killedOnce' }, workers: 1 }, async ({ executor }) => {
      const events: JobEvent[] = []
      const onEvent = (event: JobEvent) => void events.push(event)
      expect((await executor.run(job('contract-echo', 1), { ...context, onEvent })).value).toBe(1)
      expect(events.map(({ type }) => type)).toEqual(['job-retry', 'job-start', 'job-end'])
    }))

  it('rejects if there are no files for a worker process, and recovers', () =>
    within({}, async ({ folder }) => {
      const parameters = [`${await builtRooms()}/execute/host-without-files.js`, folder, await localWorkerPath()]
      const { code, output } = await spawnNode(parameters)
      expect({ code, ...JSON.parse(output) }).toEqual({ code: 0, errors: [true], value: 4 })
    }))

  it('does not count the memory of earlier jobs', () =>
    within({ workers: 3 }, async ({ executor }) => {
      const large = (number: number) => executor.run(job('large', { sizeMb: 500, number }), context)
      await Promise.all([1, 2, 3].map(large))
      const events: JobEvent[] = []
      const onEvent = (event: JobEvent) => void events.push(event)
      const small = { ...job('large', { sizeMb: 50 }), resources: { memoryMb: 350 } }
      expect((await executor.run(small, { ...context, onEvent })).value).toBe(5)
      expect(events.map(({ type }) => type)).toEqual(['job-start', 'job-end'])
    }))

  it('does not report for a job what an earlier one says after its end', () =>
    within({ workers: 1 }, async ({ executor }) => {
      const events: JobEvent[] = []
      const warnings: string[] = []
      const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
      await executor.run(job('late', { pauseMs: 0 }), context)
      const onEvent = (event: JobEvent) => void events.push(event)
      await executor.run(job('late', { pauseMs: 100 }), { ...callContext({ log }), onEvent })
      expect(events.map(({ type }) => type)).toEqual(['job-start', 'job-end'])
      expect(warnings).toEqual([])
    }))

  it('says how a process ended, with its last output', () =>
    within({ workers: 1 }, async ({ executor }) => {
      await expect(executor.run(job('leave', null), context)).rejects.toThrow(
        /ended with exit code 3\. Its last output: out of luck/,
      )
    }))

  it('refuses a device and memory that the workers do not have', () =>
    within({ workers: 1, device: 'cpu', memoryMb: 500 }, async ({ executor }) => {
      const asking = (resources: { device?: string; memoryMb?: number }) =>
        executor.run({ ...job('contract-echo', 1), resources }, context)
      await expect(asking({ device: 'cuda' })).rejects.toMatchObject({ code: 'device-unavailable' })
      await expect(asking({ memoryMb: 501 })).rejects.toMatchObject({ code: 'invalid-options' })
      expect((await asking({ device: 'cpu', memoryMb: 500 })).value).toBe(1)
    }))

  it('refuses jobs if the module of the workers changed', async () => {
    const first = await startLocal()
    const options = { folder: first.folder, version: '2' }
    await within({ worker: { options } }, async ({ executor, path }) => {
      await expect(executor.run(job('slow', { path, pauseMs: 1 }), context)).rejects.toMatchObject({
        code: 'version-mismatch',
        facts: { expected: '1', found: '2' },
      })
    })
    await first.dispose()
  })

  it('reports a module that is no worker', async () => {
    const broken: [Partial<LocalExecutorOptions['worker']>, RegExp][] = [
      [{ module: '/no/such/module.js' }, /Cannot start a worker from file:\/\/\/no\/such\/module\.js/],
      [{ export: 'absent' }, /exports no function "absent", but: .*worker/],
      [{ export: 'noParts' }, /returned no \{ store, kinds \}/],
      [{ export: 'failing' }, /no such bucket/],
    ]
    for (const [worker, message] of broken)
      await within({ worker }, async ({ executor }) => {
        await expect(executor.run(job('contract-echo', 1), context)).rejects.toThrow(message)
      })
    const module = new URL('./local-worker.js', import.meta.url)
    for (const workers of [0, 1.5, Number.NaN])
      expect(() => localExecutor({ store: memoryStore(), worker: { module }, workers })).toThrow(/"workers" is/)
  })

  it('leaves no process when the host is killed, even if the worker is busy', () =>
    within({}, async ({ folder, path }) => {
      const parameters = [`${await builtRooms()}/execute/local-host.js`, folder, await localWorkerPath(), 'busy', path]
      const host = spawn(process.execPath, parameters, { stdio: 'ignore' })
      const pid = await firstPid(path)
      expect(lives(pid)).toBe(true)
      host.kill('SIGKILL')
      await expect.poll(() => lives(pid)).toBe(false)
    }))

  it('lets a host end that does not close it', () =>
    within({}, async ({ folder, path }) => {
      const parameters = [`${await builtRooms()}/execute/local-host.js`, folder, await localWorkerPath(), 'slow', path]
      expect(await spawnNode(parameters)).toMatchObject({ code: 0, output: '' })
      await expect.poll(async () => lives((await pidsIn(path))[0]!)).toBe(false)
    }))
})
