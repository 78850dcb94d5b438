import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CallContext, type Json, SheikhError } from '../../core/index.js'
import { checkLength, checkLine, checkName, lockLost, toKeyRecord } from '../records.js'
import { storageFailed } from '../storage-failed.js'
import type { DocumentStore, JournalStore, KeyStore, Lock, RunStore, Store } from '../store.js'
import { memoryObjects } from './memory-objects.js'

/**
 * A store that forgets: for tests, and for programs that keep nothing between two starts.
 *
 * Its work directories are on disk, below the system's folder for temporary files; who asks for one removes it.
 */
export function memoryStore(): Store {
  return {
    contract: 1,
    name: 'memory',
    objects: memoryObjects(),
    keys: memoryKeys(),
    runs: memoryRuns(),
    documents: memoryDocuments(),
    journals: memoryJournals(),
    ...memoryLock(),
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

// Values are kept as text: what a caller changes afterwards, and members that JSON leaves out, behave as on a disk.
const parsed = (text: string | undefined) => (text === undefined ? undefined : (JSON.parse(text) as Json))

function memoryKeys(): KeyStore {
  const records = new Map<string, string>()
  return {
    async get(key) {
      return toKeyRecord(parsed(records.get(key)), key)
    },
    async put(record) {
      records.set(record.key, JSON.stringify(record))
    },
  }
}

function memoryRuns(): RunStore {
  const runs = new Map<string, { record?: string; readonly events: string[] }>()
  const runOf = (runId: string) => {
    const run = runs.get(checkName(runId, "a run's id")) ?? { events: [] }
    runs.set(runId, run)
    return run
  }
  return {
    async write(runId, record) {
      runOf(runId).record = JSON.stringify(record)
    },
    async read(runId) {
      return parsed(runs.get(checkName(runId, "a run's id"))?.record)
    },
    async list() {
      return [...runs.keys()].sort().reverse()
    },
    async append(runId, event) {
      runOf(runId).events.push(JSON.stringify(event))
    },
    async *events(runId) {
      for (const text of [...(runs.get(checkName(runId, "a run's id"))?.events ?? [])]) yield JSON.parse(text) as Json
    },
  }
}

function memoryDocuments(): DocumentStore {
  const documents = new Map<string, string>()
  return {
    async read(name) {
      return parsed(documents.get(checkName(name, "a document's name")))
    },
    async write(name, value) {
      documents.set(checkName(name, "a document's name"), JSON.stringify(value))
    },
  }
}

function memoryJournals(): JournalStore {
  const journals = new Map<string, readonly string[]>()
  return {
    async read(name) {
      return journals.get(checkName(name, "a journal's name")) ?? []
    },
    async append(name, line, expectedLength) {
      const lines = journals.get(checkName(name, "a journal's name")) ?? []
      checkLine(line)
      checkLength(name, lines.length, expectedLength)
      journals.set(name, [...lines, line])
    },
  }
}

function memoryLock(): Required<Pick<Store, 'lock' | 'heldLock'>> {
  let token = 0
  let holder: { readonly token: number; readonly purpose: string; readonly atMs: number } | undefined
  const lock = async (purpose: string, context: CallContext): Promise<Lock> => {
    context.signal.throwIfAborted()
    if (holder !== undefined)
      throw new SheikhError(
        'locked',
        `Cannot take the lock: this process holds it (${holder.purpose}). Wait for that run to end, or stop it.`,
        { facts: { ...holder }, retryable: true },
      )
    token += 1
    const own = { token, purpose, atMs: context.clock.nowMs() }
    holder = own
    const release = async () => {
      if (holder === own) holder = undefined
    }
    return {
      token,
      async check() {
        if (holder !== own) throw lockLost({ token: own.token })
      },
      release,
      [Symbol.asyncDispose]: release,
    }
  }
  return {
    lock,
    async heldLock(context) {
      context.signal.throwIfAborted()
      return holder && { token: holder.token, purpose: holder.purpose }
    },
  }
}
