import { join } from 'node:path'
import { hexOf, type Json } from '../../core/index.js'
import { type AtomicWriteOptions, appendLine, eachWholeLine, readTextFile, writeFileAtomic } from '../atomic-files.js'
import { namesIn } from '../empty-folder.js'
import { queueByName } from '../queue.js'
import { checkLength, checkLine, checkName, isName, toKeyRecord } from '../records.js'
import type { DocumentStore, JournalStore, KeyStore, RunStore } from '../store.js'
import { sealJson, unsealJson } from './sealed-json.js'

const readRecord = async (path: string) => unsealJson(await readTextFile(path))

export function directoryKeys(folder: string, writing: AtomicWriteOptions): KeyStore {
  return {
    async get(key) {
      return toKeyRecord(await readRecord(join(folder, `${hexOf(key)}.json`)), key)
    },
    async put(record) {
      await writeFileAtomic(join(folder, `${hexOf(record.key)}.json`), sealJson(record as unknown as Json), writing)
    },
  }
}

export function directoryDocuments(folder: string, writing: AtomicWriteOptions): DocumentStore {
  const fileOf = (name: string) => join(folder, `${checkName(name, "a document's name")}.json`)
  return {
    async read(name) {
      return await readRecord(fileOf(name))
    },
    async write(name, value) {
      await writeFileAtomic(fileOf(name), sealJson(value), writing)
    },
  }
}

export function directoryRuns(folder: string, writing: AtomicWriteOptions): RunStore {
  const inTurn = queueByName()
  const folderOf = (runId: string) => join(folder, checkName(runId, "a run's id"))
  return {
    async write(runId, record) {
      await writeFileAtomic(join(folderOf(runId), 'run.json'), sealJson(record), writing)
    },
    async read(runId) {
      return await readRecord(join(folderOf(runId), 'run.json'))
    },
    async list() {
      return (await namesIn(folder)).filter(isName).sort().reverse()
    },
    async append(runId, event) {
      const path = join(folderOf(runId), 'events.jsonl')
      // Not flushed: an event tells, it decides nothing, and a training step must not wait for the disk.
      await inTurn(runId, () => appendLine(path, JSON.stringify(event), { ...writing, durable: false }))
    },
    async *events(runId) {
      for await (const line of eachWholeLine(join(folderOf(runId), 'events.jsonl'))) yield* parsedLine(line)
    },
  }
}

/** Lines are the caller's, and so is the format version in each. */
export function directoryJournals(folder: string, writing: AtomicWriteOptions): JournalStore {
  const inTurn = queueByName()
  const fileOf = (name: string) => join(folder, `${checkName(name, "a journal's name")}.jsonl`)
  const read = async (path: string) => wholeLines(await readTextFile(path))
  return {
    async read(name) {
      return await read(fileOf(name))
    },
    async append(name, line, expectedLength) {
      const path = fileOf(name)
      checkLine(line)
      await inTurn(name, async () => {
        checkLength(name, (await read(path)).length, expectedLength)
        await appendLine(path, line, writing)
      })
    },
  }
}

// What follows the last line break was cut short by a crash, or is nothing.
const wholeLines = (text: string | undefined): string[] => text?.split('\n').slice(0, -1) ?? []

function parsedLine(line: string): Json[] {
  try {
    return [JSON.parse(line) as Json]
  } catch {
    // A power failure can leave a block of zeros where a line was not flushed.
    return []
  }
}
