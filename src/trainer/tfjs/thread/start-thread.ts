import type { Worker } from 'node:worker_threads'
import { startWorker } from '../../../store/index.js'

// Beside this file in `src`, and beside the bundle that this file is part of.
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/** The program of the thread. */
export const threadEntry = new URL(`./tfjs-thread.${extension}`, import.meta.url)

export async function startThread(): Promise<Worker> {
  return startWorker(threadEntry)
}
