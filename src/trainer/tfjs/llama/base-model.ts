import { join } from 'node:path'
import { type CallContext, type Digest, isSheikhError, type JsonObject, SheikhError } from '../../../core/index.js'
import { readSmallJson, readWeights, readWeightsDirectory, toFloat32 } from '../../../model/index.js'
import { type LlamaConfig, type llamaShapes, parseLlamaConfig } from './llama-config.js'
import { loadTokens, type Tokens } from './tokens.js'

/** A model to start from: a folder as Hugging Face has it, with `config.json`, `tokenizer.json` and safetensors. */
export interface BaseModel {
  readonly directory: string
  /** Of the folder, as `readWeightsDirectory` gives it: another content is refused, so that its change is a change of yours. */
  readonly digest: Digest
  /** How others find it: `org/model`. Stands in adapters that are released unmerged. @default the directory */
  readonly name?: string | undefined
}

/** Values of a tensor in the caller's memory. */
export interface Values {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** @throws `artifact-corrupt` where the folder is not what the digest says. */
export async function checkBase({ directory, digest }: BaseModel, context: CallContext): Promise<void> {
  const found = await readWeightsDirectory(directory, context)
  if (found.digest === digest) return
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot start from ${JSON.stringify(directory)}: its digest is ${found.digest}, not ${digest}. Fetch it again; if this is the one you want, write its digest.`,
    { facts: { directory, found: found.digest, expected: digest } },
  )
}

/** The `config.json` of a folder, as it is and as it is understood. @throws `artifact-corrupt`. */
export async function readConfig(
  directory: string,
): Promise<{ readonly json: JsonObject; readonly config: LlamaConfig }> {
  const json = await readSmallJson(join(directory, 'config.json'))
  if (typeof json === 'string') throw failed(directory)(`its config.json ${json}`)
  return { json, config: parseLlamaConfig(json, failed(directory)) }
}

/** @throws `artifact-corrupt`; `missing-peer`. */
export async function readTokens(directory: string, config: LlamaConfig): Promise<Tokens> {
  return loadTokens(directory, config, failed(directory))
}

/** Computed from the configuration; checkpoints of older versions of transformers contain it. */
const computed = /\.rotary_emb\.inv_freq$/
const [embedding, lastProduct] = ['model.embed_tokens.weight', 'lm_head.weight']

/**
 * All weights as float32, by name.
 *
 * @throws `artifact-corrupt` for a missing weight, a wrong shape, and a tensor that the architecture does not have: a model that needs
 * it would give other results.
 */
export async function readValues(
  directory: string,
  stem: string,
  shapes: ReturnType<typeof llamaShapes>,
  context: CallContext,
): Promise<Readonly<Record<string, Values>>> {
  const tensors = await readWeights(directory, stem, (name) => !computed.test(name), context)
  for (const [name, tensor] of tensors) {
    if (Object.hasOwn(shapes, name)) continue
    if (name !== lastProduct)
      throw failed(directory)(`it has the tensor ${JSON.stringify(name)}, which this architecture does not have`)
    // Tied: the file may contain the embedding twice.
    if (Buffer.compare(tensor.data, tensors.get(embedding)?.data ?? new Uint8Array()) !== 0)
      throw failed(directory)(
        `its tie_word_embeddings is true, and "${lastProduct}" differs from "${embedding}". Set tie_word_embeddings to false`,
      )
  }
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const tensor = tensors.get(name)
      if (tensor === undefined)
        throw failed(directory)(
          `its weight "${name}" is not there${name === lastProduct ? ', and its tie_word_embeddings is not true' : ''}`,
        )
      if (tensor.shape.join() !== shape.join())
        throw failed(directory)(
          `its weight "${name}" has the shape [${tensor.shape.join(', ')}], not [${shape.join(', ')}]`,
        )
      return [name, { shape, values: toFloat32(tensor) }]
    }),
  )
}

const failed =
  (directory: string) =>
  (fact: string, cause?: unknown): Error =>
    isSheikhError(cause)
      ? cause
      : new SheikhError('artifact-corrupt', `Cannot load the model in ${JSON.stringify(directory)}: ${fact}.`, {
          facts: { directory },
          cause,
        })
