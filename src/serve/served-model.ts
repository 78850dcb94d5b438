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
 * Loads the model that the options name, and predicts the smoke inputs with it.
 *
 * @throws as `loadRelease`; `stage-failed` if the model cannot predict.
 */
export async function openModel<I>(options: HandlerOptions<I>, context: CallContext): Promise<ServedModel<I>> {
  const isOurs = !('model' in options)
  const model = isOurs
    ? await loadRelease(options.registry, { ...options, thread: options.thread ?? 'own' }, context)
    : options.model
  const dispose = async () => {
    if (isOurs) await model[Symbol.asyncDispose]()
  }
  try {
    return { model, kind: await predictSmoke(model, options, context), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

async function predictSmoke<I>(
  model: ReleasedModel<I>,
  { smokeInputs, inputSchema, prepare }: HandlerOptions<I>,
  context: CallContext,
): Promise<Prediction['kind'] | undefined> {
  const values: readonly Json[] = smokeInputs ?? (inputSchema === undefined ? ['warm-up'] : [])
  if (values.length === 0) return undefined
  try {
    const inputs = prepare === undefined ? (values as unknown as readonly I[]) : await prepare(values)
    const predictions = await model.predict(inputs, context)
    if (predictions.length === values.length) return predictions[0]!.kind
    throw new Error(`it returned ${predictions.length} predictions for ${values.length} inputs`)
  } catch (error) {
    context.signal.throwIfAborted()
    throw new SheikhError(
      'stage-failed',
      `Cannot serve the release ${model.release.version}: it cannot predict the smoke inputs (${messageOf(error)}). Set "smokeInputs" to inputs that the model accepts, and "inputSchema" to what its inputs look like.`,
      { cause: error },
    )
  }
}
