import type { JsonObject } from '../../core/index.js'
import { type Answers, inJson, inputWithout, integer, list, object, orNull, type Schema, string } from '../operation.js'
import type { Served } from '../protocol.js'
import { fixed, withoutEffect } from './openai-request.js'

type Facts = Pick<Served, 'name' | 'inputSchema' | 'limits' | 'canGenerate'>

const nothing: Schema = { type: 'null' }
const tokens = orNull({ type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const boolean: Schema = { type: 'boolean' }
const stopText = { type: 'string', minLength: 1, maxLength: 1000 }

/** The members that decide how a text is generated. */
const settings: JsonObject = {
  max_tokens: tokens,
  max_completion_tokens: tokens,
  temperature: orNull({ type: 'number', minimum: 0, maximum: 2 }),
  top_p: orNull({ type: 'number', exclusiveMinimum: 0, maximum: 1 }),
  seed: orNull({ type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
  stop: { anyOf: [stopText, list(stopText, { maxItems: 4 }), nothing] },
}

/** What completions and chat completions share. Other members may only be null. */
function request({ name, canGenerate }: Facts, own: string, variants: readonly JsonObject[]): Schema {
  const unused = Object.fromEntries(Object.keys(settings).map((one) => [one, nothing]))
  const shared: JsonObject = {
    model: { anyOf: [{ const: name }, { type: 'string', pattern: '^https?://' }, nothing] },
    stream_options: orNull({
      type: 'object',
      additionalProperties: false,
      properties: { include_usage: orNull(boolean) },
    }),
    // A model that does not generate part by part has fixed settings, and no text stops it.
    ...(canGenerate ? settings : { ...unused, stop: { anyOf: [list({}, { maxItems: 0 }), nothing] } }),
    response_format: orNull(object({ type: { const: 'text' } })),
    ...Object.fromEntries([...fixed].map(([member, values]) => [member, { enum: [...values, null] }])),
    tools: orNull(list({}, { maxItems: 0 })),
    ...Object.fromEntries(withoutEffect.map((member) => [member, {}])),
  }
  const schemas = variants.map((properties) => ({
    type: 'object',
    required: [own, ...(properties['stream'] === isStream ? ['stream'] : [])],
    properties: { ...shared, ...properties },
    additionalProperties: nothing,
  }))
  return schemas.length === 1 ? schemas[0]! : { oneOf: schemas }
}

const isStream = { const: true }
const isWhole = { enum: [false, null] }

export function completionRequest(facts: Facts): Schema {
  const prompt = promptOf(facts)
  const prompts = (maxItems: number) => ({ anyOf: [prompt, list(prompt, { minItems: 1, maxItems })] })
  return request(facts, 'prompt', [
    { prompt: prompts(facts.limits.maximumInputs), stream: isWhole },
    { prompt: prompts(1), stream: isStream },
  ])
}

export function chatRequest(facts: Facts): Schema {
  const part = object({ type: { const: 'text' }, text: string })
  const message = {
    type: 'object',
    required: ['role', 'content'],
    properties: { role: string, content: { anyOf: [string, list(part, { minItems: 1 })] }, name: orNull(string) },
    additionalProperties: nothing,
  }
  return request(facts, 'messages', [{ messages: list(message, { minItems: 1 }), stream: orNull(boolean) }])
}

/** A prompt is a text that is an input. */
function promptOf({ inputSchema }: Facts): Schema {
  if (inputSchema['type'] === 'string') return inputSchema
  return { allOf: [string, inputWithout(inputSchema, 'array', 'object')] }
}

export const refusalSchema = object({
  error: object({ message: string, type: string, param: { type: ['string', 'null'] }, code: string }),
})

export const streamable = (description: string, whole: Schema, event: Schema): Answers => ({
  description,
  content: {
    ...inJson(description, whole).content,
    // Before 3.2, OpenAPI has no word for the items of a stream: tools take this for the schema of an event.
    'text/event-stream': {
      schema: object({
        data: {
          anyOf: [
            { const: '[DONE]' },
            // An error ends a stream.
            { ...string, contentMediaType: 'application/json', contentSchema: { anyOf: [event, refusalSchema] } },
          ],
        },
      }),
    },
  },
})

const usage = object({ prompt_tokens: integer, completion_tokens: integer, total_tokens: integer })
const reason = { enum: ['stop', 'length'] }

const answer = (kind: string, choice: Schema): Schema => {
  const facts = object({ id: string, object: { const: kind }, created: integer, model: string, choices: list(choice) })
  return { ...facts, properties: { ...(facts['properties'] as JsonObject), usage: orNull(usage) } }
}

const choiceOf = (said: JsonObject, finishReason: Schema): Schema =>
  object({ index: integer, ...said, logprobs: nothing, finish_reason: finishReason })

export const completions = answer('text_completion', choiceOf({ text: string }, reason))
export const completionChunk = answer('text_completion', choiceOf({ text: string }, orNull(reason)))
export const chatCompletion = answer(
  'chat.completion',
  choiceOf({ message: object({ role: { const: 'assistant' }, content: string, refusal: nothing }) }, reason),
)
export const chatChunk = answer(
  'chat.completion.chunk',
  choiceOf(
    {
      delta: {
        type: 'object',
        required: ['content'],
        properties: { role: { const: 'assistant' }, content: string },
      },
    },
    orNull(reason),
  ),
)

export const models = object({
  object: { const: 'list' },
  data: list(object({ id: string, object: { const: 'model' }, created: integer, owned_by: string })),
})
