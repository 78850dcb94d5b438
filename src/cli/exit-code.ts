import { isSheikhError } from '../core/index.js'
import type { RunResult } from '../pipeline/index.js'

/** 0 released, restored, up to date or awaiting release · 1 error · 2 held · 3 awaiting approval · 4 infrastructure failure, safe to retry · 5 locked · 130 aborted. */
export function exitCodeOf({ status }: Pick<RunResult, 'status'>): number {
  if (status === 'held') return 2
  return status === 'awaiting-approval' ? 3 : 0
}

export function exitCodeOfError(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return 130
  if (isSheikhError(error, 'locked')) return 5
  return isSheikhError(error) && error.retryable ? 4 : 1
}
