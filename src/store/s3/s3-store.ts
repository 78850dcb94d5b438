import { setMaxListeners } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callContext, hexOf, inParallel, type Json } from '../../core/index.js'
import { type Bucket, type BucketOptions, openBucket } from '../bucket/index.js'
import { queueByName } from '../queue.js'
import { checkLength, checkLine, checkName, toKeyRecord } from '../records.js'
import { storageFailed } from '../storage-failed.js'
import type { DocumentStore, JournalStore, KeyStore, RunStore, Store } from '../store.js'
import { heldS3Lock, takeS3Lock } from './s3-lock.js'
import { s3Objects } from './s3-objects.js'

/**
 * A store in a bucket, for runs on many machines: what one of them made, none makes again. The server must have
 * conditional writes. Lines of journals and events are an object each.
 *
 * Its work directories are on disk, below the system's folder for temporary files; who asks for one removes it.
 *
 * @throws `invalid-options`; its methods what `openBucket` says.
 */
export function s3Store(options: BucketOptions): Store {
  const bucket = openBucket(options)
  return {
    contract: 1,
    name: 's3',
    objects: s3Objects(bucket, quiet),
    keys: s3Keys(bucket),
    runs: s3Runs(bucket),
    documents: s3Documents(bucket),
    journals: s3Journals(bucket),
    lock: (purpose, context) => takeS3Lock(bucket, purpose, context),
    heldLock: (context) => heldS3Lock(bucket, context),
    async workDirectory(purpose) {
      const path = join(tmpdir(), `sheikh-${checkName(purpose, "a work directory's purpose")}-`)
      try {
        return await mkdtemp(path)
      } catch (error) {
        throw storageFailed('make the folder', path, error)
      }
    },
  }
}

/** Of calls that are given none. */
const quiet = callContext()
// Nothing aborts it, however many listen.
setMaxListeners(0, quiet.signal)

const readsAtOnce = 8

async function readJson(bucket: Bucket, key: string): Promise<Json | undefined> {
  const bytes = await bucket.read(key, quiet)
  try {
    return bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Json)
  } catch {
    // Torn reads as absent.
    return undefined
  }
}

const writeJson = (bucket: Bucket, key: string, value: unknown) =>
  bucket.put(key, new TextEncoder().encode(JSON.stringify(value)), quiet)

async function keysUnder(bucket: Bucket, prefix: string): Promise<readonly string[]> {
  const keys: string[] = []
  for await (const key of bucket.list(prefix, quiet)) keys.push(key)
  return keys
}

const numbered = (prefix: string, number: number) => `${prefix}${String(number).padStart(8, '0')}`

function s3Keys(bucket: Bucket): KeyStore {
  return {
    get: async (key) => toKeyRecord(await readJson(bucket, `keys/${hexOf(key)}.json`), key),
    put: (record) => writeJson(bucket, `keys/${hexOf(record.key)}.json`, record),
  }
}

function s3Runs(bucket: Bucket): RunStore {
  const recordKey = (runId: string) => `runs/${checkName(runId, "a run's id")}.json`
  const eventsOf = (runId: string) => `events/${checkName(runId, "a run's id")}/`
  const inOrder = queueByName()
  /** Events of a run that this process knows of. */
  const lengths = new Map<string, number>()
  return {
    write: async (runId, record) => writeJson(bucket, recordKey(runId), record),
    read: async (runId) => readJson(bucket, recordKey(runId)),
    async list() {
      const records = (await keysUnder(bucket, 'runs/')).map((key) => key.slice('runs/'.length, -'.json'.length))
      const started = (await keysUnder(bucket, 'events/')).map((key) => key.split('/')[1]!)
      return [...new Set([...records, ...started])].sort().reverse()
    },
    async append(runId, event) {
      const prefix = eventsOf(runId)
      await inOrder(runId, async () => {
        const number = (lengths.get(runId) ?? (await keysUnder(bucket, prefix)).length) + 1
        await writeJson(bucket, numbered(prefix, number), event)
        lengths.set(runId, number)
      })
    },
    async *events(runId) {
      const keys = await keysUnder(bucket, eventsOf(runId))
      for (let start = 0; start < keys.length; start += readsAtOnce) {
        const some = keys.slice(start, start + readsAtOnce)
        const found = await inParallel(some, readsAtOnce, (key) => readJson(bucket, key))
        yield* found.filter((event) => event !== undefined)
      }
    },
  }
}

function s3Documents(bucket: Bucket): DocumentStore {
  const keyOf = (name: string) => `documents/${checkName(name, "a document's name")}.json`
  return {
    read: async (name) => readJson(bucket, keyOf(name)),
    write: async (name, value) => writeJson(bucket, keyOf(name), value),
  }
}

function s3Journals(bucket: Bucket): JournalStore {
  const under = (name: string) => `journals/${checkName(name, "a journal's name")}/`
  return {
    async read(name) {
      const keys = await keysUnder(bucket, under(name))
      return await inParallel(keys, readsAtOnce, async (key) =>
        new TextDecoder().decode((await bucket.read(key, quiet)) ?? new Uint8Array(0)),
      )
    },
    async append(name, line, expectedLength) {
      const prefix = under(name)
      checkLine(line)
      checkLength(name, (await keysUnder(bucket, prefix)).length, expectedLength)
      const isOurs = await bucket.create(numbered(prefix, expectedLength + 1), new TextEncoder().encode(line), quiet)
      if (!isOurs) checkLength(name, expectedLength + 1, expectedLength)
    },
  }
}
