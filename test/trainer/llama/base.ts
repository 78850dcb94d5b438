import { cpSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { callContext, type JsonObject, seededRandom } from '../../../src/core/index.js'
import { type FloatDtype, fromFloat32, readWeightsDirectory, writeWeights } from '../../../src/model/index.js'
import type { BaseModel } from '../../../src/trainer/tfjs/llama/base-model.js'
import { llamaShapes, parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'

/** By make-tokenizer.py. */
export const tokenizer = resolve(import.meta.dirname, 'reference/tokenizer')

export const tinyConfig: JsonObject = {
  ...{
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    vocab_size: 320,
    hidden_size: 32,
    intermediate_size: 48,
  },
  ...{ num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 64 },
  ...{ rms_norm_eps: 1e-5, bos_token_id: 1, eos_token_id: 2, tie_word_embeddings: true, torch_dtype: 'float32' },
}

/** A folder as Hugging Face has it, with weights by chance. */
export async function makeBase(
  below: string,
  {
    config = tinyConfig,
    dtype = 'F32',
    maximumShardBytes,
    weights = true,
  }: {
    readonly config?: JsonObject
    readonly dtype?: FloatDtype
    readonly maximumShardBytes?: number
    readonly weights?: boolean
  } = {},
): Promise<BaseModel> {
  const directory = await mkdtemp(join(below, 'base-'))
  cpSync(tokenizer, directory, { recursive: true })
  await writeFile(join(directory, 'config.json'), JSON.stringify(config))
  if (weights) {
    const shapes = llamaShapes(parseLlamaConfig(config, (fact) => new Error(fact)))
    const random = seededRandom('base')
    const tensors = Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1)
      const values = Float32Array.from({ length: size }, () => (name.includes('norm') ? 1 : 0.1 * random.normal()))
      return fromFloat32(name, dtype, shape, values)
    })
    await writeWeights(directory, 'model', tensors, { maximumShardBytes }, callContext())
  }
  return { directory, digest: (await readWeightsDirectory(directory, callContext())).digest }
}
