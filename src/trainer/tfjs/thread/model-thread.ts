import { SheikhError } from '../../../core/index.js'
import type { Model, WeightsDirectory } from '../../../model/index.js'
import { verifyNamedFiles } from '../../../store/index.js'
import { replacedWorker } from '../../replaced-worker.js'
import type { LoadContext } from '../../trainer.js'
import type { DeviceName } from '../devices.js'
import { type Conversation, openConversation } from './conversation.js'
import { type PackedPredictions, unpackPredictions } from './packed-predictions.js'
import type { ThreadWork } from './thread.js'

/** How long a batch may take to end after an abort, in milliseconds. */
const abortLimitMs = 1000

const errors = {
  ended: (fact: string, cause: unknown) =>
    new SheikhError(
      'stage-failed',
      `Cannot predict: the thread of the model ended (${fact}). It is replaced, so try again. If memory was short, predict fewer inputs at once.`,
      { cause, retryable: true },
    ),
  notSent: (fact: string, cause: unknown) =>
    new SheikhError(
      'invalid-options',
      `Cannot predict in a separate thread: ${fact}. Inputs and the options of "module" must be plain values; or choose thread: 'caller'.`,
      { cause },
    ),
}

/**
 * Loads a model in a thread, so that the caller's event loop stays free while it predicts. A thread that ends is replaced, as
 * `replacedWorker` describes.
 */
export async function loadInThread<I>(
  work: ThreadWork,
  device: DeviceName | 'auto',
  weights: WeightsDirectory,
  context: LoadContext,
): Promise<Model<I>> {
  const open = async ({ signal, log }: LoadContext) => {
    signal.throwIfAborted()
    const thread = await openConversation(errors)
    try {
      const question = { kind: 'load', work, device, weights } as const
      const facts = await thread.ask<Pick<Model, 'digest' | 'labels'>>(question, { signal, log }, abortLimitMs)
      return { thread, facts }
    } catch (error) {
      await thread.close()
      throw error
    }
  }
  const { thread, facts } = await open(context)
  const worker = replacedWorker(thread, 'thread of the model', async (asking) => {
    // The files may have changed since they were loaded.
    await verifyNamedFiles(weights.path, weights.manifest, asking)
    return (await open(asking)).thread
  })
  return {
    ...facts,
    async predict(inputs, asking) {
      const { signal, log } = asking
      const ask = (asked: Conversation) =>
        asked.ask<PackedPredictions>({ kind: 'predict', inputs }, { signal, log }, abortLimitMs)
      return unpackPredictions(await worker.use(ask, asking))
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  }
}
