import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { callContext, canonicalJson, type Digest, digestJson, type Json } from '../../../src/core/index.js'
import {
  checkQuality,
  Dataset,
  dataCheckKind,
  memorySamples,
  qualityKinds,
  type TokenCounter,
} from '../../../src/dataset/index.js'
import { textPerBlock } from '../../../src/dataset/quality/examine-rows.js'
import { packBlock, readFacts, unpackBlocks, writeFacts } from '../../../src/dataset/quality/facts-file.js'
import { type Executor, inProcessExecutor } from '../../../src/execute/index.js'
import { directoryStore } from '../../../src/store/directory/index.js'
import type { Store } from '../../../src/store/index.js'
import { memoryStore } from '../../../src/store/memory/index.js'
import { builtRooms } from '../../built-package.js'
import { startLocal } from '../../execute/start-local.js'
import { folderWith } from '../temporary.js'
import { checkedDataset, checks, countsWords, knownSecret } from './checked-samples.js'

const context = callContext()
const texts = await checkedDataset('text')
const inProcess = (store: Store, counter: TokenCounter = countsWords()): Executor =>
  inProcessExecutor({ store, workers: 2, kinds: [dataCheckKind({ counter })] })
const reportOf = async (
  workers?: { readonly executor: Executor; readonly store: Store; rowsPerShard?: number; parallel?: number },
  { dataset = texts, ...options }: typeof checks & { readonly dataset?: typeof texts } = {},
  within = context,
) => canonicalJson((await checkQuality(dataset, { ...checks, ...options, workers }, within)) as unknown as Json)
const expected = await reportOf()

describe('checkQuality with workers', () => {
  it('is compared over all kinds of findings of single rows', () => {
    const kinds = new Set((JSON.parse(expected) as { findings: { kind: string }[] }).findings.map(({ kind }) => kind))
    expect(qualityKinds.filter((kind) => !kinds.has(kind))).toEqual(['source', 'balance', 'drift', 'relabelled'])
    expect(expected).not.toContain(knownSecret)
  })

  it.each([1, 1000, 1025, 100_000])('gives the report of one process with %d rows per shard', async (rowsPerShard) => {
    for (const parallel of [1, 3]) {
      const store = memoryStore()
      await using executor = inProcess(store)
      expect(await reportOf({ executor, store, rowsPerShard, parallel })).toBe(expected)
    }
  })

  it('gives the report of one process for inputs that are JSON, without an evaluation set and with checks turned off', async () => {
    const json = await checkedDataset('json')
    const store = memoryStore()
    await using executor = inProcess(store)
    const workers = { executor, store, rowsPerShard: 1 }
    const off = { duplicate: 'off', leakage: 'off', labelConflict: 'off', labelError: 'off', charset: 'off' } as const
    for (const options of [
      { dataset: json },
      { dataset: json, evaluation: 'none' },
      { ...off },
      { secret: 'off', tokenLimit: 'off' },
    ] as const)
      expect(await reportOf(workers, options)).toBe(await reportOf(undefined, options))
  })

  it('leaves nothing in the store but what it needs to know', async () => {
    const store = directoryStore(await folderWith())
    const kept = new Set<Digest>()
    const noting: Store = {
      ...store,
      objects: {
        ...store.objects,
        async putDirectory(...parts) {
          const digest = await store.objects.putDirectory(...parts)
          kept.add(digest)
          return digest
        },
      },
    }
    await using executor = inProcess(noting)
    expect(await reportOf({ executor, store: noting, rowsPerShard: 1 })).toBe(expected)
    expect(kept.size).toBeGreaterThan(4)
    for (const digest of kept) expect(await store.objects.has(digest)).toBe(false)
    // With its results gone, each job is done again.
    expect(await reportOf({ executor, store: noting, rowsPerShard: 1 })).toBe(expected)
  })

  it('continues after an abort, and examines only the rest', async () => {
    const store = memoryStore()
    const abort = new AbortController()
    let jobs = 0
    const kind = dataCheckKind({ counter: countsWords() })
    const run: typeof kind.run = (...job) => {
      jobs += 1
      if (jobs === 3) abort.abort(new Error('enough'))
      return kind.run(...job)
    }
    await using executor = inProcessExecutor({ store, kinds: [{ ...kind, run }] })
    const workers = { executor, store, rowsPerShard: 1, parallel: 1 }
    await expect(reportOf(workers, {}, callContext({ signal: abort.signal }))).rejects.toThrow('enough')
    expect(jobs).toBe(3)
    expect(await reportOf(workers)).toBe(expected)
    const whole = memoryStore()
    const before = jobs
    jobs = 3
    await using alone = inProcessExecutor({ store: whole, kinds: [{ ...kind, run }] })
    await reportOf({ ...workers, store: whole, executor: alone })
    expect(before - 3).toBe(jobs - 3 - 2)
  })

  it('gives the report of one process to two checks of equal rows at once', async () => {
    const store = memoryStore()
    await using executor = inProcess(store)
    const workers = { executor, store, rowsPerShard: 1 }
    const other = { ...store, objects: { ...store.objects } }
    expect(await Promise.all([reportOf(workers), reportOf(workers), reportOf({ ...workers, store: other })])).toEqual([
      expected,
      expected,
      expected,
    ])
  })

  it('gives the report of one process if another check ends between a job and the reading of its facts', async () => {
    const store = memoryStore()
    await using executor = inProcess(store)
    // Rows without a finding, of which there is nothing to say but their number; and the same rows.
    for (const name of ['other', 'clean']) {
      const cleanOf = (start: string) => {
        const samples = Array.from({ length: 30 }, (_, row) => ({
          id: `${start} ${row}`,
          text: `${start} words ${row}`,
        }))
        return new Dataset({ source: memorySamples(samples), input: 'text', id: 'id' }) as unknown as typeof texts
      }
      const options = { evaluation: 'none', license: 'off', dataset: cleanOf('clean') } as const
      const another = { ...options, dataset: cleanOf(name) }
      let opened = 0
      const objects: Store['objects'] = {
        ...store.objects,
        async getDirectory(...directory) {
          opened += 1
          if (opened === 1) await reportOf({ executor, store }, another)
          return store.objects.getDirectory(...directory)
        },
      }
      expect(await reportOf({ executor, store: { ...store, objects } }, options)).toBe(
        await reportOf(undefined, options),
      )
      expect(opened).toBe(name === 'clean' ? 2 : 1)
    }
  })

  it.each([
    ['another tokenizer', countsWords('2'), 'the tokenizer of the worker differs'],
    ['no tokenizer', undefined, 'the worker has no counter'],
  ])('refuses a worker with %s', async (_, counter, message) => {
    const store = memoryStore()
    await using executor = inProcessExecutor({ store, kinds: [dataCheckKind({ counter })] })
    await expect(reportOf({ executor, store })).rejects.toMatchObject({
      code: 'version-mismatch',
      message: expect.stringContaining(message),
    })
    const without = { tokenLimit: 'off' } as const
    expect(await reportOf({ executor, store }, without)).toBe(await reportOf(undefined, without))
  })

  it('refuses shards without rows', async () => {
    const store = memoryStore()
    await using executor = inProcess(store)
    await expect(reportOf({ executor, store, rowsPerShard: 0 })).rejects.toMatchObject({ code: 'invalid-options' })
  })
})

describe('checkQuality with processes', () => {
  type Local = Awaited<ReturnType<typeof startLocal>>
  async function withProcesses(workers: number, pauseMs: number, body: (local: Local) => Promise<void>) {
    const module = pathToFileURL(join(await builtRooms(), 'dataset/data-check-worker.js'))
    const optionsOf = (folder: string) => ({ folder, notes: join(folder, 'notes'), pauseMs })
    const local = await startLocal({ workers, worker: { module }, optionsOf })
    try {
      await body(local)
    } finally {
      await local.dispose()
    }
  }
  const pidsIn = async (path: string) =>
    (await readFile(path, 'utf8').catch(() => '')).split('\n').flatMap((line) => (line === '' ? [] : [+line]))

  it.each([1, 2, 4])('gives the report of one process with %d workers', (workers) =>
    withProcesses(workers, 0, async ({ executor, store }) => {
      expect(await reportOf({ executor, store, rowsPerShard: 1 })).toBe(expected)
    }),
  )

  it('gives the same report if a worker is killed in the middle', () =>
    withProcesses(2, 50, async ({ executor, store, path }) => {
      const checking = reportOf({ executor, store, rowsPerShard: 1 })
      checking.catch(() => {})
      await expect.poll(async () => (await pidsIn(path)).length).toBeGreaterThan(1)
      process.kill((await pidsIn(path)).at(-1)!, 'SIGKILL')
      expect(await checking).toBe(expected)
      expect(new Set(await pidsIn(path)).size).toBeGreaterThan(2)
    }))
})

describe('the files of a shard', () => {
  it('give rows back as they were', () => {
    const rows = [
      { text: 'a \ud800 \n"', isCompared: true, isJudged: false, texts: [['b', '/x']] },
      {
        text: 'b',
        json: '["b"]',
        isCompared: false,
        isJudged: true,
        texts: [
          ['b', ''],
          ['c', ''],
        ],
        counted: [['b']],
      },
      { text: '', isCompared: false, isJudged: false, texts: [], counted: [null, { __proto__x: 1 }] },
    ] as const
    const [block, ...others] = [...unpackBlocks(Buffer.concat([packBlock(rows), packBlock([])]))]
    expect(block).toEqual(rows)
    expect(others).toEqual([[]])
    expect(textPerBlock).toBeGreaterThan(0)
  })

  it('are refused if they are cut off, longer, or about other rows', async () => {
    const facts = [
      {
        compared: { input: 'i'.repeat(16), name: '\xff'.repeat(16), sketch: Uint32Array.of(1, 2 ** 32 - 1) },
        marks: [],
      },
      { features: Uint16Array.of(7, 65_535, 3), marks: [['secret', 'aws', '/a']] as const, tokens: { prompt: 3 } },
      { marks: [] },
      { compared: { input: '0'.repeat(16), name: '1'.repeat(16), sketch: new Uint32Array(0) }, marks: [] },
    ]
    const [folder, job, other] = [await folderWith(), digestJson('job'), digestJson('other')]
    await writeFacts(folder, job, facts)
    expect(await readFacts(folder, { job, rows: 4 }, context)).toEqual(facts)
    const path = join(folder, 'facts')
    const written = await readFile(path)
    const refused = (of = { job, rows: 4 }) =>
      expect(readFacts(folder, of, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    await refused({ job, rows: 3 })
    await refused({ job: other, rows: 4 })
    for (const wrong of [
      written.subarray(0, -1),
      written.subarray(1),
      Buffer.concat([written, written]),
      Buffer.from('{"rows":4'),
      Buffer.alloc(0),
    ]) {
      await writeFile(path, wrong)
      await refused()
    }
    await rm(path)
    await refused()
  })
})
