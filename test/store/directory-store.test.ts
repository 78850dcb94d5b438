import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext, digestBytes, hexOf } from '../../src/core/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { sealJson, unsealJson } from '../../src/store/directory/sealed-json.js'
import type { Store } from '../../src/store/index.js'
import { listOf } from '../list-of.js'

const context = callContext()
const bytes = Buffer.from('the weights')
const key = digestBytes('key')

let root: string
let store: Store
const objectPath = (digest: `sha256:${string}`) => {
  const hex = hexOf(digest)
  return join(root, 'objects', 'sha256', hex.slice(0, 2), hex.slice(2))
}

beforeEach(async () => {
  root = join(await mkdtemp(join(tmpdir(), 'sheikh-directory-')), '.sheikh')
  store = directoryStore(root)
})
afterEach(async () => {
  await rm(join(root, '..'), { recursive: true, force: true })
})

describe('objects in a folder', () => {
  it('a corrupted object is never given, is put aside, and can be kept again', async () => {
    const digest = await store.objects.put(bytes, context)
    await writeFile(objectPath(digest), 'The weights')
    await expect(store.objects.get(digest, context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringContaining('run again to make it anew') as unknown,
    })
    expect(await store.objects.has(digest)).toBe(false)
    expect(await readFile(join(root, 'objects', 'corrupt', hexOf(digest)), 'utf8')).toBe('The weights')
    await store.objects.put(bytes, context)
    expect(Buffer.from(await store.objects.get(digest, context))).toEqual(bytes)
  })

  it('a directory with a corrupted or missing file is not held any more, until it is kept again', async () => {
    const source = join(root, '..', 'source')
    for (const damage of [(path: string) => truncate(path, 1), (path: string) => writeFile(path, 'x'), rm]) {
      await writeDirectory(source)
      const digest = await store.objects.putDirectory(source, context)
      await damage(objectPath(digestBytes('two')))
      const target = join(root, '..', 'target')
      await expect(store.objects.getDirectory(digest, target, context)).rejects.toMatchObject({
        code: 'artifact-corrupt',
        message: expect.stringContaining('"b.txt"') as unknown,
      })
      await expect(stat(target)).rejects.toMatchObject({ code: 'ENOENT' })
      expect(await store.objects.has(digest)).toBe(false)
      expect(await store.objects.putDirectory(source, context)).toBe(digest)
      await store.objects.getDirectory(digest, target, context)
      await rm(target, { recursive: true })
      await rm(source, { recursive: true })
    }
    expect((await readdir(join(root, '..'))).sort()).toEqual(['.sheikh'])
  })

  it('an object that is there is not written again, unless it is damaged', async () => {
    const digest = await store.objects.put(bytes, context)
    const before = await stat(objectPath(digest), { bigint: true })
    await store.objects.put(bytes, context)
    expect((await stat(objectPath(digest), { bigint: true })).ino).toBe(before.ino)
    await truncate(objectPath(digest), 2)
    await store.objects.put(bytes, context)
    expect(Buffer.from(await store.objects.get(digest, context))).toEqual(bytes)
  })
})

describe('records in a folder', () => {
  const record = { formatVersion: 1, key, parts: null, value: 'answer', runId: 'run', atMs: 1 } as const
  const keyPath = () => join(root, 'keys', `${hexOf(key)}.json`)

  it('a key record that is torn, altered, or of another key reads as absent', async () => {
    await store.keys.put(record)
    const whole = await readFile(keyPath(), 'utf8')
    expect(await store.keys.get(key)).toEqual(record)
    for (const damaged of [whole.slice(0, 40), whole.slice(0, -2), '', '\0'.repeat(whole.length), '[]', 'null'])
      await expectAbsent(damaged)
    await expectAbsent(whole.replace('answer', 'Answer'))
    await expectAbsent(sealJson({ ...record, key: digestBytes('other') }))
    await expectAbsent(sealJson({ ...record, formatVersion: 2 }))
    await expectAbsent(sealJson({ ...record, files: 'sha256:../..' }))
  })

  const expectAbsent = async (content: string) => {
    await writeFile(keyPath(), content)
    expect(await store.keys.get(key), content).toBe(undefined)
  }

  it('a torn document or run record reads as absent, and files that are none of ours are no runs', async () => {
    await store.documents.write('cache', { a: 1 })
    await store.runs.write('run', { a: 1 })
    await truncate(join(root, 'documents', 'cache.json'), 100)
    await truncate(join(root, 'runs', 'run', 'run.json'), 20)
    await writeFile(join(root, 'runs', '.DS_Store'), '')
    expect(await store.documents.read('cache')).toBe(undefined)
    expect(await store.runs.read('run')).toBe(undefined)
    expect(await store.runs.list()).toEqual(['run'])
  })

  it('an event cut short is left out, and the next starts on its own line', async () => {
    await store.runs.append('run', { sequence: 0 })
    await appendFile(join(root, 'runs', 'run', 'events.jsonl'), '{"sequence":')
    expect(await listOf(store.runs.events('run'))).toEqual([{ sequence: 0 }])
    await store.runs.append('run', { sequence: 1 })
    expect(await listOf(store.runs.events('run'))).toEqual([{ sequence: 0 }, { sequence: 1 }])
  })

  it('events are read one by one, whatever stands between them', async () => {
    const path = join(root, 'runs', 'run', 'events.jsonl')
    // Parts of what the file system gives at once, in characters of several bytes.
    const texts = Array.from({ length: 40 }, (_, index) => `${'ä€😀'.repeat(index * 300)}${index}`)
    for (const text of texts) await store.runs.append('run', { text })
    expect(await listOf(store.runs.events('run'))).toEqual(texts.map((text) => ({ text })))
    for await (const event of store.runs.events('run')) {
      expect(event).toEqual({ text: '0' })
      break
    }
    // A block of zeros, as after a power failure, is no line that has to fit into memory.
    await truncate(path, 100 << 20)
    await appendFile(path, '\n{"text":"after"}\n')
    expect((await listOf(store.runs.events('run'))).at(-1)).toEqual({ text: 'after' })
    await rm(path)
    await mkdir(path)
    await expect(listOf(store.runs.events('run'))).rejects.toMatchObject({ code: 'storage-failed' })
  })

  it('a journal line cut short, however long, is removed by the next', async () => {
    await store.journals.append('ledger', 'one', 0)
    await appendFile(join(root, 'journals', 'ledger.jsonl'), 'x'.repeat(200_000))
    expect(await store.journals.read('ledger')).toEqual(['one'])
    await store.journals.append('ledger', 'two', 1)
    expect(await store.journals.read('ledger')).toEqual(['one', 'two'])
    expect(await readFile(join(root, 'journals', 'ledger.jsonl'), 'utf8')).toBe('one\ntwo\n')
  })

  it('a sealed value is one JSON document, and reads back as it was', () => {
    for (const value of [null, 0, '', 'ü\u2028', [], { a: [{ b: null }] }]) {
      expect(unsealJson(sealJson(value))).toEqual(value)
      expect(JSON.parse(sealJson(value))).toMatchObject({ formatVersion: 1, value })
    }
  })
})

it('a store that keeps nothing writes nothing', async () => {
  await store.keys.get(key)
  await store.runs.list()
  await store.documents.read('cache')
  await store.journals.read('ledger')
  await store.objects.has(key)
  await expect(stat(root)).rejects.toMatchObject({ code: 'ENOENT' })
})

async function writeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'a.txt'), 'one')
  await writeFile(join(path, 'b.txt'), 'two')
}
