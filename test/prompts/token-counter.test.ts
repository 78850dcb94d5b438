import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { checkQuality, countTokens, Dataset, memorySamples } from '../../src/dataset/index.js'
import { prompt, tokenCounter } from '../../src/prompts/index.js'
import { tinyLlama } from '../../src/repository/init/tiny-llama.js'

// One token per byte, and one that ends an answer.
const folder = await mkdtemp(join(tmpdir(), 'sheikh-counter-'))
afterAll(() => rm(folder, { recursive: true }))
for (const { path, text } of tinyLlama().files) await writeFile(join(folder, path.split('/').at(-1)!), text)
const chats = await mkdtemp(join(tmpdir(), 'sheikh-counter-'))
afterAll(() => rm(chats, { recursive: true }))
for (const { path, text } of tinyLlama().files) await writeFile(join(chats, path.split('/').at(-1)!), text)
await writeFile(
  join(chats, 'chat_template.jinja'),
  '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]',
)

const counter = tokenCounter(folder, 'models/base')
const bytes = (text: string) => Buffer.byteLength(text)
const datasetOf = (samples: readonly object[], input = 'text') =>
  new Dataset({ source: memorySamples(samples), input, target: 'label' } as never)

describe('countTokens', () => {
  const texts = ['', 'a', 'naïve 🚋', 'x'.repeat(50), 'a </s> b', '</s></s>', '\u202eabc\u0000', 'e\u0301 \ufeff']

  it('counts each prompt and answer as the tokenizer splits them, and names samples over the limit', async () => {
    const samples = texts.map((text, i) => ({ id: `s${i}`, text, label: 'ja' }))
    const counts = await countTokens(datasetOf(samples), counter, { maximumTokens: 20 })
    // The name of the end token in a text is this token, which is taken from the end of a prompt.
    const prompts = [0, 1, bytes('naïve 🚋'), 50, 5, 1, bytes('\u202eabc\u0000'), bytes('e\u0301 \ufeff')]
    expect(counts).toMatchObject({
      tokenizer: { name: 'models/base' },
      ...{ rows: 8, uncounted: 0, exceedingIds: ['s3'], limit: { maximumTokens: 20, exceeding: 1 } },
      prompt: { minimum: 0, median: 5, p95: 50, maximum: 50, total: prompts.reduce((sum, n) => sum + n, 0) },
      answer: { minimum: 3, median: 3, p95: 3, maximum: 3, total: 24 },
      sample: { minimum: 3, median: 8, p95: 53, maximum: 53, total: prompts.reduce((sum, n) => sum + n, 24) },
    })
    expect(counts.roles).toBeUndefined()
    expect(JSON.stringify(counts)).not.toContain('naïve')
  })

  it('counts what a template renders', async () => {
    await writeFile(join(folder, 'shout.txt'), '>>{{ text }}<<')
    const input = prompt('shout.txt', { directory: folder })
    const dataset = new Dataset({
      source: memorySamples([{ id: 'a', text: 'hey', label: 'x' }]),
      input,
      target: 'label',
    })
    expect((await countTokens(dataset, counter)).prompt.total).toBe(7)
  })

  it('counts a conversation as the chat template of the model writes it, with its messages by role', async () => {
    const text = [
      { role: 'user', content: 'hey' },
      { role: 'private name', content: 'you' },
      { role: 'user', content: 'there' },
    ]
    const dataset = datasetOf([{ id: 'a', text, label: 'x' }])
    const counts = await countTokens(dataset, tokenCounter(chats))
    expect(counts.prompt.total).toBe(bytes('[user]hey[private name]you[user]there[assistant]'))
    expect(counts.roles).toEqual({ other: { messages: 1, tokens: 3 }, user: { messages: 2, tokens: 8 } })
    expect(await countTokens(dataset, counter)).toMatchObject({ rows: 0, uncounted: 1 })
  })

  it('counts no path of a file that the sample names', async () => {
    await writeFile(join(folder, 'cat.txt'), 'a cat')
    const samples = [
      { id: 'a', text: 'cat.txt', label: 'x' },
      { id: 'b', text: 'cat.txt', label: 'y' },
    ]
    const dataset = new Dataset({
      ...{ source: memorySamples(samples), input: 'text', target: 'label' },
      files: { directory: folder, fields: ['text'] },
    })
    expect(await countTokens(dataset, counter)).toMatchObject({ rows: 0, uncounted: 2 })
    const tokenLimit = { counter, maximumTokens: 2 }
    const { findings, tokens } = await checkQuality(dataset, { evaluation: 'none', tokenLimit })
    expect(findings.filter(({ kind }) => kind === 'token-limit')).toEqual([])
    expect(tokens).toMatchObject({ rows: 0, uncounted: 2 })
  })

  it('counts no other input, and says how many there are', async () => {
    const samples = [5, { a: 1 }, [], ['a'], 'text'].map((text, i) => ({ id: `${i}`, text, label: 'x' }))
    expect(await countTokens(datasetOf(samples), tokenCounter(chats))).toMatchObject({ rows: 1, uncounted: 4 })
  })

  it('ends at an abort', async () => {
    const controller = new AbortController()
    const samples = Array.from({ length: 50 }, (_, i) => ({ id: `${i}`, text: `word ${i} `.repeat(500), label: 'x' }))
    const context = { ...callContext({ signal: controller.signal }) }
    const counting = countTokens(datasetOf(samples), counter, {}, context)
    setImmediate(() => controller.abort(new Error('enough')))
    await expect(counting).rejects.toThrow('enough')
  })

  it('refuses a limit that is none, and a tokenizer that is not there', async () => {
    const dataset = datasetOf([{ id: 'a', text: 'x', label: 'y' }])
    for (const maximumTokens of [0, -1, 1.5, Number.NaN])
      await expect(countTokens(dataset, counter, { maximumTokens })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(countTokens(dataset, tokenCounter(join(folder, 'none')))).rejects.toMatchObject({
      code: 'artifact-corrupt',
    })
  })

  it('has another digest when a file of the tokenizer changes', async () => {
    const before = await tokenCounter(chats).digest(callContext())
    await writeFile(join(chats, 'chat_template.jinja'), 'other')
    expect(await tokenCounter(chats).digest(callContext())).not.toBe(before)
    expect(await tokenCounter(folder, 'elsewhere').digest(callContext())).toBe(await counter.digest(callContext()))
  })
})

describe('checkQuality with a counter', () => {
  const samples = Array.from({ length: 10 }, (_, i) => ({
    ...{ id: `s${i}`, text: `${i} is number ${'x'.repeat(10 * i)}`, label: i % 2 === 0 ? 'even' : 'odd' },
  }))
  const check = (tokenLimit: object | 'off') =>
    checkQuality(datasetOf(samples), { evaluation: 'none', balance: 'off', tokenLimit } as never)

  it('makes one finding of all samples over the limit, which may fail', async () => {
    const report = await check({ action: 'fail', maximumTokens: 80, counter })
    expect(report).toMatchObject({ status: 'fail', tokens: { rows: 10, limit: { exceeding: 3 } } })
    const { text, label } = samples[9]!
    expect(report.findings.filter(({ kind }) => kind === 'token-limit')).toMatchObject([
      { severity: 'fail', ids: ['s7', 's8', 's9'], maximumTokens: 80, tokens: bytes(text) + bytes(label) + 1 },
    ])
  })

  it('counts without a limit, and not at all if it is off or has no tokenizer', async () => {
    expect(await check({ counter })).toMatchObject({ findings: [], tokens: { rows: 10 } })
    expect((await check({ action: 'off', counter, maximumTokens: 1 })).tokens).toBeUndefined()
    expect((await check({})).tokens).toBeUndefined()
  })
})
