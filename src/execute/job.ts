import type { CallContext, Digest, Json } from '../core/index.js'
import type { Store } from '../store/index.js'

/**
 * A kind of work that workers can do. Define it in a module that both the caller and the workers import; load heavy modules inside
 * `run`, so that the caller does not load them.
 *
 * @typeParam I the input: JSON
 * @typeParam O the value of the result: JSON
 */
export interface JobKind<I, O> {
  /** `[a-z0-9-]+`. */
  readonly name: string
  /** Raise it with every change that can change a result. A worker with another version refuses the job. */
  readonly version: string
  /**
   * Does the work. Equal jobs must give equal results, because a job may be done twice. Another attempt follows after a
   * `SheikhError` that is `retryable`, and after the end of the process. Every other error is the result of the job.
   */
  readonly run: (input: I, context: JobContext) => Promise<JobOutput<O>>
  /** Frees what `run` keeps for later jobs, such as a loaded model. Called when the worker ends. @default nothing */
  readonly close?: (() => Promise<void>) | undefined
}

/** What a kind of work makes. Large results are objects of the store. */
export interface JobOutput<O> {
  readonly value: O
  /** Objects and directories that the work put into the store, by name. @default none */
  readonly objects?: Readonly<Record<string, Digest>> | undefined
}

export interface JobContext extends CallContext {
  /** The identity of the job. */
  readonly job: Digest
  /** The store of the worker, which contains the objects of the job. */
  readonly store: Store
  /** The objects that the job names. They exist. */
  readonly objects: Readonly<Record<string, Digest>>
  /** `hints` of the job. */
  readonly hints: Json
  /** What the worker computes on, such as `cuda`. Absent: the worker does not say. */
  readonly device?: string | undefined
  /** How many jobs the workers on this machine do at once. */
  readonly workers: number
  /** Sends progress to the caller: JSON. */
  readonly progress: (progress: unknown) => void
}

/**
 * Work to do: JSON, except `kind.run`, which is ignored, so that a job can be sent to another machine.
 *
 * The kind, the input, the objects, the required device and the version of this package identify the job. An equal job that was done
 * before is not done again.
 */
export interface Job<I, O> {
  readonly kind: JobReference<I, O>
  readonly input: I
  /**
   * What the work gets besides its input, such as limits of the moment: JSON. It does not identify the job, so it must not change the
   * result.
   *
   * @default null
   */
  readonly hints?: unknown
  /** Objects and directories of the store that the work reads, by name. @default none */
  readonly objects?: Readonly<Record<string, Digest>> | undefined
  readonly resources?: JobResources | undefined
  /** How many more attempts follow an error that is `retryable`. @default 2 */
  readonly retries?: number | undefined
}

/** The kind of a job: a `JobKind`, or what names one. */
export interface JobReference<I, O> {
  readonly name: string
  readonly version: string
  readonly run?: JobKind<I, O>['run'] | undefined
}

export interface JobResources {
  /** What the worker must compute on, such as `cuda`. @default any */
  readonly device?: string | undefined
  /** How much memory the job may use, in MB. A process that uses more is killed. @default what the worker allows */
  readonly memoryMb?: number | undefined
}

export interface JobResult<O> {
  /** The identity of the job. */
  readonly job: Digest
  readonly value: O
  readonly objects: Readonly<Record<string, Digest>>
  /** Whether this is the result of an equal job that was done before. */
  readonly reused: boolean
}

/** Progress of a job. JSON. */
export type JobEvent =
  /** `attempt`: from 1. */
  | { readonly type: 'job-start'; readonly job: Digest; readonly attempt: number }
  | { readonly type: 'job-progress'; readonly job: Digest; readonly progress: Json }
  /** The attempt failed, and another one follows. */
  | { readonly type: 'job-retry'; readonly job: Digest; readonly attempt: number; readonly reason: string }
  | { readonly type: 'job-end'; readonly job: Digest; readonly reused: boolean }

/** What a worker works with. */
export interface WorkerParts {
  readonly store: Store
  readonly kinds: readonly JobKind<never, unknown>[]
  /** Receives control when the worker ends, after `close` of the kinds, such as to close connections. @default nothing */
  readonly close?: (() => Promise<void>) | undefined
}

/**
 * A module that makes the parts of a worker. Functions do not cross to another process, so each worker imports the module and
 * calls its export with the options.
 */
export interface WorkerModule {
  /** A file, as `new URL('./worker.js', import.meta.url)`. */
  readonly module: URL | string
  /** A function: `(options) => WorkerParts | Promise<WorkerParts>`. @default 'worker' */
  readonly export?: string | undefined
  /** Passed to the function: JSON. @default null */
  readonly options?: Json | undefined
}
