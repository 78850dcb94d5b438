// A language model that writes text, in a separate thread.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest'
import { callContext, isSheikhError, type Log } from '../../../src/core/index.js'
import { type GenerateOptions, type Model, readWeightsDirectory, type TextPart } from '../../../src/model/index.js'
import { generationContract } from '../../../src/testing/generation-contract.js'
import type { LoadContext } from '../../../src/trainer/index.js'
import { llamaTrainer } from '../../../src/trainer/tfjs/index.js'
import type { TextOutput } from '../../../src/trainer/tfjs/llama/llama-model.js'
import { itInFull } from '../../in-full.js'
import { isWhole } from '../../whole.js'
import { makeBase, tinyConfig } from '../llama/base.js'

let below: string
let directory: string
/** Threads that were started. The last one works: an idle thread takes the next model. */
const threads: Worker[] = []
let before = 0
const started = () => threads.length - before
const keep = (worker: Worker) => void threads.push(worker)
beforeAll(async () => {
  process.on('worker', keep)
  below = await mkdtemp(join(tmpdir(), 'sheikh-text-thread-'))
  ;({ directory } = await makeBase(below, { config: { ...tinyConfig, max_position_embeddings: 400 } }))
  const template = '{% for message in messages %}[{{ message.role }}] {{ message.content }}{% endfor %}'
  await writeFile(join(directory, 'chat_template.jinja'), template)
})
afterAll(async () => {
  process.off('worker', keep)
  await rm(below, { recursive: true, force: true })
})
beforeEach(() => {
  before = threads.length
})

async function load(thread: LoadContext['thread'] = 'own', answer: Omit<TextOutput, 'kind'> = {}) {
  const said: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (message) => void said.push(message) }
  const weights = await readWeightsDirectory(directory, callContext())
  const base = { directory, digest: weights.digest }
  const trainer = llamaTrainer({
    ...{ base, maximumLength: 400 },
    answer: { kind: 'text', maximumNewTokens: isWhole ? 100 : 24, temperature: 1.2, ...answer },
  })
  const model = await trainer.load(weights, { ...callContext({ log }), thread })
  if (thread === 'own') onTestFinished(() => model[Symbol.asyncDispose]())
  return { model, said, context: (signal?: AbortSignal) => callContext({ log, ...(signal && { signal }) }) }
}

async function textOf(parts: AsyncIterable<TextPart>, onPart: (part: TextPart) => void = () => {}) {
  let text = ''
  let end: TextPart['end']
  for await (const part of parts) {
    expect(end).toBeUndefined()
    text += part.text
    end = part.end
    onPart(part)
  }
  return { text, end }
}

const prompts = ['The quick brown fox', 'größer 👋🏽 日本', 'a', 'Numbers: 1 2 3 4 5 6 7 8 9 10', 'x y', 'z', '', '1 2']
const asked: readonly (readonly [string, GenerateOptions])[] = [
  ...prompts.map((prompt) => [prompt, {}] as const),
  ['a', { maximumNewTokens: 3 }],
  ['a', { seed: 7, temperature: 1.5, topP: 0.8 }],
  ['a', { temperature: 0, stop: ['e'] }],
]

itInFull('writes the same texts as on the caller’s thread, many at a time and beside predictions', async () => {
  const here = await load('caller')
  await using _ = here.model
  expect(started()).toBe(0)
  const there = await load()
  expect(threads).toHaveLength(1)
  const all = async (model: Model<string>) => {
    const predicted = model.predict(prompts, callContext())
    const texts = await Promise.all(
      asked.map(([prompt, options]) => textOf(model.generate!(prompt, options, callContext()))),
    )
    return { texts, predicted: await predicted }
  }
  const [ours, theirs] = [await all(here.model), await all(there.model)]
  expect(theirs).toEqual(ours)
  expect(theirs.texts.slice(0, prompts.length).map(({ text }) => ({ kind: 'text', text }))).toEqual(theirs.predicted)
  expect(there.model.digest).toBe(here.model.digest)
  const messages = [{ role: 'user', content: 'größer' }]
  const prompt = await there.model.chatPrompt!(messages)
  expect(prompt).toBe(await here.model.chatPrompt!(messages))
  const chat = { isChat: true, maximumNewTokens: 9 }
  expect(await textOf(there.model.generate!(prompt, chat, callContext()))).toEqual(
    await textOf(here.model.generate!(prompt, chat, callContext())),
  )
})

generationContract(it, async () => (await load('own', { maximumNewTokens: 40 })).model, { prompt: 'größer 👋🏽 日本' })

it('sends parts while it writes, and ends one that is aborted or left while the others go on', async () => {
  const { model, said, context } = await load()
  const whole = await textOf(model.generate!(prompts[0]!, {}, context()))
  const aborting = new AbortController()
  const reason = new Error('the client left')
  const other = textOf(model.generate!(prompts[0]!, {}, context()))
  let received = 0
  await expect(
    textOf(model.generate!(prompts[3]!, { maximumNewTokens: 300 }, context(aborting.signal)), () => {
      received += 1
      if (received === 3) aborting.abort(reason)
    }),
  ).rejects.toBe(reason)
  for await (const part of model.generate!(prompts[4]!, { maximumNewTokens: 300 }, context())) {
    expect(part.end).toBeUndefined()
    break
  }
  expect(await other).toEqual(whole)
  await expect(textOf(model.generate!('a', {}, context(AbortSignal.abort(reason))))).rejects.toBe(reason)
  expect([received, said]).toEqual([3, []])
  const count = threads.length
  await model[Symbol.asyncDispose]()
  // Nothing was left behind, so the thread takes the next model.
  const next = await load()
  expect([(await textOf(next.model.generate!(prompts[0]!, {}, context()))).text, threads.length]).toEqual([
    whole.text,
    count,
  ])
})

itInFull('writes on after its thread ended, to the same text', async () => {
  const { model, said, context } = await load()
  before = threads.length
  const expected = await Promise.all(
    prompts.slice(0, 4).map((prompt) => textOf(model.generate!(prompt, {}, context()))),
  )
  let parts = 0
  const written = await Promise.all(
    prompts.slice(0, 4).map((prompt) =>
      textOf(model.generate!(prompt, {}, context()), () => {
        parts += 1
        if (parts === 20) void threads.at(-1)!.terminate()
      }),
    ),
  )
  expect(written).toEqual(expected)
  expect([started(), said]).toEqual([1, ['The thread of the model ended. Another one is started.']])
})

itInFull('fails if the thread that replaces it ends too, and then answers again', async () => {
  const { model, context } = await load()
  before = threads.length
  const settled = await Promise.allSettled(
    prompts
      .slice(0, 3)
      .map((prompt) =>
        textOf(model.generate!(prompt, { maximumNewTokens: 300 }, context()), () => void threads.at(-1)!.terminate()),
      ),
  )
  for (const one of settled)
    expect(one.status === 'rejected' && isSheikhError(one.reason, 'stage-failed') && one.reason.retryable).toBe(true)
  expect(started()).toBe(1)
  expect((await textOf(model.generate!('a', { maximumNewTokens: 3 }, context()))).end).toEqual({
    reason: 'length',
    tokens: { prompt: expect.any(Number), answer: 3 },
  })
})

it('refuses a prompt with the error of the caller’s thread, and writes nothing after it is disposed', async () => {
  const { model, context } = await load()
  const long = await textOf(model.generate!('word '.repeat(500), {}, context())).catch((error: unknown) => error)
  expect(isSheikhError(long, 'dataset-invalid') && long.message).toContain('the maximum is 399')
  await model[Symbol.asyncDispose]()
  await expect(textOf(model.generate!('a', {}, context()))).rejects.toThrow('is disposed')
})
