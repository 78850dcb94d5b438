import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import OpenAI, { type APIError } from 'openai'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ChatMessage, GenerateOptions, TextPart } from '../../src/model/index.js'
import type { ReleasedModel } from '../../src/releaser/index.js'
import type { Timer } from '../../src/serve/batcher.js'
import { toNodeListener } from '../../src/serve/index.js'
import { itInFull } from '../in-full.js'
import { handlerOf, handTimer, post, releasedModel, serverOf, settled, timedHandler } from './fixture.js'

/** A model that writes the words of its prompt, one a part. */
async function echoModel(between: (signal: AbortSignal, word: string) => Promise<void> = async () => {}) {
  const asked: (GenerateOptions & { readonly prompt: string })[] = []
  const ended: string[] = []
  const model: ReleasedModel<string> = {
    ...(await releasedModel(async (inputs) => inputs.map((text) => ({ kind: 'text', text })))),
    async *generate(prompt, options = {}, { signal = new AbortController().signal } = {}): AsyncGenerator<TextPart> {
      asked.push({ prompt, ...options })
      const words = prompt.match(/\S+\s*/g) ?? []
      const most = options.maximumNewTokens ?? words.length
      try {
        for (const [index, text] of words.slice(0, most).entries()) {
          await between(signal, text.trim())
          signal.throwIfAborted()
          const isLast = index === Math.min(most, words.length) - 1
          const reason = most < words.length ? 'length' : 'stop'
          yield {
            text,
            ...(isLast && { end: { reason, tokens: { prompt: words.length, answer: index + 1 } } as const }),
          }
        }
      } finally {
        ended.push(prompt)
      }
    },
    chatPrompt: async (messages: readonly ChatMessage[]) =>
      messages.map(({ role, content }) => `${role}: ${content}`).join(' '),
  }
  return { model, asked, ended }
}

const client = (url: string, apiKey = 'none') => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })

describe('the client of OpenAI', () => {
  it('completes, chats and lists the model', async () => {
    const { model, asked } = await echoModel()
    const { url } = await serverOf({ name: 'small', token: 'not-a-real-token' }, model)
    const openai = client(url, 'not-a-real-token')
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['small'])
    const completion = await openai.completions.create({ model: 'small', prompt: ['one two', 'drei'], max_tokens: 1 })
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^cmpl-/),
      object: 'text_completion',
      model: 'small',
      choices: [
        { index: 0, text: 'one ', finish_reason: 'length' },
        { index: 1, text: 'drei', finish_reason: 'stop' },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    })
    const chat = await openai.chat.completions.create({
      model: 'small',
      messages: [
        { role: 'system', content: '{{ 7 * 7 }}' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Hi ' },
            { type: 'text', text: '👋' },
          ],
        },
      ],
      ...{ temperature: 0.5, top_p: 0.9, seed: 3, stop: ['END'], max_completion_tokens: 9, n: 1, user: 'u' },
    })
    expect(chat.choices).toEqual([
      {
        index: 0,
        message: { role: 'assistant', content: 'system: {{ 7 * 7 }} user: Hi 👋', refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ])
    expect(asked.at(-1)).toEqual({
      prompt: 'system: {{ 7 * 7 }} user: Hi 👋',
      ...{ maximumNewTokens: 9, temperature: 0.5, topP: 0.9, seed: 3, stop: ['END'], isChat: true },
    })
  })

  it('streams', async () => {
    const { url } = await serverOf({}, (await echoModel()).model)
    const chat = await client(url).chat.completions.create({
      model: 'model',
      messages: [{ role: 'user', content: 'größer 👋🏽' }],
      ...{ stream: true, stream_options: { include_usage: true } },
    })
    const chunks = []
    for await (const chunk of chat) chunks.push(chunk)
    expect(chunks.map(({ choices }) => choices.map(({ delta, finish_reason }) => [delta, finish_reason]))).toEqual([
      [[{ role: 'assistant', content: 'user: ' }, null]],
      [[{ content: 'größer ' }, null]],
      [[{ content: '👋🏽' }, 'stop']],
      [],
    ])
    expect(chunks.map(({ usage }) => usage?.total_tokens)).toEqual([undefined, undefined, undefined, 6])
    const parts = []
    for await (const { choices } of await client(url).completions.create({
      ...{ model: 'model', prompt: 'one two', stream: true },
    }))
      parts.push(choices[0]?.text)
    expect(parts).toEqual(['one ', 'two'])
  })

  it('reports refusals in its own errors', async () => {
    const { url } = await serverOf({ token: 'right' }, (await echoModel()).model)
    const refused = async (body: object, apiKey = 'right', path = '/chat/completions') =>
      (client(url, apiKey).post(path, { body }) as Promise<unknown>).then(
        () => undefined,
        ({ status, code, param }: APIError) => [status, code, param],
      )
    const messages = [{ role: 'user', content: 'a' }]
    expect(await refused({ messages }, 'wrong')).toEqual([401, 'invalid_api_key', null])
    expect(await refused({ messages, model: 'other' })).toEqual([404, 'model_not_found', 'model'])
    for (const [param, value] of [
      ['n', 2],
      ['presence_penalty', 0.5],
      ['logit_bias', { 1: 1 }],
      ['tools', [{}]],
      ['response_format', { type: 'json_object' }],
      ['temperature', 3],
      ['top_p', 0],
      ['max_tokens', 0],
      ['stop', ['']],
      ['seed', 0.5],
      ['stream', 'yes'],
      ['constructor', 1],
    ] as const)
      expect(await refused({ messages, [param]: value })).toEqual([400, 'invalid-request', param])
    expect(await refused({})).toEqual([400, 'invalid-request', 'messages'])
    expect(await refused({ messages: [{ role: 'user', name: null, content: [{ type: 'image_url' }] }] })).toEqual([
      ...[400, 'invalid-request', 'messages[0].content'],
    ])
    expect(await refused({ prompt: [1, 2] }, 'right', '/completions')).toEqual([400, 'invalid-request', 'prompt'])
    expect(await refused({ messages, n: null, tools: [], logprobs: false })).toBeUndefined()
  })
})

it('ends the other answers of a request if one fails', async () => {
  const { model, ended } = await echoModel((signal, word) => {
    if (word === 'bad') throw new Error('the model is at fault')
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  })
  const { handler, said } = await handlerOf({}, model)
  const response = await handler(post('/v1/completions', { prompt: ['one', 'bad', 'two'] }))
  expect(response.status).toBe(500)
  await expect.poll(() => [...ended].sort()).toEqual(['bad', 'one', 'two'])
  expect(said).toHaveLength(1)
})

it('refuses texts beyond the queue, and takes others when one has ended', async () => {
  let release = () => {}
  const { model } = await echoModel((_, word) =>
    word === 'wait'
      ? new Promise<void>((resolve) => {
          release = resolve
        })
      : Promise.resolve(),
  )
  const { handler } = await handlerOf({ maximumQueue: 2, maximumInputs: 2 }, model)
  const complete = (prompt: readonly string[]) => handler(post('/v1/completions', { prompt }))
  const waiting = complete(['wait'])
  const refused = await complete(['one', 'two'])
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
  expect((await complete(['one'])).status).toBe(200)
  release()
  expect((await waiting).status).toBe(200)
  expect((await complete(['one', 'two'])).status).toBe(200)
})

describe('a model that predicts texts whole', () => {
  it('answers in one part, without settings and without counts', async () => {
    const model = await releasedModel(async (inputs) => inputs.map((text) => ({ kind: 'text', text: `${text}!` })))
    const { url } = await serverOf({}, model)
    const completion = await client(url).completions.create({ model: 'model', prompt: 'Hi' })
    expect([completion.choices[0]?.text, completion.usage]).toEqual(['Hi!', undefined])
    const parts = []
    for await (const { choices } of await client(url).completions.create({
      ...{ model: 'model', prompt: 'Hi', stream: true },
    }))
      parts.push(choices[0])
    expect(parts).toMatchObject([{ text: 'Hi!', finish_reason: 'stop' }])
    await expect(client(url).completions.create({ model: 'model', prompt: 'Hi', max_tokens: 3 })).rejects.toThrow(
      'sets "max_tokens"',
    )
    await expect(
      client(url).chat.completions.create({ model: 'model', messages: [{ role: 'user', content: 'Hi' }] }),
    ).rejects.toThrow('no chat template')
    const labels = await releasedModel(async (inputs) => inputs.map(() => ({ kind: 'label', label: 'spam' })))
    const { url: other } = await serverOf({}, labels)
    await expect(client(other).completions.create({ model: 'model', prompt: 'Hi' })).rejects.toThrow('predicts a label')
  })
})

describe('a stream', () => {
  const prompt = 'one two three'
  const ask = () => post('/v1/completions', { prompt, stream: true })

  it('ends the generation when the client leaves', async () => {
    const { model, ended } = await echoModel(
      (signal, word) =>
        new Promise((resolve) => {
          if (word === 'one') resolve()
          else signal.addEventListener('abort', () => resolve())
        }),
    )
    const { url } = await serverOf({}, model)
    const leaving = new AbortController()
    const stream = await client(url).completions.create(
      { model: 'model', prompt, stream: true },
      { signal: leaving.signal },
    )
    for await (const { choices } of stream) {
      expect(choices[0]?.text).toBe('one ')
      leaving.abort()
    }
    await expect.poll(() => ended).toEqual([prompt])
  })

  it('reads no further than its client, and ends a client that does not read', async () => {
    const { timer, move } = handTimer()
    const begun: string[] = []
    const { model, ended } = await echoModel(async (_, word) => void begun.push(word))
    const { handler, said } = await timedHandler(timer, { timeoutMs: 100 }, model)
    const response = await handler(ask())
    const reader = response.body!.getReader()
    await reader.read()
    await settled()
    expect([response.headers.get('content-type'), begun]).toEqual(['text/event-stream', ['one']])
    await move(99)
    expect(ended).toEqual([])
    await move(1)
    expect(ended).toEqual([prompt])
    expect(said).toEqual([])
  })

  it('leaves no timer behind if its client reads after the end', async () => {
    const { timer, move } = handTimer()
    let pending = 0
    const counted: Timer = {
      nowMs: timer.nowMs,
      after(delayMs, call) {
        pending += 1
        let isPending = true
        const done = () => {
          if (isPending) pending -= 1
          isPending = false
        }
        const cancel = timer.after(delayMs, () => {
          done()
          call()
        })
        return () => {
          done()
          cancel()
        }
      },
    }
    const { model } = await echoModel()
    const { handler } = await timedHandler(counted, { timeoutMs: 100 }, model)
    const response = await handler(ask())
    await move(100)
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    await settled()
    expect(pending).toBe(0)
  })

  it('limits the time of each part, not of all', async () => {
    const { timer, move } = handTimer()
    const open: (() => void)[] = []
    const { model } = await echoModel(
      (signal) =>
        new Promise((resolve) => {
          open.push(resolve)
          signal.addEventListener('abort', () => resolve())
        }),
    )
    const { handler } = await timedHandler(timer, { timeoutMs: 100 }, model)
    const answered = handler(ask())
    await settled()
    await move(90)
    open[0]!()
    const reader = (await answered).body!.getReader()
    const read = async () => new TextDecoder().decode((await reader.read()).value)
    expect(await read()).toContain('"one "')
    for (const word of ['two ', 'three']) {
      const next = read()
      await move(90)
      if (word === 'three') await move(10)
      else open.at(-1)!()
      expect(await next).toContain(word === 'three' ? '"prediction-timeout"' : `"${word}"`)
    }
    expect((await reader.read()).done).toBe(true)
  })

  it('reports an error of the model before and after its first part', async () => {
    for (const [failing, status, words] of [
      ['one', 500, '"server_error"'],
      ['two', 200, '"one "'],
    ] as const) {
      const { model } = await echoModel(async (_, word) => {
        if (word === failing) throw new Error('secret of the machine')
      })
      const { handler, said } = await handlerOf({}, model)
      const response = await handler(ask())
      const text = await response.text()
      expect([response.status, text]).toEqual([status, expect.stringContaining(words)])
      expect(text).toContain('prediction-failed')
      expect(text).not.toContain('[DONE]')
      expect(text).not.toContain('secret')
      expect(said.join()).toContain('secret of the machine')
    }
  })

  it('is waited for when the handler closes, and counted in the metrics', async () => {
    let open = () => {}
    const { model, ended } = await echoModel((_, word) =>
      word === 'one'
        ? Promise.resolve()
        : new Promise((resolve) => {
            open = resolve
          }),
    )
    const { handler } = await handlerOf({ metrics: true }, model)
    const response = await handler(post('/v1/completions', { prompt: 'one two', stream: true }))
    const text = response.text()
    await settled()
    const closing = handler.close()
    await settled()
    expect(ended).toEqual([])
    open()
    expect(await text).toContain('[DONE]')
    await closing
    expect(ended).toEqual(['one two'])
  })
})

describe('over sockets', () => {
  itInFull('a client that does not read holds the model back, and is disconnected', async () => {
    const model = await releasedModel(async () => [{ kind: 'text', text: '' }])
    let parts = 0
    let ended = false
    const endless: ReleasedModel<string> = {
      ...model,
      async *generate(): AsyncGenerator<TextPart> {
        try {
          for (;;) {
            parts += 1
            yield { text: 'x'.repeat(50_000) }
          }
        } finally {
          ended = true
        }
      },
    }
    const { server } = await serverOf({ timeoutMs: 1500 }, endless)
    const body = JSON.stringify({ prompt: 'a', stream: true })
    const socket = connect({ port: server.port, host: '127.0.0.1' })
    socket.pause()
    socket.on('error', () => {})
    socket.write(
      `POST /v1/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    await expect.poll(() => parts).toBeGreaterThan(10)
    let before = 0
    await expect
      .poll(
        () => {
          const isSteady = parts === before
          before = parts
          return isSteady
        },
        { interval: 100 },
      )
      .toBe(true)
    // What the buffers of the two sockets hold, far less than the 64 MB of 1,300 parts.
    expect(before).toBeLessThan(1300)
    await expect.poll(() => ended).toBe(true)
    socket.destroy()
  })

  it("a host's own handler around ours streams too", async () => {
    const open: (() => void)[] = []
    const { model } = await echoModel((_, word) =>
      word === 'one' ? Promise.resolve() : new Promise((resolve) => void open.push(resolve)),
    )
    const { handler } = await handlerOf({}, model)
    const server = createServer(toNodeListener(async (request) => handler(request))).listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const stream = await client(`http://127.0.0.1:${(server.address() as AddressInfo).port}`).completions.create({
      ...{ model: 'model', prompt: 'one two', stream: true },
    })
    const parts: string[] = []
    for await (const { choices } of stream) {
      parts.push(choices[0]!.text)
      // The second part is made after the first one has arrived.
      await expect.poll(() => open.length).toBe(1)
      open[0]!()
    }
    expect(parts).toEqual(['one ', 'two'])
  })
})

it('closes although a model goes on writing after its abort, and says so', async () => {
  const { model } = await echoModel((_, word) => (word === 'one' ? Promise.resolve() : new Promise(() => {})))
  const { timer, move } = handTimer()
  const { handler, said } = await timedHandler(timer, {}, model)
  const response = await handler(post('/v1/completions', { prompt: 'one two', stream: true }))
  const text = response.text()
  await settled()
  const closing = handler.close(0)
  await settled()
  await move(0)
  expect((await text).split('\n\n').at(-2)).toContain('the server stops')
  await move(1000)
  await closing
  expect(said).toEqual([expect.stringContaining('did not end within 1 s')])
})

it("answers Hugging Face's client", async () => {
  const { InferenceClient } = await import('@huggingface/inference')
  const { url } = await serverOf({}, (await echoModel()).model)
  const inference = new InferenceClient().endpoint(url)
  const chat = await inference.chatCompletion({ model: 'model', messages: [{ role: 'user', content: 'Hi' }] })
  expect(chat.choices[0]?.message.content).toBe('user: Hi')
  const parts: string[] = []
  for await (const { choices } of inference.chatCompletionStream({
    ...{ model: 'model', messages: [{ role: 'user', content: 'Hi' }] },
  }))
    parts.push(choices[0]?.delta.content ?? '')
  expect(parts).toEqual(['user: ', 'Hi'])
  expect(await inference.textGeneration({ inputs: 'one two' })).toMatchObject({ generated_text: 'one two' })
})
