// A host of its own: it runs one job that blocks its worker, or an empty one, and does not close the executor.
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { callContext } from '../../src/core/index.js'
import { localExecutor } from '../../src/execute/index.js'
import { directoryStore } from '../../src/store/directory/index.js'

const [folder, module, kind, path] = argv.slice(2) as [string, string, string, string]
const store = directoryStore(folder)
const worker = { module: pathToFileURL(module), options: { folder } }
const executor = localExecutor({ store, worker, workers: 1, graceMs: 200 })
await executor.run({ kind: { name: kind, version: '1' }, input: { path, pauseMs: 1 } }, callContext())
