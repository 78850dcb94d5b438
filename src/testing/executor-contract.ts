import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { callContext, type Digest, digestBytes, isSheikhError, SheikhError } from '../core/index.js'
import type { ExecuteContext, Executor, JobContext, JobEvent, JobKind } from '../execute/index.js'
import type { Store } from '../store/index.js'
import type { ContractTest } from './contract-test.js'

export interface ExecutorUnderTest {
  /** Its workers have the kinds `contractKinds` and a store with the objects of `store`. */
  readonly executor: Executor
  /** New and empty. */
  readonly store: Store
  /** Whether jobs run in processes of their own, so that a job that kills its process does not kill the test. @default false */
  readonly hasProcesses?: boolean | undefined
  /** Closes the executor and removes its store. Also called after a test that closed the executor. */
  dispose(): Promise<void>
}

const kind = <I, O>(
  name: string,
  run: (input: I, context: JobContext) => Promise<{ value: O; objects?: Readonly<Record<string, Digest>> }>,
): JobKind<I, O> => ({ name: `contract-${name}`, version: '1', run })

const echo = kind('echo', async (value: unknown) => ({ value }))
const reverse = kind<null, number>('reverse', async (_, context) => {
  const bytes = Uint8Array.from(await context.store.objects.get(context.objects['text']!, context)).reverse()
  return { value: bytes.length, objects: { reversed: await context.store.objects.put(bytes, context) } }
})
/** Adds a line to a file, so that a test sees how often the work was done, in whatever process. */
const note = kind<{ readonly path: string; readonly pauseMs?: number }, null>('note', async ({ path, pauseMs }) => {
  await appendFile(path, 'done\n')
  if (pauseMs !== undefined) await setTimeout(pauseMs)
  return { value: null }
})
const linesIn = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '').length
const flaky = kind<{ readonly path: string; readonly failures: number; readonly isKill?: boolean }, string>(
  'flaky',
  async ({ path, failures, isKill }) => {
    await appendFile(path, 'tried\n')
    if ((await linesIn(path)) > failures) return { value: 'done' }
    if (isKill === true) process.kill(process.pid, 'SIGKILL')
    throw new SheikhError('remote-failed', 'The network is slow.', { retryable: true })
  },
)
const fail = kind<{ readonly code: 'train-diverged' | null }, never>('fail', async ({ code }) => {
  if (code !== null) throw new SheikhError(code, 'The loss is not finite.', { facts: { step: 3 } })
  throw new TypeError('no such method')
})
const report = kind<null, null>('report', async (_, { progress }) => {
  for (const step of [1, 2, 3]) progress({ step })
  return { value: null }
})
/** Notes that it began, and works until it is aborted. */
const wait = kind<{ readonly path: string }, null>('wait', async ({ path }, { signal }) => {
  await appendFile(path, 'begun\n')
  await setTimeout(600_000, undefined, { signal })
  return { value: null }
})
const nothing = kind('nothing', async () => undefined as unknown as { value: null })

/** The kinds of the jobs that `executorContract` runs. */
export const contractKinds: readonly JobKind<never, unknown>[] = [
  ...[echo, reverse, note, flaky, fail, report, wait, nothing],
] as readonly JobKind<never, unknown>[]

/**
 * Tests that an executor fulfils the `Executor` contract.
 *
 * @param make an executor whose workers have `contractKinds`; called for each test.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { inProcessExecutor } from 'sheikh-freemium/execute'
 * import { contractKinds, executorContract, memoryStore } from 'sheikh-freemium/testing'
 *
 * executorContract(test, async () => {
 *   const store = memoryStore()
 *   const executor = inProcessExecutor({ store, kinds: contractKinds, workers: 2 })
 *   return { executor, store, dispose: () => executor[Symbol.asyncDispose]() }
 * })
 * ```
 */
export function executorContract(test: ContractTest, make: () => Promise<ExecutorUnderTest>): void {
  const within = (name: string, body: (world: World) => Promise<void>) =>
    test(`an executor ${name}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sheikh-executor-'))
      const { dispose, ...made } = await make()
      try {
        await body({ ...made, path: join(folder, 'notes') })
      } finally {
        await dispose()
        await rm(folder, { recursive: true, force: true })
      }
    })
  resultsContract(within)
  failuresContract(within)
  abortContract(within)
}

function skipped(test: string): void {
  process.stderr.write(
    `Skipped: an executor ${test}. Its jobs do not run in processes of their own ("hasProcesses").\n`,
  )
}

type World = Omit<ExecutorUnderTest, 'dispose'> & {
  /** A file that does not exist. */
  readonly path: string
}
type Within = (name: string, body: (world: World) => Promise<void>) => void

const context = callContext()
const coded = (code: Parameters<typeof isSheikhError>[1]) => (error: unknown) => isSheikhError(error, code)

function resultsContract(within: Within): void {
  within('returns the value of a job, as JSON', async ({ executor }) => {
    for (const input of [null, 'text', 0.1, [1, { ü: '\u2028' }], { a: { b: [] } }]) {
      const { value, objects, reused } = await executor.run({ kind: echo, input }, context)
      assert.deepEqual({ value, objects, reused }, { value: input, objects: {}, reused: false })
    }
  })

  within('gives a job objects of the store, and returns the digests of those that it made', async (world) => {
    const { executor, store } = world
    const text = await store.objects.put(Buffer.from('abc'), context)
    const { value, objects } = await executor.run({ kind: reverse, input: null, objects: { text } }, context)
    assert.equal(value, 3)
    assert.equal(objects['reversed'], digestBytes('cba'))
    assert.equal(Buffer.from(await store.objects.get(objects['reversed']!, context)).toString(), 'cba')
  })

  within('does equal jobs once, at one time and one after the other', async ({ executor, path }) => {
    const job = { kind: note, input: { path, pauseMs: 20 } }
    const both = await Promise.all([executor.run(job, context), executor.run(job, context)])
    const [first, again] = [both[0]!, await executor.run({ ...job, input: { pauseMs: 20, path } }, context)]
    assert.deepEqual([first.reused, again.reused], [false, true])
    assert.deepEqual({ ...again, reused: false }, first)
    assert.equal(both[1]!.job, first.job)
    assert.equal(await linesIn(path), 1)
    // Another input is another job.
    const other = await executor.run({ kind: note, input: { path, pauseMs: 10 } }, context)
    assert.notEqual(other.job, first.job)
    assert.equal(await linesIn(path), 2)
  })

  within('does many jobs', async ({ executor }) => {
    const numbers = Array.from({ length: 25 }, (_, number) => number)
    const results = await Promise.all(numbers.map((input) => executor.run({ kind: echo, input }, context)))
    assert.deepEqual(
      results.map(({ value }) => value),
      numbers,
    )
    assert.equal(new Set(results.map(({ job }) => job)).size, numbers.length)
  })

  within('reports start, progress and end, in this order', async ({ executor }) => {
    const events: JobEvent[] = []
    const listening = { ...context, onEvent: (event: JobEvent) => void events.push(event) }
    const { job } = await executor.run({ kind: report, input: null }, listening)
    assert.deepEqual(events, [
      { type: 'job-start', job, attempt: 1 },
      ...[1, 2, 3].map((step) => ({ type: 'job-progress', job, progress: { step } })),
      { type: 'job-end', job, reused: false },
    ])
    events.length = 0
    await executor.run({ kind: report, input: null }, listening)
    assert.deepEqual(events, [{ type: 'job-end', job, reused: true }])
    // A listener that throws does not fail the job.
    const warnings: string[] = []
    const throwing: ExecuteContext = {
      ...callContext({ log: { debug() {}, info() {}, warn: (message) => void warnings.push(message) } }),
      onEvent() {
        throw new Error('no screen')
      },
    }
    assert.equal((await executor.run({ kind: echo, input: 'unheard' }, throwing)).value, 'unheard')
    assert.ok(warnings.every((message) => message.includes('no screen')) && warnings.length > 0)
  })
}

function failuresContract(within: Within): void {
  within('rejects with the error of the work', async ({ executor }) => {
    await assert.rejects(executor.run({ kind: fail, input: { code: 'train-diverged' } }, context), (error) => {
      assert.ok(isSheikhError(error, 'train-diverged'))
      assert.equal(error.message, 'The loss is not finite.')
      assert.deepEqual(error.facts, { step: 3 })
      return true
    })
    await assert.rejects(executor.run({ kind: fail, input: { code: null } }, context), (error) => {
      assert.ok(isSheikhError(error, 'stage-failed'))
      assert.match(error.message, /contract-fail.*no such method/)
      return true
    })
    await assert.rejects(executor.run({ kind: nothing, input: null }, context), coded('stage-failed'))
    // It is still usable.
    assert.equal((await executor.run({ kind: echo, input: 'after' }, context)).value, 'after')
  })

  within('tries again after an error that may pass, and no more often than asked', async ({ executor, path }) => {
    const events: JobEvent[] = []
    const listening = { ...context, onEvent: (event: JobEvent) => void events.push(event) }
    const job = { kind: flaky, input: { path, failures: 2 } }
    await assert.rejects(executor.run({ ...job, retries: 0 }, context), coded('remote-failed'))
    assert.equal(await linesIn(path), 1)
    assert.equal((await executor.run(job, listening)).value, 'done')
    const retries = events.filter(({ type }) => type === 'job-retry')
    assert.equal(retries.length, 1)
    assert.ok(retries[0]!.type === 'job-retry' && retries[0]!.reason.includes('The network is slow.'))
  })

  within('refuses a kind, a version or an object that the worker does not have', async ({ executor }) => {
    const version = executor.run({ kind: { ...echo, version: '2' }, input: 1 }, context)
    await assert.rejects(version, (error) => {
      assert.ok(isSheikhError(error, 'version-mismatch'))
      assert.deepEqual(error.facts, { kind: echo.name, expected: '2', found: '1' })
      return true
    })
    const unknown = executor.run({ kind: { name: 'unknown', version: '1' }, input: 1 }, context)
    await assert.rejects(unknown, coded('not-found'))
    const lost = executor.run({ kind: reverse, input: null, objects: { text: digestBytes('lost') } }, context)
    await assert.rejects(lost, coded('not-found'))
  })

  within('does a job again if the store lost an object of its result', async (world) => {
    const { executor, store } = world
    const text = await store.objects.put(Buffer.from('abc'), context)
    const job = { kind: reverse, input: null, objects: { text } }
    const first = await executor.run(job, context)
    const record = (await store.keys.get(first.job))!
    const lost = { value: 3, objects: { reversed: digestBytes('lost') } }
    await store.keys.put({ ...record, value: lost })
    assert.deepEqual(await executor.run(job, context), first)
  })

  within('refuses what is no job', async ({ executor }) => {
    const refused = [
      { kind: echo, input: Number.NaN },
      { kind: echo, input: () => 1 },
      { kind: { ...echo, name: '../climb' }, input: 1 },
      { kind: echo, input: 1, retries: -1 },
      { kind: echo, input: 1, resources: { memoryMb: 0 } },
    ]
    for (const job of refused) await assert.rejects(executor.run(job, context), coded('invalid-options'))
  })

  within(
    'gives the same result after the end of a worker process',
    async ({ executor, path, hasProcesses = false }) => {
      if (!hasProcesses) return skipped('gives the same result after the end of a worker process')
      const { value } = await executor.run({ kind: flaky, input: { path, failures: 2, isKill: true } }, context)
      assert.equal(value, 'done')
      assert.equal(await linesIn(path), 3)
    },
  )

  within('quarantines a job that ends three processes', async ({ executor, path, hasProcesses = false }) => {
    if (!hasProcesses) return skipped('quarantines a job that ends three processes')
    const job = { kind: flaky, input: { path, failures: 100, isKill: true } }
    await assert.rejects(executor.run(job, context), coded('job-quarantined'))
    assert.equal(await linesIn(path), 3)
    await assert.rejects(executor.run(job, context), coded('job-quarantined'))
    assert.equal(await linesIn(path), 3)
    assert.equal((await executor.run({ kind: echo, input: 'after' }, context)).value, 'after')
  })
}

function abortContract(within: Within): void {
  within('ends the work of an aborted call, and rejects with the reason', async ({ executor, path }) => {
    const abort = new AbortController()
    const running = executor.run({ kind: wait, input: { path } }, { ...context, signal: abort.signal })
    running.catch(() => {})
    while ((await linesIn(path)) === 0) await setTimeout(5)
    const reason = new Error('enough')
    abort.abort(reason)
    await assert.rejects(running, (error) => error === reason)
    await assert.rejects(
      executor.run({ kind: echo, input: 1 }, { ...context, signal: abort.signal }),
      (error) => error === reason,
    )
    assert.equal((await executor.run({ kind: echo, input: 'after' }, context)).value, 'after')
  })

  within('continues a job for another caller when one aborts', async ({ executor, path }) => {
    const abort = new AbortController()
    const job = { kind: note, input: { path, pauseMs: 100 } }
    const first = executor.run(job, { ...context, signal: abort.signal })
    first.catch(() => {})
    const second = executor.run(job, context)
    while ((await linesIn(path)) === 0) await setTimeout(5)
    abort.abort(new Error('enough'))
    await assert.rejects(first, /enough/)
    assert.equal((await second).reused, false)
    assert.equal(await linesIn(path), 1)
  })

  within('ends all work when it is closed, and takes no more', async ({ executor, path }) => {
    const running = executor.run({ kind: wait, input: { path } }, context)
    const waiting = Promise.all([1, 2, 3].map((input) => executor.run({ kind: wait, input: { path, input } }, context)))
    for (const run of [running, waiting]) run.catch(() => {})
    while ((await linesIn(path)) === 0) await setTimeout(5)
    await executor[Symbol.asyncDispose]()
    await assert.rejects(running, /closed/)
    await assert.rejects(waiting, /closed/)
    await assert.rejects(executor.run({ kind: echo, input: 1 }, context), /closed/)
    await executor[Symbol.asyncDispose]()
  })
}
