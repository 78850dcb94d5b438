// A run, or a rollback, on disk: started by the crash test, killed at a write of its choosing.
// Arguments: the folder of the compiled rooms, the project's folder, and the step. STORE names another store, SEED another
// training: see crash-project.ts.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, folder, step] = process.argv.slice(2)
const { walkCrashProject } = await import(pathToFileURL(join(rooms, 'crash-project.js')).href)
const { STORE: store, SEED: seed } = process.env
try {
  process.stdout.write(JSON.stringify(await walkCrashProject({ folder, step, store, seed: Number(seed ?? 0) })))
} catch (error) {
  process.stdout.write(JSON.stringify({ code: error.code, retryable: error.retryable, stack: error.stack }))
  process.exitCode = 4
}
