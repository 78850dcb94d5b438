import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext, type Digest, digestBytes, digestManifest, isSheikhError, type Json } from '../core/index.js'
import { type KeyRecord, readManifest, type Store } from '../store/index.js'

export interface StoreUnderTest {
  /** A new, empty store. */
  readonly store: Store
  dispose(): Promise<void>
}

/**
 * Tests what every store must do. `test` is your test runner's; every store that `make` returns is new and empty.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 *
 * storeContract(test, async () => ({ store: myStore(), dispose: async () => {} }))
 * ```
 */
export function storeContract(
  test: (name: string, body: () => Promise<void>) => void,
  make: () => Promise<StoreUnderTest>,
): void {
  const check = (name: string, body: (store: Store, folder: string) => Promise<void>) =>
    test(name, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sheikh-contract-'))
      const { store, dispose } = await make()
      try {
        await body(store, folder)
      } finally {
        await dispose()
        await rm(folder, { recursive: true, force: true })
      }
    })
  objectsContract(check)
  directoriesContract(check)
  recordsContract(check)
  journalsContract(check)
  lockContract(check)
}

type Check = (name: string, body: (store: Store, folder: string) => Promise<void>) => void

const context = callContext()
const bytesOf = (text: string) => new TextEncoder().encode(text)
const coded = (code: Parameters<typeof isSheikhError>[1]) => (error: unknown) => isSheikhError(error, code)
const abortedContext = () => callContext({ signal: AbortSignal.abort(new Error('enough')) })

function objectsContract(check: Check): void {
  check('an object is named by its digest and read back as it was', async ({ objects }) => {
    const bytes = bytesOf('a model')
    const digest = await objects.put(bytes, context)
    assert.equal(digest, digestBytes(bytes))
    assert.equal(await objects.put(bytes, context), digest)
    assert.ok(await objects.has(digest))
    assert.deepEqual(Buffer.from(await objects.get(digest, context)), Buffer.from(bytes))
  })

  check('an object does not change with the memory that it came from or was given to', async ({ objects }) => {
    const bytes = bytesOf('first')
    const digest = await objects.put(bytes, context)
    bytes.fill(0)
    ;(await objects.get(digest, context)).fill(0)
    assert.equal(Buffer.from(await objects.get(digest, context)).toString(), 'first')
  })

  check('no object, no bytes: an empty one is held, one that was never put is not-found', async ({ objects }) => {
    const empty = await objects.put(new Uint8Array(0), context)
    assert.equal((await objects.get(empty, context)).length, 0)
    const absent = digestBytes('never put')
    assert.equal(await objects.has(absent), false)
    await assert.rejects(objects.get(absent, context), coded('not-found'))
    await assert.rejects(objects.manifest(absent, context), coded('not-found'))
  })

  check('an aborted call rejects with the reason, untouched', async ({ objects }, folder) => {
    const aborted = abortedContext()
    const isReason = (error: unknown) => error === aborted.signal.reason
    await assert.rejects(objects.put(bytesOf('x'), aborted), isReason)
    await assert.rejects(objects.get(digestBytes('x'), aborted), isReason)
    await assert.rejects(objects.putDirectory(folder, aborted), isReason)
    await assert.rejects(objects.getDirectory(digestBytes('x'), join(folder, 'target'), aborted), isReason)
  })
}

function directoriesContract(check: Check): void {
  check('a directory is named by its manifest and written back, file by file', async ({ objects }, folder) => {
    const source = await directoryOf(folder, { 'a.txt': 'one', 'b/c.txt': 'two', 'b/copy.txt': 'one', 'empty.bin': '' })
    const expected = await readManifest(source, context)
    const digest = await objects.putDirectory(source, context)
    assert.equal(digest, digestManifest(expected))
    assert.ok(await objects.has(digest))
    assert.deepEqual(await objects.manifest(digest, context), expected)
    const target = join(folder, 'deep', 'target')
    await objects.getDirectory(digest, target, context)
    assert.deepEqual(await readManifest(target, context), expected)
    assert.equal(await readFile(join(target, 'b/c.txt'), 'utf8'), 'two')
  })

  check('a directory whose manifest is known is compared with it, file by file', async ({ objects }, folder) => {
    const source = await directoryOf(folder, { 'a.txt': 'one', 'b/c.txt': 'two' })
    const manifest = await readManifest(source, context)
    await writeFile(join(source, 'b/c.txt'), 'changed')
    await assert.rejects(objects.putDirectory(source, context, { manifest }), coded('artifact-corrupt'))
    assert.ok(!(await objects.has(digestManifest(manifest))))
    await writeFile(join(source, 'b/c.txt'), 'two')
    assert.equal(await objects.putDirectory(source, context, { manifest }), digestManifest(manifest))
    assert.deepEqual(await objects.manifest(digestManifest(manifest), context), manifest)
  })

  check('a directory is written into an empty folder, and never into one that is not', async ({ objects }, folder) => {
    const digest = await objects.putDirectory(await directoryOf(folder, { 'a.txt': 'one' }), context)
    const target = join(folder, 'target')
    await mkdir(target)
    await objects.getDirectory(digest, target, context)
    await assert.rejects(objects.getDirectory(digest, target, context), coded('invalid-options'))
    assert.deepEqual(await readdir(target), ['a.txt'])
  })

  check('a directory is removed with its files, and can be put again', async ({ objects }, folder) => {
    const source = await directoryOf(folder, { 'a.txt': 'removed', 'b.txt': 'too' })
    const digest = await objects.putDirectory(source, context)
    if (objects.removeDirectory === undefined) return
    const aborted = callContext({ signal: AbortSignal.abort('enough') })
    await assert.rejects(objects.removeDirectory(digest, aborted), (reason) => reason === 'enough')
    await objects.removeDirectory(digest, context)
    for (const gone of [digest, digestBytes('removed'), digestBytes('too')])
      assert.equal(await objects.has(gone), false)
    await objects.removeDirectory(digest, context)
    assert.equal(await objects.putDirectory(source, context), digest)
    await objects.getDirectory(digest, join(folder, 'again'), context)
  })

  check('a symbolic link in a directory is refused', async ({ objects }, folder) => {
    const source = await directoryOf(folder, { 'a.txt': 'one' })
    await symlink('/etc/hostname', join(source, 'link'))
    await assert.rejects(objects.putDirectory(source, context), coded('artifact-corrupt'))
  })

  check('an object that is no manifest is not read as a directory, and stays', async ({ objects }, folder) => {
    const digest = await objects.put(bytesOf('not a manifest'), context)
    await assert.rejects(objects.manifest(digest, context), coded('artifact-corrupt'))
    await assert.rejects(objects.getDirectory(digest, join(folder, 'target'), context), coded('artifact-corrupt'))
    assert.ok(await objects.has(digest))
    await assert.rejects(stat(join(folder, 'target')))
  })

  check('a folder of checkpoints stays until it is removed, where the store has them', async ({ checkpoints }) => {
    if (checkpoints === undefined) return
    const keys = ['one', 'two'].map((text) => digestBytes(text))
    const first = await checkpoints.folder(keys[0]!)
    assert.deepEqual(await readdir(first), [])
    await writeFile(join(first, 'file'), 'kept')
    assert.notEqual(await checkpoints.folder(keys[1]!), first)
    assert.equal(await checkpoints.folder(keys[0]!), first)
    assert.equal(await readFile(join(first, 'file'), 'utf8'), 'kept')
    await checkpoints.remove(keys[0]!)
    await checkpoints.remove(keys[0]!)
    assert.deepEqual(await readdir(await checkpoints.folder(keys[0]!)), [])
  })

  check('each work directory is fresh and empty', async ({ workDirectory }) => {
    const made = [await workDirectory('train'), await workDirectory('train')]
    try {
      assert.notEqual(made[0], made[1])
      for (const path of made) assert.deepEqual(await readdir(path), [])
    } finally {
      for (const path of made) await rm(path, { recursive: true, force: true })
    }
  })
}

function recordsContract(check: Check): void {
  const key = digestBytes('key')
  const record = (runId: string, files?: Digest): KeyRecord => ({
    formatVersion: 1,
    key,
    parts: { seed: 1 },
    value: { loss: 0.5 },
    ...(files && { files }),
    runId,
    atMs: 5,
  })

  check('a key gives what was put last under it, and nothing to another key', async ({ keys }) => {
    assert.equal(await keys.get(key), undefined)
    await keys.put(record('one'))
    await keys.put(record('two', digestBytes('files')))
    assert.deepEqual(await keys.get(key), record('two', digestBytes('files')))
    assert.equal(await keys.get(digestBytes('other')), undefined)
  })

  check('runs are listed newest first, each with its last record and all of its events', async ({ runs }) => {
    assert.deepEqual(await runs.list(), [])
    assert.equal(await runs.read('01'), undefined)
    assert.deepEqual(await listOf(runs.events('01')), [])
    await runs.write('02', { status: 'running' })
    await runs.write('10', null)
    await runs.append('01', { sequence: 0, text: 'line\nbreak \u2028' })
    await runs.write('02', { status: 'released' })
    assert.deepEqual(await runs.list(), ['10', '02', '01'])
    assert.deepEqual(await runs.read('02'), { status: 'released' })
    assert.equal(await runs.read('10'), null)
    assert.deepEqual(await listOf(runs.events('01')), [{ sequence: 0, text: 'line\nbreak \u2028' }])
  })

  check('events keep the order in which they were given, also when nobody waited', async ({ runs }) => {
    const events = Array.from({ length: 30 }, (_, sequence) => ({ sequence }))
    await Promise.all(events.map((event) => runs.append('run', event)))
    assert.deepEqual(await listOf(runs.events('run')), events)
  })

  check('a document is replaced whole, and what is read is not shared', async ({ documents }) => {
    assert.equal(await documents.read('cache'), undefined)
    const value = { list: [1, 'ü', null] }
    await documents.write('cache', { old: true })
    await documents.write('cache', value)
    value.list.push(2)
    const first = (await documents.read('cache')) as unknown as { list: Json[] }
    assert.deepEqual(first, { list: [1, 'ü', null] })
    first.list.length = 0
    assert.deepEqual(await documents.read('cache'), { list: [1, 'ü', null] })
  })

  check('a name that could climb out is refused', async ({ documents, journals, runs, workDirectory }) => {
    for (const name of ['', '../x', 'a/b', 'a.b', 'Ä', 'A']) {
      await assert.rejects(documents.write(name, 1), coded('invalid-options'))
      await assert.rejects(documents.read(name), coded('invalid-options'))
      await assert.rejects(journals.append(name, 'x', 0), coded('invalid-options'))
      await assert.rejects(runs.write(name, 1), coded('invalid-options'))
      await assert.rejects(workDirectory(name), coded('invalid-options'))
    }
  })
}

function journalsContract(check: Check): void {
  check('a journal grows by one line, if it is as long as its writer saw', async ({ journals }) => {
    assert.deepEqual(await journals.read('ledger'), [])
    await journals.append('ledger', 'one', 0)
    await journals.append('ledger', '', 1)
    await journals.append('ledger', 'three', 2)
    await assert.rejects(journals.append('ledger', 'late', 2), coded('release-conflict'))
    await assert.rejects(journals.append('ledger', 'early', 4), coded('release-conflict'))
    await assert.rejects(journals.append('ledger', 'two\nlines', 3), coded('invalid-options'))
    assert.deepEqual(await journals.read('ledger'), ['one', '', 'three'])
    assert.deepEqual(await journals.read('other'), [])
  })

  check('of writers that saw the same journal one wins', async ({ journals }) => {
    const tries = Array.from({ length: 10 }, (_, index) => journals.append('ledger', `writer ${index}`, 0))
    const outcomes = await Promise.allSettled(tries)
    assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await journals.read('ledger')).length, 1)
  })
}

function lockContract(check: Check): void {
  check('one holds the lock, and whoever comes second is told who', async (store) => {
    const lock = await store.lock('run', context)
    await lock.check()
    await assert.rejects(store.lock('second', context), (error) => {
      assert.ok(isSheikhError(error, 'locked'))
      assert.equal(error.facts['purpose'], 'run')
      return true
    })
    await lock.check()
    await lock.release()
  })

  check('of many that come at once one gets the lock', async (store) => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => store.lock('run', context)))
    const got = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    assert.equal(got.length, 1)
    for (const { status, reason } of outcomes.filter((outcome) => outcome.status === 'rejected'))
      assert.ok(isSheikhError(reason, 'locked'), `${status}: ${String(reason)}`)
    await got[0]!.release()
  })

  check('a lock that was let go can be taken again, with a greater token', async (store) => {
    const tokens: number[] = []
    for (let index = 0; index < 3; index += 1) {
      await using lock = await store.lock('run', context)
      tokens.push(lock.token)
    }
    assert.deepEqual(
      tokens,
      [...new Set(tokens)].sort((left, right) => left - right),
    )
  })

  check('a lock that was let go is not held any more, whoever holds it next', async (store) => {
    const first = await store.lock('run', context)
    await first.release()
    await assert.rejects(first.check(), coded('locked'))
    const second = await store.lock('run', context)
    await first.release()
    await second.check()
    await second.release()
  })

  check('a store that tells who holds the lock tells the holder, and nobody once it is released', async (store) => {
    if (store.heldLock === undefined) return
    assert.equal(await store.heldLock(context), undefined)
    const { token, release } = await store.lock('run', context)
    assert.deepEqual(await store.heldLock(context), { token, purpose: 'run' })
    await release()
    assert.equal(await store.heldLock(context), undefined)
  })

  check('a lock is not taken for a call that is aborted', async (store) => {
    const aborted = abortedContext()
    await assert.rejects(store.lock('run', aborted), (error) => error === aborted.signal.reason)
    await (await store.lock('run', context)).release()
  })
}

async function directoryOf(folder: string, files: Readonly<Record<string, string>>): Promise<string> {
  const source = await mkdtemp(join(folder, 'source-'))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(source, path, '..'), { recursive: true })
    await writeFile(join(source, path), content)
  }
  return source
}

async function listOf<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = []
  for await (const value of values) list.push(value)
  return list
}
