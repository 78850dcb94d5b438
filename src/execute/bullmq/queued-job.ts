// What caller and worker write into the queue. Jobs and results are objects of the store: the queue has their digests.
import { digest, finite, flag, json, object, optional, type Shape, text, union, word } from '../../core/index.js'
import { errorMessageShape } from '../error-message.js'

/** A job in the queue. */
export const queuedJobShape = object({
  formatVersion: word(1),
  /** The version of this package that sends the job. */
  package: text,
  kind: text,
  /** The identity of the job. */
  job: digest,
  /** The object with the job itself, a `JobMessage`. */
  message: digest,
  /** When the caller said last that it waits, by its clock, and how often it says so, in milliseconds. */
  seenAtMs: finite,
  renewMs: finite,
  /** The caller does not wait any more. */
  isAborted: optional(flag),
})
export type QueuedJob = typeof queuedJobShape extends Shape<infer T> ? T : never

/** What a worker answers. */
export const answerShape = union('type', {
  /** The store contains the result. */
  done: object({}),
  failed: object({ error: errorMessageShape }),
  /** The process that did the work ended. */
  ended: object({ reason: text }),
  aborted: object({}),
  /** The worker stops, and another one shall do the job. */
  'given-back': object({}),
})
export type Answer = typeof answerShape extends Shape<infer T> ? T : never

/** Progress of a job, as BullMQ keeps it. */
export const progressShape = object({ progress: json })

/** How long the queue keeps finished jobs: a caller that lost the connection reads the answer later. */
export const kept = { age: 3600, count: 10_000 } as const
