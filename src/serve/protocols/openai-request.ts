import type { Json, JsonObject } from '../../core/index.js'
import type { ChatMessage, GenerateOptions } from '../../model/index.js'
import { Fault, type FaultCode } from '../fault.js'
import { isObject } from './request.js'

/** A refusal that names the member of the request. */
export class ParameterFault extends Fault {
  readonly param: string

  constructor(param: string, fact: string, remedy: string, code: FaultCode = 'invalid-request') {
    super(code, `Cannot answer: "${param}" ${fact}. ${remedy}.`)
    this.param = param
  }
}

export interface GenerationRequest {
  readonly body: JsonObject
  readonly options: GenerateOptions
  readonly isStream: boolean
  /** Whether a stream ends with the numbers of tokens. */
  readonly withUsage: boolean
}

/** Members that decide nothing about the answer here. */
export const withoutEffect = ['user', 'metadata', 'store', 'safety_identifier', 'prompt_cache_key', 'service_tier']

/** Members that would change the answer, with the values that do not. */
export const fixed = new Map<string, readonly Json[]>(
  Object.entries({
    n: [1],
    best_of: [1],
    echo: [false],
    suffix: [''],
    logprobs: [false],
    top_logprobs: [],
    frequency_penalty: [0],
    presence_penalty: [0],
    // An empty list counts as absent.
    tools: [],
    tool_choice: ['none', 'auto'],
    parallel_tool_calls: [true, false],
  }),
)

/**
 * Reads what completions and chat completions share. Every member that could change the answer is honoured or refused.
 *
 * @param own the members that only one of them has.
 * @throws `Fault`.
 */
export function generationRequest(value: Json, name: string, own: readonly string[]): GenerationRequest {
  if (!isObject(value)) throw new Fault('invalid-request', 'Cannot read the request: the body is not a JSON object.')
  // Clients send null for what they leave out.
  const body = Object.fromEntries(Object.entries(value).filter(([, one]) => one !== null)) as JsonObject
  const { model = name } = body
  // The client of Hugging Face sends the address of an endpoint as its model.
  if (model !== name && !(typeof model === 'string' && /^https?:\/\//.test(model)))
    throw new ParameterFault(
      'model',
      `is ${JSON.stringify(model).slice(0, 100)}, which does not exist`,
      `The model is "${name}"`,
      'not-found',
    )
  const read = ['model', 'stream', 'stream_options', 'max_tokens', 'max_completion_tokens', 'temperature', 'top_p']
  const known = new Set([...own, ...read, 'seed', 'stop', 'response_format', ...withoutEffect])
  for (const [member, given] of Object.entries(body)) {
    if (known.has(member)) continue
    const same = fixed.get(member)?.includes(given) || (member === 'tools' && Array.isArray(given) && !given.length)
    if (!same) throw new ParameterFault(member.slice(0, 100), 'is not supported here', 'Leave it out')
  }
  const format = body['response_format']
  if (format !== undefined && !(isObject(format) && format['type'] === 'text'))
    throw new ParameterFault('response_format', 'is not {"type": "text"}', 'Leave it out')
  const isStream = flag(body, 'stream')
  const streamOptions = body['stream_options'] ?? {}
  if (!isObject(streamOptions)) throw new ParameterFault('stream_options', 'is not an object', 'Correct it')
  const unknown = Object.keys(streamOptions).find((one) => one !== 'include_usage')
  if (unknown !== undefined)
    throw new ParameterFault(`stream_options.${unknown.slice(0, 100)}`, 'is not supported here', 'Leave it out')
  const withUsage = flag(streamOptions, 'include_usage')
  const maximum = (name: string) =>
    number(body, name, 'a whole number from 1', (one) => Number.isSafeInteger(one) && one > 0)
  const [maximumOld, maximumNew] = [maximum('max_tokens'), maximum('max_completion_tokens')]
  return {
    body,
    isStream,
    withUsage: isStream && withUsage,
    options: {
      maximumNewTokens: maximumNew ?? maximumOld,
      temperature: number(body, 'temperature', 'a number from 0 to 2', (one) => one >= 0 && one <= 2),
      topP: number(body, 'top_p', 'a number above 0, at most 1', (one) => one > 0 && one <= 1),
      seed: number(body, 'seed', 'a whole number', Number.isSafeInteger),
      stop: stopOf(body['stop']),
    },
  }
}

function flag(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false
  if (typeof value === 'boolean') return value
  throw new ParameterFault(name, 'is neither true nor false', 'Correct it')
}

function number(body: JsonObject, name: string, range: string, isValid: (value: number) => boolean) {
  const value = body[name]
  if (value === undefined) return undefined
  if (typeof value === 'number' && isValid(value)) return value
  throw new ParameterFault(name, `is not ${range}`, 'Correct it')
}

function stopOf(value: Json | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const texts = Array.isArray(value) ? (value as readonly Json[]) : [value]
  // In characters, as a JSON Schema counts.
  const isText = (one: Json) => typeof one === 'string' && one !== '' && one.length <= 2000 && [...one].length <= 1000
  const isValid = texts.length <= 4 && texts.every(isText)
  if (!isValid) throw new ParameterFault('stop', 'is not a text or a list of up to 4 texts', 'Correct it')
  return texts.length === 0 ? undefined : (texts as readonly string[])
}

/** The prompts of a completion. */
export function promptsOf({ body, isStream }: GenerationRequest): readonly string[] {
  const { prompt } = body
  const prompts = Array.isArray(prompt) ? (prompt as readonly Json[]) : [prompt]
  if (prompts.length === 0 || !prompts.every((one) => typeof one === 'string'))
    throw new ParameterFault('prompt', 'is not a text or a list of texts', 'Send texts instead of tokens')
  if (isStream && prompts.length > 1)
    throw new ParameterFault('prompt', `has ${prompts.length} texts, but a stream answers one`, 'Send one text')
  return prompts as readonly string[]
}

/** The messages of a chat. Parts of a content are joined. */
export function messagesOf({ body: { messages } }: GenerationRequest): readonly ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0)
    throw new ParameterFault('messages', 'is not a list of messages', 'Send at least one message')
  return (messages as readonly Json[]).map((message, index) => {
    const at = `messages[${index}]`
    if (!isObject(message) || typeof message['role'] !== 'string')
      throw new ParameterFault(at, 'has no role', 'Correct it')
    const { role, content, name: given, ...others } = message
    const name = given ?? undefined
    const other = Object.entries(others).find(([, value]) => value !== null)
    if (other !== undefined)
      throw new ParameterFault(`${at}.${other[0].slice(0, 100)}`, 'is not supported here', 'Leave it out')
    if (name !== undefined && typeof name !== 'string')
      throw new ParameterFault(`${at}.name`, 'is not a text', 'Correct it')
    return { role, content: contentOf(content, `${at}.content`), ...(name !== undefined && { name }) }
  })
}

function contentOf(content: Json | undefined, at: string): string {
  if (typeof content === 'string') return content
  const parts = Array.isArray(content) ? (content as readonly Json[]) : []
  const texts = parts.map((part) => (isObject(part) && part['type'] === 'text' ? part['text'] : undefined))
  if (texts.length > 0 && texts.every((text) => typeof text === 'string')) return texts.join('')
  throw new ParameterFault(at, 'is not text', 'Send a text or parts of the type "text"')
}
