import { isSheikhError, type Json, messageOf, SheikhError } from '../../../core/index.js'
import type { GenerateOptions, TextPart, WeightsDirectory } from '../../../model/index.js'
import type { TrainProgress } from '../../trainer.js'
import type { DeviceName } from '../devices.js'
import type { LoopRequest } from '../train-loop.js'
import type { ExamplePart } from '../training.js'
import type { ThreadWork } from './thread.js'

/** A message to the thread. Structured clones. */
export type ThreadMessage =
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  /** Aborts one question, which is answered nevertheless. */
  | { readonly kind: 'abort'; readonly id: number }

/** What the caller's thread asks. Each is answered once: in order, but `generate` beside all others. */
export type Question =
  | { readonly kind: 'open'; readonly work: ThreadWork; readonly device: DeviceName; readonly directory: string }
  | { readonly kind: 'add'; readonly part: ExamplePart; readonly examples: readonly unknown[] }
  | { readonly kind: 'train'; readonly request: Omit<LoopRequest<unknown>, 'examples' | 'development'> }
  /** `work.options` of a language model are those of its trainer. */
  | {
      readonly kind: 'load'
      readonly work: ThreadWork
      readonly device: DeviceName | 'auto'
      readonly weights: WeightsDirectory
    }
  | { readonly kind: 'predict'; readonly inputs: readonly unknown[] }
  /** Sends parts of a text. */
  | { readonly kind: 'generate'; readonly input: unknown; readonly options: GenerateOptions }
  | { readonly kind: 'close' }

/** What the thread says about the question with this id. */
export interface Said {
  readonly id: number
  readonly reply: ThreadReply
}

/** A message from the thread: in the order in which it was said. */
export type ThreadMessageBack = readonly Said[]

export type ThreadReply =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'progress'; readonly progress: TrainProgress }
  | { readonly kind: 'part'; readonly part: TextPart }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn'; readonly parts: readonly [string, never?] }

/** An error, as far as it can be sent. */
export interface Failure {
  readonly message: string
  readonly stack?: string | undefined
  readonly ours?:
    | (Pick<SheikhError, 'code' | 'retryable'> & { readonly facts: Readonly<Record<string, Json>> })
    | undefined
  readonly cause?: Failure | undefined
}

export function toFailure(error: unknown): Failure {
  const { cause, stack } = error instanceof Error ? error : {}
  return {
    ...{ message: messageOf(error), stack },
    ...(isSheikhError(error) && {
      ours: {
        ...{ code: error.code, retryable: error.retryable },
        // Facts are plain values; what is not would not be sent.
        facts: JSON.parse(JSON.stringify(error.facts)) as Readonly<Record<string, Json>>,
      },
    }),
    ...(cause !== undefined && { cause: toFailure(cause) }),
  }
}

export function toError({ message, stack, ours, cause }: Failure): Error {
  const options = cause === undefined ? {} : { cause: toError(cause) }
  const error =
    ours === undefined ? new Error(message, options) : new SheikhError(ours.code, message, { ...ours, ...options })
  if (stack !== undefined) error.stack = stack
  return error
}
