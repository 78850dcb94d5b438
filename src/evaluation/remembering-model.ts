import { type CallContext, type Digest, digestJson, hexOf, isDigest, type Json, SheikhError } from '../core/index.js'
import { type Model, type Prediction, readSafetensors, writeSafetensors } from '../model/index.js'
import { GrowingArray } from './column.js'
import { ColumnReader, ColumnWriter } from './column-tensors.js'
import { PredictionBuilder, type PredictionColumn } from './prediction-column.js'

const format = 'sheikh-predictions-1'
/** Number of bytes in an input's digest. */
export const inputDigestBytes = 32

/** Predictions of a model, by the digest of the input. */
export interface Predictions {
  readonly modelDigest: Digest
  /** [items, 32] */
  readonly inputs: Uint8Array
  readonly predictions: PredictionColumn
}

/** A model that caches its predictions. It predicts only new inputs, and is not loaded if all are cached. */
export interface RememberingModel<I> extends Model<I> {
  /** Number of inputs that the model itself predicted. */
  readonly asked: number
  /** All predictions of this model, in order. */
  answers(): Predictions
}

/**
 * Adds a cache of earlier predictions to a model. Failures are not cached.
 *
 * @param load called once, when the first prediction is missing; immediately if nothing is cached.
 */
export async function rememberingModel<I>(
  load: () => Promise<Model<I>>,
  known: Predictions | undefined,
): Promise<RememberingModel<I>> {
  let model = known === undefined ? await load() : undefined
  const modelDigest = known?.modelDigest ?? model!.digest
  const lookup = known === undefined ? () => undefined : finder(known)
  const answers = new PredictionsBuilder()
  let asked = 0
  return {
    digest: modelDigest,
    get asked() {
      return asked
    },
    async predict(batch, context) {
      const digests = batch.map(digestOfInput)
      const found = digests.map(lookup)
      const missing = batch.filter((_, index) => found[index] === undefined)
      if (missing.length > 0) {
        const fresh = await ask(missing, context)
        let next = 0
        for (const [index, answer] of found.entries()) if (answer === undefined) found[index] = fresh[next++]
      }
      for (const [index, digest] of digests.entries()) answers.push(digest, found[index] ?? null)
      return found as readonly Prediction[]
    },
    answers: () => answers.finish(modelDigest),
    async [Symbol.asyncDispose]() {
      await model?.[Symbol.asyncDispose]()
    },
  }

  async function ask(missing: readonly I[], context: CallContext): Promise<readonly Prediction[]> {
    model ??= await load()
    const fresh = await model.predict(missing, context)
    if (fresh.length !== missing.length)
      throw new SheikhError(
        'evaluation-invalid',
        `Cannot evaluate: the model returned ${fresh.length} predictions for ${missing.length} inputs. Return one prediction per input, in order.`,
      )
    asked += missing.length
    return fresh
  }
}

/** Builds predictions by the digest of the input. */
export class PredictionsBuilder {
  readonly #inputs = new GrowingArray(new Uint8Array(0))
  readonly #predictions: PredictionBuilder
  length = 0

  /** @param options see `PredictionBuilder`. */
  constructor(options?: ConstructorParameters<typeof PredictionBuilder>[0]) {
    this.#predictions = new PredictionBuilder(options)
  }

  push(input: Uint8Array, prediction: Parameters<PredictionBuilder['push']>[0]): void {
    this.#inputs.append(input)
    this.#predictions.push(prediction)
    this.length += 1
  }

  finish(modelDigest: Digest): Predictions {
    return { modelDigest, inputs: this.#inputs.take(), predictions: this.#predictions.finish() }
  }
}

export const digestOfInput = (input: unknown): Buffer => Buffer.from(hexOf(digestJson(input as Json)), 'hex')

/** Looks next to the last hit first: an unchanged set is read in the same order and needs no index. */
function finder({ inputs, predictions }: Predictions): (digest: Buffer) => Prediction | undefined {
  const all = Buffer.from(inputs.buffer, inputs.byteOffset, inputs.length)
  let next = 0
  let index: Map<string, number> | undefined
  const keyAt = (item: number) => all.toString('latin1', item * inputDigestBytes, (item + 1) * inputDigestBytes)
  return (digest) => {
    let item: number | undefined = next
    if (
      item >= predictions.length ||
      all.compare(digest, 0, inputDigestBytes, item * inputDigestBytes, (item + 1) * inputDigestBytes) !== 0
    ) {
      index ??= new Map(Array.from({ length: predictions.length }, (_, at) => [keyAt(at), at]))
      item = index.get(digest.toString('latin1'))
      if (item === undefined) return undefined
    }
    next = item + 1
    return predictions.at(item) ?? undefined
  }
}

/** @throws `storage-failed`. */
export async function writePredictions(path: string, answers: Predictions, context: CallContext): Promise<Digest> {
  const writer = new ColumnWriter()
  writer.bytes('inputs', [answers.predictions.length, inputDigestBytes], answers.inputs)
  writer.predictions('predictions', answers.predictions)
  const metadata = { format, model: answers.modelDigest }
  return (await writeSafetensors(path, writer.tensors, { metadata }, context)).digest
}

/** @throws `artifact-corrupt`. */
export async function readPredictions(path: string, context: CallContext): Promise<Predictions> {
  const file = await readSafetensors(path, context)
  const reader = new ColumnReader(path, file)
  const modelDigest = file.metadata['model']
  if (file.metadata['format'] !== format || !isDigest(modelDigest)) throw reader.corrupt('its format is unknown')
  const predictions = reader.predictions('predictions')
  const inputs = reader.bytes('inputs')
  if (inputs.length !== inputDigestBytes * predictions.length)
    throw reader.corrupt('its numbers of inputs and predictions differ')
  return { modelDigest, inputs, predictions }
}
