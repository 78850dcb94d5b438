import type { CallContext } from '../core/index.js'
import { startWorkerProcess, type WorkerProcess, type WorkerProcessOptions } from './worker-process.js'

/** The memory of earlier jobs counts for the next one, so a process with more than this share of a job's limit is replaced. */
const mostUsedShare = 0.5

export interface ProcessRequest extends Pick<CallContext, 'log' | 'signal'> {
  /** The memory that the process may use, in MB. Absent: no limit. */
  readonly limitMb: number | undefined
  /** Whether the process must not have done a job before. */
  readonly isFresh: boolean
}

/** Processes that do one job after the other. */
export interface ProcessPool {
  /** An idle process, or a new one. @throws as `startWorkerProcess`. */
  take(request: ProcessRequest): Promise<WorkerProcess>
  /** Keeps the process for a later job, unless it has ended. */
  give(process: WorkerProcess): void
  close(): Promise<void>
}

export function processPool(options: WorkerProcessOptions): ProcessPool {
  const idle: WorkerProcess[] = []
  return {
    async take({ limitMb = Number.POSITIVE_INFINITY, isFresh, ...context }) {
      context.signal.throwIfAborted()
      idle.splice(0, idle.length, ...idle.filter((process) => !process.hasEnded()))
      const fits = (process: WorkerProcess) => !isFresh && process.usedMb() <= mostUsedShare * limitMb
      const found = idle.findLastIndex(fits)
      if (found >= 0) return idle.splice(found, 1)[0]!
      // The new process takes the place of an idle one.
      const replaced = idle.pop()
      await replaced?.close()
      return startWorkerProcess(options, context)
    },
    give(process) {
      if (!process.hasEnded()) idle.push(process)
    },
    async close() {
      await Promise.all(idle.splice(0).map((process) => process.close()))
    },
  }
}
