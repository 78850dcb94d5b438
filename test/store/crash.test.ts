import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { isTemporaryName } from '../../src/store/index.js'
import { builtRooms } from '../built-package.js'
import { forEachUpTo, spawnNode } from '../crash/spawn-node.js'
import { listOf } from '../list-of.js'
import { everyNth } from '../whole.js'

const context = callContext()
const preload = fileURLToPath(new URL('../crash/kill-at-write.mjs', import.meta.url))
const program = fileURLToPath(new URL('./walk.mjs', import.meta.url))
const inputs = { 1: { 'a.txt': 'same', 'b.txt': 'first' }, 2: { 'a.txt': 'same', 'deep/c.txt': 'second' } } as const

let folder: string
let rooms: string
let writes: number
const walk = (root: string, number: 1 | 2, environment: Readonly<Record<string, string>> = {}) =>
  spawnNode(['--import', preload, program, rooms, join(root, 'store'), join(folder, `input-${number}`), `${number}`], {
    COUNT_UNDER: root,
    ...environment,
  })

/** A store that has seen walk 1. */
async function storeAfterFirst(name: string): Promise<string> {
  const root = join(folder, name)
  cpSync(join(folder, 'first'), root, { recursive: true })
  return root
}

async function expectWalked(root: string, number: 1 | 2): Promise<void> {
  const store = directoryStore(join(root, 'store'))
  const record = await store.keys.get(digestBytes(`key ${number}`))
  const target = join(root, `read-${number}-${Math.random()}`)
  await store.objects.getDirectory(record!.files!, target, context)
  for (const [path, text] of Object.entries(inputs[number]))
    expect(await readFile(join(target, path), 'utf8')).toBe(text)
  await rm(target, { recursive: true })
}

/** Whatever happened in walk 2, walk 1 is whole, and of walk 2 each thing is there whole or not there. */
async function expectReadable(root: string): Promise<void> {
  const store = directoryStore(join(root, 'store'))
  await expectWalked(root, 1)
  expect(await store.runs.read('run-1')).toEqual({ status: 'done' })
  expect(await listOf(store.runs.events('run-1'))).toEqual([{ type: 'run-start' }, { type: 'run-end' }])
  expect([{ last: '1' }, { last: '2' }]).toContainEqual(await store.documents.read('cache'))
  expect([['entry 1'], ['entry 1', 'entry 2']]).toContainEqual(await store.journals.read('ledger'))
  expect([undefined, { status: 'running' }, { status: 'done' }]).toContainEqual(await store.runs.read('run-2'))
  if ((await store.keys.get(digestBytes('key 2'))) !== undefined) await expectWalked(root, 2)
}

async function expectContinues(root: string): Promise<void> {
  const store = directoryStore(join(root, 'store'))
  const lock = await store.lock('next', context)
  expect(lock.token).toBeGreaterThan(1)
  expect((await filesBelow(root)).filter((path) => path.includes('/work/') || isTemporaryName(path))).toEqual([])
  await store.objects.putDirectory(join(folder, 'input-2'), context)
  const { length } = await store.journals.read('ledger')
  await store.journals.append('ledger', 'after', length)
  expect(await store.journals.read('ledger')).toEqual(
    length === 1 ? ['entry 1', 'after'] : ['entry 1', 'entry 2', 'after'],
  )
  await lock.release()
}

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-crash-'))
  rooms = await builtRooms()
  for (const number of [1, 2] as const)
    for (const [path, text] of Object.entries(inputs[number])) {
      await mkdir(join(folder, `input-${number}`, path, '..'), { recursive: true })
      await writeFile(join(folder, `input-${number}`, path), text)
    }
  expect(await walk(join(folder, 'first'), 1)).toMatchObject({ code: 0, output: '' })
  const root = await storeAfterFirst('count')
  expect(await walk(root, 2, { COUNT_FILE: join(folder, 'count.txt') })).toMatchObject({ code: 0, output: '' })
  await expectWalked(root, 2)
  writes = Number(await readFile(join(folder, 'count.txt'), 'utf8'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('a store in a folder, after a crash at any instant', () => {
  it('kill -9 at each write, half of it written: what was there is readable, and the next run goes on', async () => {
    expect(writes).toBeGreaterThan(40)
    const every = everyNth(31, 5)
    await forEachUpTo(Math.floor(writes / every), 2, async (nth) => {
      const index = nth * every
      const root = await storeAfterFirst(`kill-${index}`)
      const ended = await walk(root, 2, { KILL_AT: `${index}`, KILL_HALF: '1' })
      expect(ended).toMatchObject({ signal: 'SIGKILL' })
      await expectReadable(root)
      await expectContinues(root)
      await rm(root, { recursive: true })
    })
  })

  it('a disk that is full from any write on: storage-failed, nothing half written, nothing left over', async () => {
    let failures = 0
    const every = everyNth(31, 5)
    await forEachUpTo(Math.floor(writes / every), 2, async (nth) => {
      const index = nth * every
      const root = await storeAfterFirst(`full-${index}`)
      const ended = await walk(root, 2, { FAIL_AT: `${index}`, FAIL_STAYS: '1' })
      expect(ended.signal, ended.output).toBe(null)
      if (ended.code !== 0) {
        failures += 1
        expect(ended.output).toMatch(/^storage-failed retryable=true Cannot .*\(ENOSPC\)/)
        expect(ended.code).toBe(4)
      }
      expect((await filesBelow(root)).filter((path) => path.endsWith('.tmp'))).toEqual([])
      await expectReadable(root)
      await expectContinues(root)
      await rm(root, { recursive: true })
    })
    expect(failures).toBeGreaterThan(writes / every / 2)
  })
})
