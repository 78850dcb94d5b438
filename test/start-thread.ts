import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { startThread as startTypeScript, threadEntry } from '../src/trainer/tfjs/thread/start-thread.js'
import { builtRooms } from './built-package.js'

export { threadEntry }

let translates = false

/** For tests whose own model is a module that imports this package: a thread resolves it to TypeScript. */
export const translateInThreads = () => {
  translates = true
}

/**
 * What the library calls in tests: a thread runs the built program. Translating it again in each thread takes three times
 * as long as the start itself.
 */
export async function startThread(): Promise<Worker> {
  return translates ? startTypeScript() : new Worker(join(await builtRooms(), 'tfjs-thread.js'))
}
