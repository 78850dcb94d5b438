export { type BullmqExecutorOptions, bullmqExecutor } from './bullmq/bullmq-executor.js'
export { type BullmqWorker, type BullmqWorkerOptions, bullmqWorker } from './bullmq/bullmq-worker.js'
export type { QueueOptions } from './bullmq/queue-options.js'
export { type QueueStatus, queueStatus } from './bullmq/queue-status.js'
export type { ExecuteContext, Executor } from './executor.js'
export { type InProcessExecutorOptions, inProcessExecutor } from './in-process-executor.js'
export type {
  Job,
  JobContext,
  JobEvent,
  JobKind,
  JobOutput,
  JobReference,
  JobResources,
  JobResult,
  WorkerModule,
  WorkerParts,
} from './job.js'
export { type LocalExecutorOptions, localExecutor } from './local-executor.js'
