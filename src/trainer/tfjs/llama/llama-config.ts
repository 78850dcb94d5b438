import type { Json, JsonObject } from '../../../core/index.js'

/** The settings from Hugging Face's `config.json` that decide the arithmetic of a Llama model. */
export interface LlamaConfig {
  readonly vocabularySize: number
  readonly hiddenSize: number
  readonly intermediateSize: number
  readonly layers: number
  readonly heads: number
  /** Of keys and values; each serves `heads / keyValueHeads` heads of queries. */
  readonly keyValueHeads: number
  readonly headSize: number
  readonly normEpsilon: number
  readonly maximumPositions: number
  readonly initializerRange: number
  /** Whether the output layer uses the embedding matrix. */
  readonly tiedEmbedding: boolean
  readonly rope: RopeConfig
  /** Tokens that end an answer. */
  readonly endTokens: readonly number[]
}

/** Rotary position embedding. */
export interface RopeConfig {
  readonly theta: number
  readonly scaling?:
    | { readonly type: 'linear'; readonly factor: number }
    | {
        readonly type: 'llama3'
        readonly factor: number
        readonly lowFrequencyFactor: number
        readonly highFrequencyFactor: number
        readonly originalPositions: number
      }
    | undefined
}

type Means = (value: Json) => boolean

const is =
  (...values: readonly Json[]): Means =>
  (value) =>
    values.includes(value)

/**
 * Keys that change the result of a model and are not computed here, each with the values that change nothing. They stand in files
 * of model types whose config extends that of Llama, and of programs that change checkpoints.
 */
const withoutEffect: Readonly<Record<string, Means>> = {
  hidden_act: is('silu', 'swish'),
  attention_bias: is(false),
  mlp_bias: is(false),
  use_bias: is(false),
  qkv_bias: is(false),
  quantization_config: is(),
  quantization: is(),
  compression_config: is(),
  auto_map: is(),
  add_cross_attention: is(false),
  sliding_window: is(0),
  use_sliding_window: is(false),
  layer_types: (value) => Array.isArray(value) && value.every((type) => type === 'full_attention'),
  no_rope_layers: (value) => Array.isArray(value) && value.every((rotates) => rotates === 1),
  partial_rotary_factor: is(1),
  rope_interleaved: is(false),
  use_qk_norm: is(false),
  qk_norm: is(false),
  qk_layernorm: is(false),
  attn_logit_softcapping: is(),
  final_logit_softcapping: is(),
  logit_scale: is(1),
  logits_scaling: is(1),
  attention_multiplier: is(),
  embedding_multiplier: is(1),
  residual_multiplier: is(1),
  query_pre_attn_scalar: is(),
  num_experts: is(0, 1),
  num_local_experts: is(0, 1),
}

/**
 * Reads a `config.json` of transformers, of 4.x and 5.x.
 *
 * @param fail makes the error of a sentence without name and stop.
 */
export function parseLlamaConfig(json: JsonObject, fail: (fact: string) => Error): LlamaConfig {
  const type = json['model_type']
  if (type !== 'llama')
    throw fail(
      `its model_type is ${JSON.stringify(type)}, but only "llama" is supported; use commandTrainer for other models`,
    )
  for (const [key, hasNoEffect] of Object.entries(withoutEffect)) {
    const value = json[key] ?? null
    if (value !== null && !hasNoEffect(value))
      throw fail(
        `its ${key} is ${shortJson(value)}, which changes the result and is not supported here; use commandTrainer for this model`,
      )
  }
  const count = (key: string, otherwise?: number): number => {
    const value = json[key] ?? otherwise
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > 2 ** 24)
      throw fail(`its ${key} is ${JSON.stringify(value)}, not a count`)
    return value
  }
  const positive = (key: string, value: unknown): number => {
    if (typeof value !== 'number' || !(value > 0) || !Number.isFinite(value))
      throw fail(`its ${key} is ${JSON.stringify(value)}, not a number above 0`)
    return value
  }
  const heads = count('num_attention_heads')
  const hiddenSize = count('hidden_size')
  const config: LlamaConfig = {
    vocabularySize: count('vocab_size'),
    hiddenSize,
    intermediateSize: count('intermediate_size'),
    layers: count('num_hidden_layers'),
    heads,
    keyValueHeads: count('num_key_value_heads', heads),
    headSize: count('head_dim', Math.floor(hiddenSize / heads)),
    normEpsilon: positive('rms_norm_eps', json['rms_norm_eps'] ?? 1e-6),
    maximumPositions: count('max_position_embeddings', 2048),
    initializerRange: positive('initializer_range', json['initializer_range'] ?? 0.02),
    tiedEmbedding: json['tie_word_embeddings'] === true,
    rope: parseRope(json, positive, fail),
    endTokens: [json['eos_token_id'] ?? []].flat().filter((token): token is number => typeof token === 'number'),
  }
  if (config.heads % config.keyValueHeads !== 0)
    throw fail(`its ${config.heads} heads cannot share ${config.keyValueHeads} heads of keys`)
  if (config.headSize % 2 !== 0) throw fail(`its heads have ${config.headSize} numbers, which is odd`)
  return config
}

function parseRope(
  json: JsonObject,
  positive: (key: string, value: unknown) => number,
  fail: (fact: string) => Error,
): RopeConfig {
  // Version 5 uses one key for all of it.
  const key = (json['rope_parameters'] ?? null) === null ? 'rope_scaling' : 'rope_parameters'
  const value = json[key] ?? {}
  if (typeof value !== 'object' || Array.isArray(value)) throw fail(`its ${key} is ${shortJson(value)}, not an object`)
  const parameters = value as JsonObject
  const rotated = parameters['partial_rotary_factor'] ?? 1
  if (rotated !== 1)
    throw fail(`its partial_rotary_factor is ${shortJson(rotated)}, not 1; use commandTrainer for this model`)
  const theta = positive('rope_theta', parameters['rope_theta'] ?? json['rope_theta'] ?? 10_000)
  const type = parameters['rope_type'] ?? parameters['type'] ?? 'default'
  if (type === 'default') return { theta }
  const factor = positive('rope factor', parameters['factor'])
  if (type === 'linear') return { theta, scaling: { type, factor } }
  if (type !== 'llama3')
    throw fail(
      `its ${key} has the type ${JSON.stringify(type)}, not "linear" or "llama3"; use commandTrainer for this model`,
    )
  const scaling = {
    type: 'llama3' as const,
    factor,
    lowFrequencyFactor: positive('low_freq_factor', parameters['low_freq_factor']),
    highFrequencyFactor: positive('high_freq_factor', parameters['high_freq_factor']),
    originalPositions: positive('original_max_position_embeddings', parameters['original_max_position_embeddings']),
  }
  if (scaling.highFrequencyFactor <= scaling.lowFrequencyFactor)
    throw fail('its high_freq_factor is not above its low_freq_factor')
  return { theta, scaling }
}

/** Formats a value for an error. */
const shortJson = (value: Json): string => {
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

/** Names, as Hugging Face has them, and shapes: matrices are [out, in]. */
export function llamaShapes(config: LlamaConfig): Readonly<Record<string, readonly number[]>> {
  const { vocabularySize, hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config
  const shapes: Record<string, readonly number[]> = {
    'model.embed_tokens.weight': [vocabularySize, hiddenSize],
    'model.norm.weight': [hiddenSize],
    ...(!config.tiedEmbedding && { 'lm_head.weight': [vocabularySize, hiddenSize] }),
  }
  for (let layer = 0; layer < config.layers; layer += 1)
    for (const [name, shape] of [
      ['input_layernorm', [hiddenSize]],
      ['self_attn.q_proj', [heads * headSize, hiddenSize]],
      ['self_attn.k_proj', [keyValueHeads * headSize, hiddenSize]],
      ['self_attn.v_proj', [keyValueHeads * headSize, hiddenSize]],
      ['self_attn.o_proj', [hiddenSize, heads * headSize]],
      ['post_attention_layernorm', [hiddenSize]],
      ['mlp.gate_proj', [intermediateSize, hiddenSize]],
      ['mlp.up_proj', [intermediateSize, hiddenSize]],
      ['mlp.down_proj', [hiddenSize, intermediateSize]],
    ] as const)
      shapes[`model.layers.${layer}.${name}.weight`] = shape
  return shapes
}
