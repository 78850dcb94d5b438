import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

/**
 * Starts a thread of this package.
 *
 * @param entry its program. In this repository the program is TypeScript, which tsx does not translate for threads unless asked.
 */
export function startWorker(entry: URL): Worker {
  if (!entry.pathname.endsWith('.ts')) return new Worker(entry)
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx/esm/api')).href.replace(/cjs$/, 'mjs')
  const start = `import('${tsx}').then(({ register }) => (register(), import('${entry.href}')))`
  return new Worker(start, { eval: true })
}
