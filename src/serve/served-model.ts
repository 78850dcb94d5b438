import type { CallContext, Json } from '../core/index.js'
import { messageOf, SheikhError } from '../core/index.js'
import type { JsonSchema } from '../dataset/index.js'
import type { Prediction } from '../model/index.js'
import { loadRelease, type Release, type ReleasedModel } from '../releaser/index.js'
import { systemTimer, type Timer } from './batcher.js'
import { type CheckInputs, inputCheck } from './input-check.js'
import type { HandlerOptions, Limits, ReleaseSettings } from './options.js'
import { patientRegistry } from './patient-registry.js'
import { withinLimit } from './within-limit.js'

export interface ServedModel<I> {
  readonly model: ReleasedModel<I>
  readonly inputSchema: JsonSchema
  readonly checkInputs: CheckInputs<I>
  /** The kind of its predictions. Absent if it predicted nothing yet. */
  readonly kind: Prediction['kind'] | undefined
  readonly dispose: () => Promise<void>
}

/**
 * Loads the model that the options name, and predicts the smoke inputs with it.
 *
 * @param parts.release the one that the channel points at. @default asks the registry
 * @throws as `loadRelease` and `forRelease`; `stage-failed` if the model cannot predict.
 */
export async function openModel<I>(
  options: HandlerOptions<I>,
  limits: Limits,
  context: CallContext,
  { timer = systemTimer, release }: { readonly timer?: Timer | undefined; readonly release?: Release | undefined } = {},
): Promise<ServedModel<I>> {
  let settings: ReleaseSettings<I> = options
  const isOurs = !('model' in options)
  const model = isOurs
    ? await loadRelease(
        patientRegistry(options.registry, timer),
        {
          ...{ ...options, release, thread: options.thread ?? 'own' },
          async accept(...given) {
            settings = { ...options, ...(await options.forRelease?.(...given)) }
          },
        },
        context,
      )
    : options.model
  const dispose = async () => {
    if (isOurs) await model[Symbol.asyncDispose]()
  }
  try {
    const { inputSchema = { type: 'string' } as JsonSchema, prepare } = settings
    const checkInputs = await inputCheck(inputSchema, prepare, limits, context)
    return { model, inputSchema, checkInputs, kind: await predictSmoke(model, settings, context, timer), dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

// The first prediction may compile kernels.
const smokeLimitMs = 300_000

async function predictSmoke<I>(
  model: ReleasedModel<I>,
  { smokeInputs, inputSchema, prepare }: ReleaseSettings<I>,
  context: CallContext,
  timer: Timer,
): Promise<Prediction['kind'] | undefined> {
  const values: readonly Json[] = smokeInputs ?? (inputSchema === undefined ? ['warm-up'] : [])
  if (values.length === 0) return undefined
  let inputs = values as unknown as readonly I[]
  try {
    if (prepare !== undefined) inputs = await prepare(values)
    const predictions = await withinLimit(
      { limitMs: smokeLimitMs, late: () => new Error(`it does not answer within ${smokeLimitMs / 1000} s`) },
      { context, timer },
      (within) => model.predict(inputs, within),
    )
    if (predictions.length === values.length) return predictions[0]!.kind
    throw new Error(`it returned ${predictions.length} predictions for ${values.length} inputs`)
  } catch (error) {
    context.signal.throwIfAborted()
    const fact = [...textsIn(values), ...textsIn(inputs)].reduce(hide, messageOf(error))
    throw new SheikhError(
      'stage-failed',
      `Cannot serve the release ${model.release.version}: it cannot predict the smoke inputs (${fact}). Set "smokeInputs" to inputs that the model accepts, and "inputSchema" to what its inputs look like.`,
      { cause: error },
    )
  }
}

// Users may have written these texts. Hiding a shorter one would hide ordinary words.
const hide = (message: string, text: string) => (text.length < 6 ? message : message.replaceAll(text, '[input]'))

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
