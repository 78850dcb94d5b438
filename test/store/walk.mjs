// One walk over a store, as a run makes it: node walk.mjs <compiled rooms> <store> <input directory> <number>
// Exit code 4, with the error's code and message, where the storage failed.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [rooms, root, input, number] = process.argv.slice(2)
const { callContext, digestBytes } = await import(pathToFileURL(join(rooms, 'core/index.js')))
const { directoryStore } = await import(pathToFileURL(join(rooms, 'store/directory/index.js')))

const context = callContext()
const store = directoryStore(root)
const runId = `run-${number}`

try {
  const lock = await store.lock('walk', context)
  await store.runs.write(runId, { status: 'running' })
  await store.runs.append(runId, { type: 'run-start' })
  const files = await store.objects.putDirectory(input, context)
  await lock.check()
  await store.keys.put({
    formatVersion: 1,
    key: digestBytes(`key ${number}`),
    parts: null,
    value: number,
    files,
    runId,
    atMs: 0,
  }) // prettier-ignore
  await store.objects.getDirectory(files, join(await store.workDirectory('walk'), 'copy'), context)
  await store.documents.write('cache', { last: number })
  await store.journals.append('ledger', `entry ${number}`, (await store.journals.read('ledger')).length)
  await store.runs.append(runId, { type: 'run-end' })
  await store.runs.write(runId, { status: 'done' })
  await lock.release()
} catch (error) {
  if (error.code !== 'storage-failed') throw error
  process.stdout.write(`${error.code} retryable=${error.retryable} ${error.message}`)
  process.exitCode = 4
}
