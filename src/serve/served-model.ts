import type { CallContext, Json } from '../core/index.js'
import { messageOf, SheikhError } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import { loadRelease, type ReleasedModel } from '../releaser/index.js'
import type { HandlerOptions } from './options.js'

export interface ServedModel<I> {
  readonly model: ReleasedModel<I>
  /** The kind of its predictions. Absent if it predicted nothing yet. */
  readonly kind: Prediction['kind'] | undefined
  readonly dispose: () => Promise<void>
}

/**
 * Loads the model that the options name, and predicts one input with it.
 *
 * @throws as `loadRelease`; `stage-failed` if the model cannot predict.
 */
export async function openModel<I>(options: HandlerOptions<I>, context: CallContext): Promise<ServedModel<I>> {
  const isOurs = !('model' in options)
  const model = isOurs ? await loadRelease(options.registry, options, context) : options.model
  const dispose = async () => {
    if (isOurs) await model[Symbol.asyncDispose]()
  }
  try {
    return { model, kind: await warmUp(model, options, context), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function warmUp<I>(
  model: ReleasedModel<I>,
  { warmUp: given, inputSchema, prepare }: HandlerOptions<I>,
  context: CallContext,
): Promise<Prediction['kind'] | undefined> {
  const input: Json = given === undefined ? (inputSchema === undefined ? 'warm-up' : null) : given
  if (input === null) return undefined
  try {
    const inputs = prepare === undefined ? ([input] as unknown as readonly I[]) : await prepare([input])
    return (await model.predict(inputs, context))[0]?.kind
  } catch (error) {
    context.signal.throwIfAborted()
    throw new SheikhError(
      'stage-failed',
      `Cannot serve the release ${model.release.version}: it cannot predict ${JSON.stringify(input).slice(0, 100)} (${messageOf(error)}). Set "warmUp" to an input that the model accepts, and "inputSchema" to what its inputs look like.`,
      { cause: error },
    )
  }
}
