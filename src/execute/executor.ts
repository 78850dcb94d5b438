import type { CallContext } from '../core/index.js'
import type { Job, JobEvent, JobResult } from './job.js'

/** Where jobs run. */
export interface Executor extends AsyncDisposable {
  /** The version of the interface. */
  readonly contract: 1
  readonly name: string
  /**
   * Does a job, or takes the result of an equal job that was done before. Jobs wait for a free worker in the order of the calls.
   *
   * An abort ends the work, unless another call waits for the same job. The call rejects with the signal's reason when the work has
   * ended.
   *
   * @throws what the work throws: a `SheikhError` with its code, `stage-failed` for every other error. `job-quarantined` if the job
   * ended three worker processes; `version-mismatch` if a worker has another version of the kind or of this package; `not-found` if
   * no worker knows the kind, or the store lost an object of the job; `device-unavailable` if no worker has the device;
   * `invalid-options` for a job that is not JSON, or that needs more memory than a worker may use.
   */
  readonly run: <I, O>(job: Job<I, O>, context: ExecuteContext) => Promise<JobResult<O>>
  /** Ends all work and all workers. Calls of `run` that have not ended reject. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface ExecuteContext extends CallContext {
  /** Receives the progress. An error that it throws is logged. @default nothing */
  readonly onEvent?: ((event: JobEvent) => void) | undefined
}
