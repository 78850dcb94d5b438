import { type CallContext, type Json, SheikhError } from '../../../core/index.js'
import type { DeviceName } from '../devices.js'
import type { Trained } from '../train-loop.js'
import type { Training } from '../training.js'
import { openConversation } from './conversation.js'

/** What a thread builds by itself: one of ours, or what a module exports, called with `options`. Structured clones. */
export type ThreadWork =
  | { readonly builtIn: 'text-classifier' | 'llama'; readonly options: unknown }
  | {
      readonly url: string
      readonly export: string
      readonly options: unknown
      /** What the caller's own model says of itself: the module's must say the same. */
      readonly expected: { readonly name: string; readonly version: string | undefined; readonly describe: Json }
    }

/** A training in a thread of its own: the caller's waits for nothing but messages. */
export async function openThread<Example>(
  work: ThreadWork,
  { device, directory }: { readonly device: DeviceName; readonly directory: string },
  context: CallContext,
): Promise<Training<Example>> {
  context.signal.throwIfAborted()
  const thread = await openConversation({
    ended: (fact, cause) =>
      new SheikhError(
        'stage-failed',
        `Cannot go on: the thread of the training ended (${fact}). Where memory was short, make batches smaller; run again to go on from the last checkpoint.`,
        { cause },
      ),
    notSent: (fact, cause) =>
      new SheikhError(
        'invalid-options',
        `Cannot train in a thread of its own: ${fact}. Examples and the options of "module" are plain values and typed arrays; or choose thread: 'caller'.`,
        { cause },
      ),
  })
  try {
    await thread.ask({ kind: 'open', work, device, directory }, context)
  } catch (error) {
    await thread.close()
    throw error
  }
  return {
    add: (part, examples) => thread.ask({ kind: 'add', part, examples: examples.map(compact) }, context),
    train: (request, fitContext) => thread.ask<Trained>({ kind: 'train', request }, fitContext),
    [Symbol.asyncDispose]: () => thread.close(),
  }
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as Uint8Array

/** A view of a large buffer would be sent with all of it. */
function compact(example: unknown): unknown {
  if (typeof example !== 'object' || example === null || Object.getPrototypeOf(example) !== Object.prototype)
    return example
  const isPart = (value: unknown): value is Uint8Array =>
    ArrayBuffer.isView(value) && !(value instanceof DataView) && value.byteLength < value.buffer.byteLength
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, isPart(value) ? typedArray.slice.call(value) : value]),
  )
}
