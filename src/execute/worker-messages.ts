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
  | { readonly type: 'run'; readonly job: JobMessage; readonly memoryMb?: number | undefined }
  | { readonly type: 'abort' }

export type FromWorker =
  | { readonly type: 'ready' }
  /** The module of the worker cannot be used. */
  | { readonly type: 'unusable'; readonly error: ErrorMessage }
  | { readonly type: 'progress'; readonly progress: Json }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly message: string
      readonly facts?: Readonly<Record<string, Json>> | undefined
    }
  | { readonly type: 'done'; readonly result: KeptResult }
  | { readonly type: 'failed'; readonly error: ErrorMessage }
