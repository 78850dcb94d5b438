import { setTimeout } from 'node:timers/promises'
import { SheikhError } from '../../../core/index.js'
import type { Model, Prediction, WeightsDirectory } from '../../../model/index.js'
import { verifyNamedFiles } from '../../../store/index.js'
import type { LoadContext } from '../../trainer.js'
import type { DeviceName } from '../devices.js'
import { type Conversation, openConversation } from './conversation.js'
import { type PackedPredictions, unpackPredictions } from './packed-predictions.js'
import type { ThreadWork } from './thread.js'

/** How long a batch may take to end after an abort, in milliseconds. */
const abortLimitMs = 1000
/** How long the third thread in a row waits, in milliseconds. Each further one waits twice as long, up to the maximum. */
const [firstPauseMs, maximumPauseMs] = [100, 10_000]

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
 * Loads a model in a thread, so that the caller's event loop stays free while it predicts. A batch whose thread ends is
 * predicted once more in a new thread; if that thread ends too, the batch fails with an error that can be retried. Batches
 * after it wait before a thread is started again.
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
      const facts = await thread.ask<Pick<Model, 'digest' | 'labels'>>(
        { kind: 'load', work, device, weights },
        { signal, log },
        abortLimitMs,
      )
      return { thread, facts }
    } catch (error) {
      await thread.close()
      throw error
    }
  }
  const { thread: first, facts } = await open(context)
  let thread: Conversation = first
  /** Threads in a row that ended before they answered. */
  let failures = 0
  let isDisposed = false

  async function replace(asking: LoadContext): Promise<void> {
    asking.log.warn('The thread of the model ended. Another one is started.')
    if (failures > 1)
      await setTimeout(Math.min(firstPauseMs * 2 ** (failures - 2), maximumPauseMs), undefined, {
        signal: asking.signal,
      })
    // The files may have changed since they were loaded.
    await verifyNamedFiles(weights.path, weights.manifest, asking)
    ;({ thread } = await open(asking))
  }

  async function answer(inputs: readonly I[], asking: LoadContext): Promise<readonly Prediction[]> {
    const { signal, log } = asking
    for (;;) {
      signal.throwIfAborted()
      try {
        if (thread.hasEnded()) await replace(asking)
        const packed = await thread.ask<PackedPredictions>({ kind: 'predict', inputs }, { signal, log }, abortLimitMs)
        failures = 0
        return unpackPredictions(packed)
      } catch (error) {
        signal.throwIfAborted()
        if (!thread.hasEnded()) throw error
        failures += 1
        if (failures > 1) throw error
      }
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  return {
    digest: facts.digest,
    labels: facts.labels,
    predict(inputs, asking) {
      if (isDisposed) return Promise.reject(new Error('The model is disposed. Load it again.'))
      const next = last.then(() => answer(inputs, asking))
      last = next.catch(() => undefined)
      return next
    },
    async [Symbol.asyncDispose]() {
      isDisposed = true
      await last
      await thread.close()
    },
  }
}
