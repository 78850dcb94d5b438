import type { Json } from '../../core/index.js'
import type { GenerateOptions, GenerationEnd, TextPart } from '../../model/index.js'
import { Fault } from '../fault.js'
import { inJson } from '../operation.js'
import type { Answer, Call, Protocol, Served } from '../protocol.js'
import { type GenerationRequest, generationRequest, messagesOf, ParameterFault, promptsOf } from './openai-request.js'
import {
  chatChunk,
  chatCompletion,
  chatRequest,
  completionChunk,
  completionRequest,
  completions,
  models,
  refusalSchema,
  streamable,
} from './openai-schema.js'

/**
 * Completions and chat completions as OpenAI has them, complete or as server-sent events.
 * https://platform.openai.com/docs/api-reference/chat and https://platform.openai.com/docs/api-reference/completions
 */
export const openAi = (served: Served): Protocol => {
  const { name, loadedAtMs, generate, chatPrompt } = served
  return {
    name: 'openai',
    refusal: { body: errorBody, schema: refusalSchema },
    routes: [
      {
        method: 'POST',
        path: '/v1/completions',
        operation: () => ({
          id: 'complete',
          kinds: ['text'],
          description: 'A stream answers one prompt. A prompt with too many tokens is refused with 422.',
          request: completionRequest(served),
          answers: { 200: streamable('The answers, complete or as events.', completions, completionChunk) },
        }),
        async answer(call) {
          const request = generationRequest(call.body, name, ['prompt'])
          const prompts = promptsOf(request)
          if (prompts.length > served.limits.maximumInputs)
            throw new ParameterFault(
              'prompt',
              `has ${prompts.length} texts, but the maximum is ${served.limits.maximumInputs}`,
              'Send fewer texts',
            )
          return respond(call, request, completion, prompts, request.options)
        },
      },
      {
        method: 'POST',
        path: '/v1/chat/completions',
        operation: () => ({
          id: 'chat',
          // Without a template, no kind of model has them.
          kinds: served.canChat ? ['text'] : [],
          description:
            'The chat template of the release may refuse a conversation with 422, such as one with an unknown role.',
          request: chatRequest(served),
          answers: { 200: streamable('The answer, complete or as events.', chatCompletion, chatChunk) },
        }),
        async answer(call) {
          const request = generationRequest(call.body, name, ['messages'])
          const prompt = await chatPrompt(messagesOf(request))
          return respond(call, request, chat, [prompt], { ...request.options, isChat: true })
        },
      },
      {
        method: 'GET',
        path: '/v1/models',
        operation: () => ({ id: 'models', answers: { 200: inJson('The model that the server has.', models) } }),
        answer: async () => ({
          json: {
            object: 'list',
            data: [{ id: name, object: 'model', created: Math.floor(loadedAtMs / 1000), owned_by: 'sheikh' }],
          },
        }),
      },
    ],
  }

  async function respond(
    call: Call,
    { isStream, withUsage }: GenerationRequest,
    shape: Shape,
    prompts: readonly Json[],
    options: GenerateOptions,
  ): Promise<Answer> {
    const { id, remember } = call
    const head = { id: `${shape.prefix}-${id}`, created: Math.floor(served.nowMs() / 1000), model: name }
    if (!isStream) {
      // If one prompt fails, the others end too: nobody waits for them.
      const ending = new AbortController()
      const both = { ...call, signal: AbortSignal.any([call.signal, ending.signal]) }
      const texts = await Promise.all(prompts.map((prompt) => whole(generate(prompt, options, both)))).finally(() =>
        ending.abort(),
      )
      remember(
        prompts,
        texts.map(({ text }) => ({ kind: 'text', text })),
      )
      const choices = texts.map(({ text, end }, index) => ({
        index,
        ...shape.choice(text),
        logprobs: null,
        finish_reason: end.reason,
      }))
      return { json: { ...head, object: shape.object, choices, ...usageOf(texts.map(({ end }) => end)) } }
    }
    const event = (choices: readonly object[], usage?: object) =>
      `data: ${JSON.stringify({ ...head, object: shape.chunk, choices, ...(withUsage && { usage: null, ...usage }) })}\n\n`
    async function* events(): AsyncGenerator<string, void> {
      let begins = true
      let said = ''
      for await (const { text, end } of generate(prompts[0]!, options, call)) {
        const choice = { index: 0, ...shape.delta(text, begins), logprobs: null, finish_reason: end?.reason ?? null }
        yield event([choice])
        begins = false
        said += text
        if (end !== undefined && withUsage) yield event([], usageOf([end]))
      }
      remember(prompts, [{ kind: 'text', text: said }])
      yield 'data: [DONE]\n\n'
    }
    const failed = (fault: Fault) => `data: ${JSON.stringify(errorBody(fault))}\n\n`
    return { parts: events(), type: 'text/event-stream', failed }
  }
}

/** What completions and chats write differently. */
interface Shape {
  readonly prefix: string
  readonly object: string
  readonly chunk: string
  readonly choice: (text: string) => object
  readonly delta: (text: string, begins: boolean) => object
}

const completion: Shape = {
  prefix: 'cmpl',
  object: 'text_completion',
  chunk: 'text_completion',
  choice: (text) => ({ text }),
  delta: (text) => ({ text }),
}

const chat: Shape = {
  prefix: 'chatcmpl',
  object: 'chat.completion',
  chunk: 'chat.completion.chunk',
  choice: (content) => ({ message: { role: 'assistant', content, refusal: null } }),
  delta: (content, begins) => ({ delta: { ...(begins && { role: 'assistant' }), content } }),
}

async function whole(parts: AsyncIterable<TextPart>): Promise<{ readonly text: string; readonly end: GenerationEnd }> {
  let text = ''
  let end: GenerationEnd | undefined
  for await (const part of parts) {
    text += part.text
    end = part.end
  }
  if (end === undefined)
    throw new Fault(
      'prediction-failed',
      'Cannot generate: the model did not end its answer. See the log of the server.',
    )
  return { text, end }
}

/** The numbers of tokens of all answers. Nothing for a model without tokens. */
function usageOf(ends: readonly GenerationEnd[]): { readonly usage?: object } {
  if (ends.some(({ tokens }) => tokens === undefined)) return {}
  const sum = (part: 'prompt' | 'answer') => ends.reduce((total, { tokens }) => total + tokens![part], 0)
  const [prompt, answer] = [sum('prompt'), sum('answer')]
  return { usage: { prompt_tokens: prompt, completion_tokens: answer, total_tokens: prompt + answer } }
}

function errorBody(fault: Fault): Json {
  const { message, code, status } = fault
  const type = status < 500 ? 'invalid_request_error' : 'server_error'
  const names: Readonly<Record<string, string>> = { unauthorized: 'invalid_api_key', overloaded: 'rate_limit_exceeded' }
  const param = fault instanceof ParameterFault ? fault.param : null
  const known = param === 'model' ? 'model_not_found' : (names[code] ?? code)
  return { error: { message, type, param, code: known } }
}
