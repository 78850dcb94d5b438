import { Worker } from 'node:worker_threads'

// In a thread, because a training may block the main thread for minutes. JavaScript in a text, because the file of a thread would have
// to be found again in every bundle.
const program = `
const { writeSync } = require('node:fs')
const { parentPort, workerData } = require('node:worker_threads')
const { limit, parent, graceMs, intervalMs } = workerData
let endMs
let programs = []
parentPort.on('message', (pids) => { programs = pids })
const end = () => {
  for (const pid of programs) try { process.kill(-pid, 'SIGKILL') } catch {}
  process.kill(process.pid, 'SIGKILL')
}
setInterval(() => {
  if (process.ppid !== parent) {
    endMs ??= performance.now() + graceMs
    if (performance.now() >= endMs) end()
  }
  const limitMb = Atomics.load(limit, 0)
  const usedMb = Math.round(process.memoryUsage.rss() / 2 ** 20)
  if (limitMb > 0 && usedMb > limitMb) {
    writeSync(2, 'The process used ' + usedMb + ' MB of memory, and its limit was ' + limitMb + ' MB.\\n')
    end()
  }
}, intervalMs)
`
const intervalMs = 200

export interface ProcessWatch {
  /** Kills this process when it uses more memory. @param memoryMb absent: no limit */
  limit(memoryMb: number | undefined): void
  /** The process ids of the programs that this process started, whose groups are killed with it. */
  programs(pids: readonly number[]): void
}

/** Kills this process when its parent has ended, even if the main thread is busy, and when it uses too much memory. */
export function watchProcess({ graceMs }: { readonly graceMs: number }): ProcessWatch {
  const limit = new Int32Array(new SharedArrayBuffer(4))
  const watch = new Worker(program, {
    eval: true,
    workerData: { limit, parent: process.ppid, graceMs, intervalMs },
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
    execArgv: [],
  })
  watch.unref()
  return {
    limit(memoryMb = 0) {
      Atomics.store(limit, 0, Math.min(Math.ceil(memoryMb), 2 ** 31 - 1))
    },
    programs: (pids) => watch.postMessage(pids),
  }
}
