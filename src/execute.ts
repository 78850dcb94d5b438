// Where work runs: jobs, described by data, on workers in other processes.
export type { Digest, Json } from './core/index.js'
export {
  type BullmqExecutorOptions,
  type BullmqWorker,
  type BullmqWorkerOptions,
  bullmqExecutor,
  bullmqWorker,
  type ExecuteContext,
  type Executor,
  type InProcessExecutorOptions,
  inProcessExecutor,
  type Job,
  type JobContext,
  type JobEvent,
  type JobKind,
  type JobOutput,
  type JobReference,
  type JobResources,
  type JobResult,
  type LocalExecutorOptions,
  localExecutor,
  type QueueOptions,
  type WorkerModule,
  type WorkerParts,
} from './execute/index.js'
export type { SameParts, ShardOptions } from './execute/shards/index.js'
