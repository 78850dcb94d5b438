import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callContext, type Digest } from '../../../src/core/index.js'
import { type GenerateOptions, type Model, readWeightsDirectory, type TextPart } from '../../../src/model/index.js'
import { readChatTemplate } from '../../../src/prompts/index.js'
import { generationContract } from '../../../src/testing/generation-contract.js'
import type { TextOutput } from '../../../src/trainer/tfjs/llama/llama-model.js'
import { llamaTrainer } from '../../../src/trainer/tfjs/llama/llama-trainer.js'
import { itInFull } from '../../in-full.js'
import { releasedModel, serverOf } from '../../serve/fixture.js'
import { makeBase, tinyConfig } from './base.js'

let below: string
let directory: string
let digest: Digest
const chatTemplate = `{{ bos_token }}{% for message in messages %}
  {% if message.role == 'tool' %}{{ raise_exception('No tools here') }}{% endif %}
[{{ message.role }}] {{ message.content }}
{% endfor %}
{% if add_generation_prompt %}[assistant] {% endif %}`

beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-llama-'))
  ;({ directory } = await makeBase(below, { config: { ...tinyConfig, max_position_embeddings: 200 } }))
  await writeFile(join(directory, 'chat_template.jinja'), chatTemplate)
  ;({ digest } = await readWeightsDirectory(directory, callContext()))
})
afterAll(() => rm(below, { recursive: true, force: true }))

async function load(answer: Omit<TextOutput, 'kind'>): Promise<Model<string>> {
  const trainer = llamaTrainer({ base: { directory, digest }, answer: { kind: 'text', ...answer } })
  return trainer.load(await readWeightsDirectory(directory, callContext()), callContext())
}

async function partsOf(model: Model<string>, prompt: string, options: GenerateOptions = {}) {
  const parts: TextPart[] = []
  for await (const part of model.generate!(prompt, options, callContext())) parts.push(part)
  return parts
}

const textOf = (parts: readonly TextPart[]) => parts.map(({ text }) => text).join('')
const prompts = ['The quick brown fox', 'größer 👋🏽 日本', 'a', 'Numbers: 1 2 3 4 5 6 7 8 9 10', 'x y']

it('the parts add up to the prediction, alone and at the same time', async () => {
  await using model = await load({ maximumNewTokens: 24, temperature: 1.2, seed: 4 })
  const predictions = await model.predict(prompts, callContext())
  const texts = predictions.map((one) => (one.kind === 'text' ? one.text : ''))
  const together = await Promise.all(prompts.map((prompt) => partsOf(model, prompt)))
  expect(together.map(textOf)).toEqual(texts)
  expect(new Set(texts).size).toBe(prompts.length)
  expect(together.flat().length).toBeGreaterThan(8 * prompts.length)
  for (const [index, prompt] of prompts.entries()) {
    expect(await model.predict([prompt], callContext())).toEqual([predictions[index]])
    const parts = together[index]!
    expect(parts.length).toBeGreaterThan(1)
    expect(parts.slice(0, -1).every(({ text, end }) => text !== '' && end === undefined)).toBe(true)
    const { end } = parts.at(-1)!
    expect(end?.tokens?.prompt).toBeGreaterThan(1)
    if (end?.reason === 'length') expect(end.tokens?.answer).toBe(24)
    // No part ends within a character: each is its own UTF-8.
    for (const { text } of parts) expect(Buffer.from(text).toString()).toBe(text)
  }
})

it('honours the settings of a request', async () => {
  await using model = await load({ maximumNewTokens: 30 })
  const [greedy] = await model.predict([prompts[0]!], callContext())
  expect(textOf(await partsOf(model, prompts[0]!))).toBe(greedy?.kind === 'text' && greedy.text)
  const short = await partsOf(model, prompts[0]!, { maximumNewTokens: 3 })
  expect(short.at(-1)?.end).toMatchObject({ reason: 'length', tokens: { answer: 3 } })
  const hot = { temperature: 1.5, topP: 0.95, maximumNewTokens: 40 }
  const sampled = async (seed: number) => textOf(await partsOf(model, prompts[0]!, { ...hot, seed }))
  const text = await sampled(1)
  expect([await sampled(1), (await sampled(2)) === text]).toEqual([text, false])
  // A stop text that several tokens make up: nothing of it is sent.
  const stop = text.slice(10, 14)
  const stopped = await partsOf(model, prompts[0]!, { ...hot, seed: 1, stop: ['not in it', stop] })
  expect(textOf(stopped)).toBe(text.slice(0, text.indexOf(stop)).trimEnd())
  expect(stopped.at(-1)?.end?.reason).toBe('stop')
  await expect(partsOf(model, 'word '.repeat(300))).rejects.toThrow(/the prompt has \d+ tokens, but the maximum is 199/)
})

generationContract(it, () => load({ maximumNewTokens: 40, temperature: 1.2 }), { prompt: 'größer 👋🏽 日本' })

it('renders the chat template of the release, with its own first token', async () => {
  await using model = await load({ maximumNewTokens: 5 })
  const rendered = await model.chatPrompt!([
    { role: 'system', content: 'Be {{ brief }}.' },
    { role: 'user', content: 'Hi' },
  ])
  expect(rendered).toBe('<s>[system] Be {{ brief }}.\n[user] Hi\n[assistant] ')
  const [{ end }] = (await partsOf(model, rendered, { isChat: true })).slice(-1) as [TextPart]
  const [{ end: twice }] = (await partsOf(model, rendered)).slice(-1) as [TextPart]
  expect(twice!.tokens!.prompt - end!.tokens!.prompt).toBe(1)
  await expect(model.chatPrompt!([{ role: 'tool', content: 'x' }])).rejects.toThrow('No tools here')
})

it('reads a chat template in either place, with special tokens in either form', async () => {
  const folder = await mkdtemp(join(below, 'chat-'))
  expect(await readChatTemplate(folder)).toBeUndefined()
  const config = { bos_token: { content: '<b>' }, chat_template: [{ name: 'default', template: '{{ bos_token }}!' }] }
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
  expect(await (await readChatTemplate(folder))!([])).toBe('<b>!')
  await writeFile(
    join(folder, 'tokenizer_config.json'),
    JSON.stringify({ ...config, chat_template: '{{ eos_token }}' }),
  )
  await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify({ eos_token: '<e>' }))
  expect(await (await readChatTemplate(folder))!([])).toBe('<e>')
})

itInFull("answers OpenAI's client, streams at the same time", async () => {
  await using model = await load({ maximumNewTokens: 40, temperature: 1.2 })
  const bare = await releasedModel()
  const served = {
    ...bare,
    predict: (inputs: readonly string[]) => model.predict(inputs, callContext()),
    generate: (prompt: string, options?: GenerateOptions, parts = {}) =>
      model.generate!(prompt, options ?? {}, callContext(parts)),
    chatPrompt: model.chatPrompt!.bind(model),
  }
  const { url } = await serverOf({}, served)
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const ask = (content: string) => ({ model: 'model', messages: [{ role: 'user' as const, content }] })
  const whole = await Promise.all(prompts.map((prompt) => client.chat.completions.create(ask(prompt))))
  const streamed = await Promise.all(
    prompts.map(async (prompt) => {
      let text = ''
      let total: number | undefined
      for await (const { choices, usage } of await client.chat.completions.create({
        ...{ ...ask(prompt), stream: true, stream_options: { include_usage: true } },
      })) {
        text += choices[0]?.delta.content ?? ''
        total = usage?.total_tokens ?? total
      }
      return { text, total }
    }),
  )
  expect(streamed).toEqual(
    whole.map(({ choices, usage }) => ({ text: choices[0]?.message.content, total: usage?.total_tokens })),
  )
  await expect(client.chat.completions.create(ask('word '.repeat(300)))).rejects.toThrow(/422.*maximum is 199/)
})
