import { type CallContext, SheikhError, untilAborted } from '../../../core/index.js'
import type { GenerateOptions, Model, TextPart, WeightsDirectory } from '../../../model/index.js'
import { verifyNamedFiles } from '../../../store/index.js'
import { replacedWorker } from '../../replaced-worker.js'
import type { LoadContext } from '../../trainer.js'
import type { DeviceName } from '../devices.js'
import { type Conversation, openConversation } from './conversation.js'
import { type PackedPredictions, unpackPredictions } from './packed-predictions.js'
import type { ThreadWork } from './thread.js'

/** How long a batch may take to end after an abort, in milliseconds. */
const abortLimitMs = 1000
/**
 * The same for a text. Longer, because the thread writes other texts too, and one pass of a large model over a long prompt
 * does not look at the abort. The caller does not wait for it.
 */
const textAbortLimitMs = 30_000

/** What a thread says of the model that it loaded. */
export interface ModelFacts extends Pick<Model, 'digest' | 'labels'> {
  readonly generates: boolean
}

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
      const facts = await thread.ask<ModelFacts>(question, { signal, log }, abortLimitMs)
      return { thread, facts }
    } catch (error) {
      await thread.close()
      throw error
    }
  }
  const {
    thread,
    facts: { generates, ...facts },
  } = await open(context)
  const worker = replacedWorker(thread, 'thread of the model', async (asking) => {
    // The files may have changed since they were loaded.
    await verifyNamedFiles(weights.path, weights.manifest, asking)
    return (await open(asking)).thread
  })

  /** Parts may be ahead of whoever reads them, by the rest of the text. */
  async function* generate(input: I, options: GenerateOptions, asking: CallContext): AsyncGenerator<TextPart, void> {
    const leaving = new AbortController()
    const signal = AbortSignal.any([asking.signal, leaving.signal])
    const waiting: TextPart[] = []
    let isOver = false
    let wake = () => {}
    let received = 0
    const write = (asked: Conversation) => {
      // A new thread writes the same text again, from its start.
      let known = received
      const part = ({ text, end }: TextPart) => {
        const added = text.slice(known)
        known = Math.max(0, known - text.length)
        received += added.length
        if (added !== '' || end !== undefined) waiting.push({ text: added, ...(end !== undefined && { end }) })
        wake()
      }
      const question = { kind: 'generate', input, options } as const
      return untilAborted(
        asked.askBeside<undefined>(question, { signal, log: asking.log, part }, textAbortLimitMs),
        signal,
      )
    }
    const written = worker.useBeside(write, { ...asking, signal }).finally(() => {
      isOver = true
      wake()
    })
    written.catch(() => {})
    try {
      for (;;) {
        asking.signal.throwIfAborted()
        const part = waiting.shift()
        if (part !== undefined) yield part
        else if (isOver) return await written
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      leaving.abort()
    }
  }

  return {
    ...facts,
    ...(generates && { generate }),
    async predict(inputs, asking) {
      const { signal, log } = asking
      const ask = (asked: Conversation) =>
        asked.ask<PackedPredictions>({ kind: 'predict', inputs }, { signal, log }, abortLimitMs)
      return unpackPredictions(await worker.use(ask, asking))
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  }
}
