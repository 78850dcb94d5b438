import { isSheikhError, type Json, type JsonObject, SheikhError } from '../core/index.js'
import type { FeatureType } from '../dataset/index.js'
import { systemTimer } from './batcher.js'
import { Fault } from './fault.js'
import type { FeatureLookUp, PrepareContext } from './options.js'

/**
 * Looks up the features of entities as they are now.
 *
 * @param entities the entities of each input: `{ driver_id: 1001 }`.
 * @returns the features of each, in the same order. A feature that an entity does not have is null or absent.
 * @throws any error: requests that wait are answered with 503. A `SheikhError` that is not retryable: with 502.
 */
export type LookUpFeatures = (entities: readonly JsonObject[]) => Promise<readonly JsonObject[]>

export interface OnlineFeaturesOptions<I> {
  /** Such as `feastLookUp`. */
  readonly lookUp: LookUpFeatures
  /** The fields of an input that name entities. */
  readonly entities: readonly string[]
  /** The features that models were trained with, and their types: `featureTypes('dataset/features.jsonl')` reads them. */
  readonly types: Readonly<Record<string, FeatureType>>
  /** `allow`: a feature without a value is null. `refuse`: the input is answered with 422. @default 'allow' */
  readonly whenMissing?: 'allow' | 'refuse' | undefined
  /** Maximum entities per call of `lookUp`. @default 256 */
  readonly maximumBatch?: number | undefined
  /** Maximum time of a call of `lookUp`, in milliseconds. Its requests are then answered with 503. @default 10000 */
  readonly timeoutMs?: number | undefined
  /** Makes the model's inputs from inputs with features. @default the inputs with their features */
  readonly prepare?: ((values: readonly Json[], context?: PrepareContext) => Promise<readonly I[]>) | undefined
}

interface Waiting {
  readonly onLookUp: PrepareContext['onLookUp']
  readonly entities: JsonObject
  readonly done: (features: JsonObject) => void
  readonly fail: (error: unknown) => void
}

/**
 * `prepare` of a handler that adds features to inputs: each input is an object with entities, and gets the features that models
 * were trained with, under the same names. Requests that arrive while a look-up is in progress share the next one.
 *
 * An input that already has a feature, or lacks an entity, is answered with 422 `invalid-input`. A feature of another type than
 * in training, or an answer that does not fit, is answered with 502 `features-invalid`: a model must not guess with values that
 * it never saw. If the look-up fails, requests are answered with 503 `features-unavailable`.
 *
 * @throws `invalid-options` without entities or features.
 */
export function withOnlineFeatures<I = Json>(
  options: OnlineFeaturesOptions<I>,
): (values: readonly Json[], context?: PrepareContext) => Promise<readonly I[]> {
  const { lookUp, entities, types, whenMissing = 'allow', maximumBatch = 256, timeoutMs = 10_000, prepare } = options
  if (entities.length === 0 || Object.keys(types).length === 0)
    throw new SheikhError(
      'invalid-options',
      'Cannot look up features: "entities" or "types" is empty. Name the fields of an input, and the features of the model.',
    )
  if (!(Number.isInteger(maximumBatch) && maximumBatch >= 1))
    throw new SheikhError(
      'invalid-options',
      `Cannot look up features: "maximumBatch" is ${maximumBatch}. Give 1 or more.`,
    )
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31))
    throw new SheikhError(
      'invalid-options',
      `Cannot look up features: "timeoutMs" is ${timeoutMs}. Give milliseconds between 0 and 2 ** 31.`,
    )
  const waiting: Waiting[] = []
  let isRunning = false

  async function run(): Promise<void> {
    isRunning = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maximumBatch)
      // One look-up may be for requests of two handlers.
      const observers = new Set(batch.map(({ onLookUp }) => onLookUp))
      const startMs = systemTimer.nowMs()
      const count = (outcome: FeatureLookUp['outcome']) => {
        const durationMs = systemTimer.nowMs() - startMs
        for (const observe of observers) observe?.({ outcome, durationMs })
      }
      try {
        const found = await withinTime(lookUp(batch.map((one) => one.entities)), timeoutMs)
        if (!Array.isArray(found) || found.length !== batch.length)
          throw invalid(
            `the look-up answered for ${Array.isArray(found) ? found.length : 'no'} of ${batch.length} entities`,
          )
        count('answered')
        for (const [index, { done }] of batch.entries()) done(found[index]!)
      } catch (error) {
        const fault = toFeatureFault(error)
        count(outcomeOf(fault))
        for (const { fail } of batch) fail(fault)
      }
    }
    isRunning = false
  }

  const ask = (asked: JsonObject, onLookUp: PrepareContext['onLookUp']) =>
    new Promise<JsonObject>((done, fail) => {
      waiting.push({ entities: asked, onLookUp, done, fail })
      // After this turn, so that the inputs of a request are one batch.
      if (!isRunning) {
        isRunning = true
        setImmediate(() => void run())
      }
    })

  return async (values, context = {}) => {
    // Before the first look-up, so that a wrong input costs nothing.
    const asked = values.map((value, index) => entitiesOf(value, index, entities, types))
    const found = await Promise.all(asked.map((one) => ask(one, context.onLookUp)))
    const joined = values.map((value, index) => ({
      ...(value as JsonObject),
      ...checked(found[index]!, index, types, whenMissing),
    }))
    return prepare === undefined ? (joined as unknown as readonly I[]) : prepare(joined, context)
  }
}

/** A look-up that never ends must not hold the requests that come later. */
async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `Cannot look up features: no answer within ${timeoutMs} ms. See the feature store.`
    timer = setTimeout(
      () => reject(new SheikhError('remote-failed', message, { retryable: true, facts: { timeoutMs } })),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function entitiesOf(
  value: Json,
  index: number,
  entities: readonly string[],
  types: Readonly<Record<string, FeatureType>>,
): JsonObject {
  const refuse = (fact: string) => new Fault('invalid-input', `Cannot predict: input ${index} ${fact}.`)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(`is not an object with ${entities.map((name) => JSON.stringify(name)).join(', ')}`)
  const given = value as JsonObject
  const own = Object.keys(types).find((name) => Object.hasOwn(given, name))
  if (own !== undefined) throw refuse(`has ${JSON.stringify(own)}, which the server looks up`)
  return Object.fromEntries(
    entities.map((name) => {
      const entity = Object.hasOwn(given, name) ? given[name] : undefined
      if (typeof entity !== 'string' && typeof entity !== 'boolean' && !Number.isSafeInteger(entity))
        throw refuse(`has no entity ${JSON.stringify(name)}: a text, an integer, true or false`)
      return [name, entity as Json]
    }),
  )
}

function checked(
  found: JsonObject,
  index: number,
  types: Readonly<Record<string, FeatureType>>,
  whenMissing: 'allow' | 'refuse',
): JsonObject {
  if (typeof found !== 'object' || found === null) throw invalid('an answer is not an object')
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => {
      const value = Object.hasOwn(found, name) ? (found[name] ?? null) : null
      if (value === null) {
        if (whenMissing === 'allow') return [name, null]
        throw new Fault(
          'invalid-input',
          `Cannot predict: input ${index} has entities without the feature ${JSON.stringify(name)}.`,
        )
      }
      const online = Array.isArray(value) ? 'list' : typeof value
      if (online !== type)
        throw invalid(`the feature ${JSON.stringify(name)} is a ${online}, but models were trained with a ${type}`)
      return [name, value]
    }),
  )
}

const invalid = (fact: string, cause?: unknown) =>
  new Fault('features-invalid', `Cannot predict: ${fact}. Correct the feature store, or train again.`, {}, cause)

function toFeatureFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  if (isSheikhError(error) && !error.retryable) return invalid('the features cannot be looked up', error)
  const message = 'Cannot predict: the features cannot be looked up now. Try again later.'
  return new Fault('features-unavailable', message, { 'retry-after': '1' }, error)
}

function outcomeOf({ code, cause }: Fault): FeatureLookUp['outcome'] {
  if (code !== 'features-unavailable') return 'invalid'
  return isSheikhError(cause) && cause.facts['timeoutMs'] !== undefined ? 'timeout' : 'unavailable'
}
