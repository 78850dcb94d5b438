import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

// Beside this file in `src`, and beside the bundle that this file is part of.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** The program of the thread. */
export const threadEntry = new URL(`./tfjs-thread.${extension}`, import.meta.url)

export async function startThread(): Promise<Worker> {
  return extension === 'ts' ? startTypeScript() : new Worker(threadEntry)
}

/** In this repository the thread is TypeScript too, and tsx does not translate for threads unasked. */
function startTypeScript(): Worker {
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api')).href.replace(/cjs$/, 'mjs')
  const start = `import('${tsx}').then(({ register }) => (register(), import('${threadEntry.href}')))`
  return new Worker(start, { eval: true })
}
