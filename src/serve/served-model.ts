import type { CallContext, Json } from '../core/index.js'
import { messageOf, SheikhError } from '../core/index.js'
import type { JsonSchema } from '../dataset/index.js'
import type { Prediction } from '../model/index.js'
import { loadRelease, type Release, type ReleasedModel } from '../releaser/index.js'
import type { Trainer } from '../trainer/index.js'
import { systemTimer, type Timer } from './batcher.js'
import { type CheckInputs, inputCheck } from './input-check.js'
import type { HandlerOptions, Limits, PrepareContext, ReleaseSettings } from './options.js'
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

// Both read what the registry already gave. A model that compiles kernels, or a program that starts, takes minutes.
const acceptLimitMs = 300_000
const loadLimitMs = 1_800_000

const late = (what: string, limitMs: number) => () =>
  new SheikhError(
    'stage-failed',
    `Cannot serve the release: ${what} did not end within ${limitMs / 1000} s. Let it heed its signal, or correct it.`,
  )

/** A trainer whose `load` ends: a model that comes too late is freed. */
const patientTrainer = <I>(
  { load }: Pick<Trainer<I, never>, 'load'>,
  timer: Timer,
): Pick<Trainer<I, never>, 'load'> => ({
  async load(weights, context) {
    let loading: ReturnType<typeof load> | undefined
    try {
      return await withinLimit(
        { limitMs: loadLimitMs, late: late('"trainer.load"', loadLimitMs) },
        { context, timer },
        (within) => {
          loading = load(weights, { ...context, ...within })
          return loading
        },
      )
    } catch (error) {
      // Nobody gets the model, whether it is loaded already or comes later.
      loading?.then((model) => model[Symbol.asyncDispose]()).then(undefined, () => {})
      throw error
    }
  },
})

/**
 * Loads the model that the options name, and predicts the smoke inputs with it.
 *
 * @param parts.release the one that the channel points at. @default asks the registry
 * @throws as `loadRelease` and `forRelease`; `stage-failed` if the model cannot predict, or if `forRelease` or the trainer's
 * `load` hangs.
 */
export async function openModel<I>(
  options: HandlerOptions<I>,
  limits: Limits,
  context: CallContext,
  {
    timer = systemTimer,
    release,
    onLookUp,
  }: PrepareContext & { readonly timer?: Timer | undefined; readonly release?: Release | undefined } = {},
): Promise<ServedModel<I>> {
  const tryOut = async (model: Predicts<I>, version: string, settings: ReleaseSettings<I>) => {
    const { inputSchema = { type: 'string' } as JsonSchema, prepare } = settings
    const checkInputs = await inputCheck(inputSchema, { prepare, onLookUp }, limits, context)
    const prepared = { ...settings, prepare: prepare && ((values: readonly Json[]) => prepare(values, { onLookUp })) }
    return { inputSchema, checkInputs, kind: await predictSmoke(model, version, prepared, context, timer) }
  }
  if ('model' in options) {
    const { model } = options
    return { model, ...(await tryOut(model, model.release.version, options)), dispose: async () => {} }
  }
  const trainer = patientTrainer(options.trainer, timer)
  let settings: ReleaseSettings<I> = options
  let version = ''
  let tried: Awaited<ReturnType<typeof tryOut>> | undefined
  const model = await loadRelease(
    patientRegistry(options.registry, timer),
    {
      ...{ ...options, release, thread: options.thread ?? 'own' },
      trainer: {
        // Tried before `loadRelease` keeps the release in its cache as the one to start with.
        async load(weights, loading) {
          const loaded = await trainer.load(weights, loading)
          try {
            tried = await tryOut(loaded, version, settings)
          } catch (error) {
            await loaded[Symbol.asyncDispose]()
            throw error
          }
          return loaded
        },
      },
      async accept(given, bundle, accepting) {
        const asked = await withinLimit(
          { limitMs: acceptLimitMs, late: late('"forRelease"', acceptLimitMs) },
          { context: accepting, timer },
          async (within) => options.forRelease?.(given, bundle, within),
        )
        version = given.version
        settings = { ...options, ...asked }
      },
    },
    context,
  )
  return { model, ...tried!, dispose: async () => model[Symbol.asyncDispose]() }
}

// The first prediction may compile kernels.
const smokeLimitMs = 300_000

interface Predicts<I> {
  predict(inputs: readonly I[], context: CallContext): Promise<readonly Prediction[]>
}

async function predictSmoke<I>(
  model: Predicts<I>,
  version: string,
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
      `Cannot serve the release ${version}: it cannot predict the smoke inputs (${fact}). Set "smokeInputs" to inputs that the model accepts, and "inputSchema" to what its inputs look like.`,
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
