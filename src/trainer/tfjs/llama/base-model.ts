import { join } from 'node:path'
import {
  type CallContext,
  type Digest,
  digestManifest,
  isSheikhError,
  type JsonObject,
  SheikhError,
} from '../../../core/index.js'
import { type LargeFiles, openWholeFolder } from '../../../dataset/index.js'
import { readSmallJson, readWeights, readWeightsDirectory, toFloat32 } from '../../../model/index.js'
import { readManifest } from '../../../store/index.js'
import { type LlamaConfig, type llamaShapes, parseLlamaConfig } from './llama-config.js'
import { loadTokens, type Tokens } from './tokens.js'

export const defaultMaximumLength = 1024

/** A model to start from: a folder in Hugging Face layout, with `config.json`, `tokenizer.json` and safetensors. */
export interface BaseModel {
  readonly directory: string
  /**
   * Digest of the folder, as returned by `readWeightsDirectory`. Training fails if the content differs, so that a
   * changed base requires a changed setting.
   */
  readonly digest: Digest
  /** Public name of the model: `org/model`. Written into adapters that are released unmerged. @default the directory */
  readonly name?: string | undefined
  /**
   * Gets the files of Git LFS that the folder has pointers to, such as `gitLfs` of `sheikh-freemium/repository`. The digest
   * is that of the files. @default a pointer is an error
   */
  readonly largeFiles?: LargeFiles | undefined
  /**
   * Makes an empty folder. If the base has pointers, a training, and a model of adapters, reads the base from such a folder
   * with all files, and removes the folder afterwards. Files are hard links if the folder is on the file system of the
   * store of Git LFS. @default a folder in the system's folder for temporary files
   */
  readonly makeFolder?: (() => Promise<string>) | undefined
}

/** A base whose folder has all files until it is disposed. */
export interface OpenedBase extends AsyncDisposable {
  readonly base: BaseModel
}

/** Values of a tensor in the caller's memory. */
export interface Values {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/**
 * Opens the folder of a base. Files of Git LFS are fetched if the digest, which pointers show too, is that of the base.
 *
 * @throws `artifact-corrupt` if it is another one; and as `LargeFiles`.
 */
export async function openBase(base: BaseModel, context: CallContext): Promise<OpenedBase> {
  const { directory, digest, largeFiles, makeFolder, name = directory } = base
  if (largeFiles === undefined) return { base, [Symbol.asyncDispose]: async () => {} }
  const beforeFetch = async () => {
    const found = await digestWithPointers(directory, context)
    if (found !== digest) throw otherDigest(base, found)
  }
  const opened = await openWholeFolder(directory, { largeFiles, makeFolder, name, beforeFetch }, context)
  return {
    base: { directory: opened.directory, digest, name },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  }
}

/** @throws `artifact-corrupt` if the folder does not match the digest. */
export async function checkBase(base: BaseModel, context: CallContext): Promise<void> {
  const found = await readWeightsDirectory(base.directory, context)
  if (found.digest !== base.digest) throw otherDigest(base, found.digest)
}

/** The digest of a folder, as if its Git LFS pointers were their files. @throws as `readWeightsDirectory`. */
export const digestWithPointers = async (directory: string, context: CallContext): Promise<Digest> =>
  digestManifest(await readManifest(directory, context, { followPointers: true }))

const otherDigest = ({ directory, digest }: BaseModel, found: Digest) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot start from ${JSON.stringify(directory)}: its digest is ${found}, not ${digest}. Download it again, or change the digest if this is the intended content.`,
    { facts: { directory, found, expected: digest } },
  )

/** Reads the `config.json` of a folder: the raw JSON and the parsed configuration. @throws `artifact-corrupt`. */
export async function readConfig(
  directory: string,
): Promise<{ readonly json: JsonObject; readonly config: LlamaConfig }> {
  const json = await readSmallJson(join(directory, 'config.json'))
  if (typeof json === 'string') throw failed(directory)(`its config.json ${json}`)
  return { json, config: parseLlamaConfig(json, failed(directory)) }
}

/** The largest number of tokens of a sequence that a model reads and the settings allow. @throws `artifact-corrupt`. */
export async function llamaMaximumLength(directory: string, maximumLength = defaultMaximumLength): Promise<number> {
  const { config } = await readConfig(directory)
  return Math.min(maximumLength, config.maximumPositions)
}

/** @throws `artifact-corrupt`; `missing-peer`. */
export async function readTokens(directory: string, config: LlamaConfig): Promise<Tokens> {
  return loadTokens(directory, config, failed(directory))
}

/** Computed from the configuration; checkpoints of older versions of transformers contain it. */
const computed = /\.rotary_emb\.inv_freq$/
const [embedding, lastProduct] = ['model.embed_tokens.weight', 'lm_head.weight']

/**
 * Reads all weights as float32, by name.
 *
 * @throws `artifact-corrupt` for a missing weight, a wrong shape, and a tensor that the architecture does not have: a
 * model that needs it would give different results.
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
    // With tied embeddings, the file may contain the embedding twice.
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
          `its weight "${name}" is missing${name === lastProduct ? ', and its tie_word_embeddings is not true' : ''}`,
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
