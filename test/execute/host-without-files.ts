// A host that has opened as many files as it may before its executor starts a worker.
import { closeSync, openSync } from 'node:fs'
import { argv } from 'node:process'
import { pathToFileURL } from 'node:url'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { localExecutor } from '../../src/execute/index.js'
import { memoryStore } from '../../src/store/memory/index.js'

const [folder, module] = argv.slice(2) as [string, string]
const worker = { module: pathToFileURL(module), options: { folder } }
const executor = localExecutor({ store: memoryStore(), worker, workers: 2 })
const run = (input: number) =>
  executor.run({ kind: { name: 'contract-echo', version: '1' }, input, retries: 0 }, callContext())
await run(1)
const files: number[] = []
try {
  for (;;) files.push(openSync('/dev/null', 'r'))
} catch {}
// One process is there, and a second cannot be started.
const results = await Promise.allSettled([run(2), run(3)])
for (const file of files) closeSync(file)
const errors = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
const { value } = await run(4)
process.stdout.write(
  JSON.stringify({ errors: errors.map((error) => isSheikhError(error, 'stage-failed') && error.retryable), value }),
)
await executor[Symbol.asyncDispose]()
