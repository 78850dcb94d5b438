// What the host and a worker process say to each other, as JSON over the channel between them.
import type { Json } from '../core/index.js'
import type { ErrorMessage } from './error-message.js'
import type { JobMessage } from './job-message.js'
import type { KeptResult } from './kept-result.js'

export type ToWorker =
  | {
      readonly type: 'start'
      readonly worker: { readonly module: string; readonly export: string; readonly options: Json }
      readonly device?: string | undefined
      readonly workers: number
      /** How long work may take to end after an abort or the end of the host. */
      readonly graceMs: number
    }
  /** `number`: of this job, for the answers. */
  | {
      readonly type: 'run'
      readonly number: number
      readonly job: JobMessage
      readonly memoryMb?: number | undefined
    }
  | { readonly type: 'abort' }

export type FromWorker =
  | { readonly type: 'ready' }
  /** The module of the worker cannot be used. */
  | { readonly type: 'unusable'; readonly error: ErrorMessage }
  /** The process ids of all programs that the process started and that run. The host kills their groups when the process ends. */
  | { readonly type: 'programs'; readonly pids: readonly number[] }
  | ({ readonly number: number } & AboutJob)

/** What a process says about the job with a number. */
export type AboutJob =
  | { readonly type: 'progress'; readonly progress: Json }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly message: string
      readonly facts?: Readonly<Record<string, Json>> | undefined
    }
  /** `usedMb`: the resident memory of the process after the job. */
  | { readonly type: 'done'; readonly result: KeptResult; readonly usedMb: number }
  | { readonly type: 'failed'; readonly error: ErrorMessage; readonly usedMb: number }
