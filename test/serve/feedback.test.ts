import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { type FeedbackEntry, type FeedbackStore, memoryFeedback } from '../../src/feedback/index.js'
import type { ReleasedModel } from '../../src/releaser/index.js'
import { systemTimer, type Timer } from '../../src/serve/batcher.js'
import { createAnswerLog } from '../../src/serve/feedback/answer-log.js'
import { openHandler } from '../../src/serve/handler.js'
import type { HandlerSettings, ServeFeedback } from '../../src/serve/index.js'
import { handlerOf, handTimer, post, releasedModel, timedHandler, warnings } from './fixture.js'

/** What is due at once happens. What is due later happens when a test moves the time. */
function laterByHand() {
  const { timer: byHand, move } = handTimer()
  const timer: Timer = {
    nowMs: byHand.nowMs,
    after: (delayMs, call) => (delayMs <= 0 ? systemTimer : byHand).after(delayMs, call),
  }
  return { timer, move }
}

it('writes an answer that comes between two writes', async () => {
  const { timer, move } = laterByHand()
  const store = memoryFeedback()
  const release = (await labelModel()).release
  const request = { path: '/', header: () => undefined }
  const answer = (id: string) =>
    log.remember({ id, request, inputs: ['a'], predictions: [{ kind: 'label', label: 'apple' }], release })
  let written = 0
  const log = createAnswerLog({
    options: { store },
    limits: { flushMs: 10, maximumWaiting: 10 },
    onOutcome() {
      written += 1
      // When nothing more waits, and the write has not ended yet.
      if (written === 1) queueMicrotask(() => answer('second'))
    },
    ...{ context, timer },
  })
  answer('first')
  await move(10)
  await move(10)
  expect((await entriesOf(store)).map(({ id }) => id)).toEqual(['first/0', 'second/0'])
})

type Handler = (request: Request) => Promise<Response>

const context = callContext()

async function entriesOf(store: FeedbackStore): Promise<readonly FeedbackEntry[]> {
  const entries: FeedbackEntry[] = []
  for await (const entry of store.read({}, context)) entries.push(entry)
  return entries
}

const labels = { probabilities: { apple: 0.75, banana: 0.25 } }
const labelModel = () =>
  releasedModel(async (inputs) => inputs.map(() => ({ kind: 'label', label: 'apple', ...labels })))

async function serving(
  feedback: Partial<ServeFeedback> = {},
  settings: HandlerSettings<string> = {},
  model?: ReleasedModel<string>,
) {
  const store = feedback.store ?? memoryFeedback()
  const served = await handlerOf(
    { ...settings, feedback: { flushMs: 0, ...feedback, store } },
    model ?? (await labelModel()),
  )
  return { ...served, store }
}

async function ask(handler: Handler, inputs: readonly string[] = ['a'], headers = {}): Promise<string> {
  const response = await handler(post('/v1/predict', { inputs }, headers))
  expect(response.status).toBe(200)
  return response.headers.get('sheikh-prediction')!
}

async function tell(handler: Handler, body: object, headers = {}) {
  const response = await handler(post('/v1/feedback', body, headers))
  const json = (await response.json()) as { id: string; status: string; error: { code: string; message: string } }
  return { status: response.status, headers: response.headers, json }
}

describe('answers', () => {
  it('are kept with their input and release, whichever protocol asks, and nothing of the request besides', async () => {
    const { handler, store } = await serving({}, { token: 'not-a-real-token' })
    const headers = { authorization: 'Bearer not-a-real-token', 'x-forwarded-for': '192.0.2.7' }
    const id = await ask(handler, ['one', 'two'], headers)
    await handler(post('/', { inputs: 'three' }, headers))
    await handler(post('/v1/classify', { input: 'four' }, headers))
    await handler(post('/invocations', { inputs: ['five'] }, headers))
    const tensor = { name: 'text', shape: [1], datatype: 'BYTES', data: ['six'] }
    await handler(post('/v2/models/model/infer', { inputs: [tensor] }, headers))
    await handler.close()
    const entries = await entriesOf(store)
    expect(entries.map((entry) => entry.kind === 'prediction' && entry.input)).toEqual([
      'one',
      'two',
      'three',
      'four',
      'five',
      'six',
    ])
    const { version, bundle } = handler.release
    expect(entries[1]).toMatchObject({
      kind: 'prediction',
      id: `${id}/1`,
      release: { version, bundle },
      prediction: { kind: 'label', label: 'apple', ...labels },
    })
    expect(JSON.stringify(entries)).not.toMatch(/not-a-real-token|192\.0\.2\.7/)
  })

  it('of a language model are kept when they are complete, streamed ones too', async () => {
    const model = await releasedModel(async (inputs) => inputs.map((input) => ({ kind: 'text', text: `${input}!` })))
    const { handler, store } = await serving({}, {}, model)
    await (await handler(post('/v1/completions', { model: 'model', prompt: ['one', 'two'] }))).text()
    await (await handler(post('/v1/completions', { model: 'model', prompt: 'three', stream: true }))).text()
    await handler.close()
    expect(
      (await entriesOf(store)).map((entry) => entry.kind === 'prediction' && [entry.input, entry.prediction]),
    ).toEqual(['one', 'two', 'three'].map((input) => [input, { kind: 'text', text: `${input}!` }]))
  })

  it('that a client did not get are not kept', async () => {
    const model = await releasedModel(async (inputs) => inputs.map(() => ({ kind: 'number', value: 1 })))
    const { handler, store } = await serving({}, {}, model)
    expect((await handler(post('/v1/classify', { input: 'a' }))).status).toBe(422)
    await handler.close()
    expect(await entriesOf(store)).toEqual([])
  })

  it('are kept only with consent, and redacted', async () => {
    const { handler, store } = await serving({
      consent: ({ path, header }) => path === '/v1/predict' && header('x-consent') === 'yes',
      redact: (value, part) => `${part}: ${String(value).replace(/\d/g, '#')}`,
    })
    const without = await ask(handler, ['card 1234'])
    const id = await ask(handler, ['card 1234'], { 'x-consent': 'yes' })
    expect((await tell(handler, { prediction: without, thumb: 'up' })).status).toBe(404)
    expect((await tell(handler, { prediction: id, text: 'call me: 555' })).status).toBe(200)
    expect(await entriesOf(store)).toMatchObject([
      { id: `${id}/0`, input: 'input: card ####' },
      { content: { kind: 'text', text: 'text: call me: ###' } },
    ])
  })

  it('are redacted if they are texts, and so are corrections of them', async () => {
    const model = await releasedModel(async (inputs) => inputs.map((input) => ({ kind: 'text', text: `${input}!` })))
    const redact: ServeFeedback['redact'] = (value) => String(value).replace(/\d/g, '#')
    const { handler, store } = await serving({ redact }, {}, model)
    const id = await ask(handler, ['card 1234'])
    expect((await tell(handler, { prediction: id, correction: 'card 99' })).status).toBe(200)
    expect(await entriesOf(store)).toMatchObject([
      { input: 'card ####', prediction: { kind: 'text', text: 'card ####!' } },
      { content: { kind: 'correction', target: 'card ##' } },
    ])
  })

  it.each<[string, Partial<ServeFeedback>]>([
    [
      'consent',
      {
        consent: () => {
          throw new Error('no session')
        },
      },
    ],
    ['consent', { consent: (() => Promise.resolve(true)) as never }],
    [
      'redact',
      {
        redact: () => {
          throw new Error('no words')
        },
      },
    ],
    ['redact', { redact: (() => Promise.resolve('x')) as never }],
  ])('are given and not kept if the function "%s" fails or answers later', async (_, feedback) => {
    const { handler, store } = await serving(feedback)
    const id = await ask(handler)
    await ask(handler)
    expect((await tell(handler, { prediction: id, thumb: 'up' })).status).toBe(404)
    await handler.close()
    expect(await entriesOf(store)).toEqual([])
  })

  it('are written together, later, and at the latest when the server closes', async () => {
    const store = memoryFeedback()
    const { timer, move } = laterByHand()
    const model = await labelModel()
    const { handler } = await timedHandler(timer, { feedback: { store, flushMs: 500 } }, model)
    await ask(handler, ['one'])
    await move(499)
    expect(await entriesOf(store)).toEqual([])
    await ask(handler, ['two'])
    await move(1)
    expect(await entriesOf(store)).toHaveLength(2)
    await ask(handler, ['three'])
    await handler.close()
    expect(await entriesOf(store)).toHaveLength(3)
  })

  it('are given although the disk is full: counted, logged once, and written when there is space', async () => {
    const inner = memoryFeedback()
    let isFull = true
    const store: FeedbackStore = {
      ...inner,
      async append(entries, within) {
        if (isFull) throw new SheikhError('storage-failed', 'Cannot append to "a" (ENOSPC).', { retryable: true })
        return inner.append(entries, within)
      },
    }
    const { timer, move } = laterByHand()
    const { handler, said } = await timedHandler(
      timer,
      { metrics: true, feedback: { store, flushMs: 10, maximumWaiting: 3 } },
      await labelModel(),
    )
    const id = await ask(handler, ['one'])
    await move(10)
    await ask(handler, ['two', 'three'])
    for (let round = 0; round < 5; round += 1) await ask(handler, ['four'])
    await move(5000)
    const refused = await tell(handler, { prediction: id, thumb: 'up' })
    expect([refused.status, refused.json.error.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'not-kept',
      '10',
    ])
    expect(said.filter((text) => text.startsWith('Cannot write answers for feedback'))).toHaveLength(1)
    expect(said.filter((text) => text.startsWith('Cannot keep answers for feedback: 3 answers wait'))).toHaveLength(1)
    isFull = false
    expect((await tell(handler, { prediction: id, thumb: 'up' })).status).toBe(200)
    expect(await entriesOf(inner)).toHaveLength(4)
    const metrics = await (await handler(new Request('http://localhost/metrics'))).text()
    for (const line of [
      'sheikh_kept_answers_total{outcome="kept"} 3',
      'sheikh_kept_answers_total{outcome="dropped"} 5',
      'sheikh_feedback_total{kind="thumb",outcome="added"} 1',
      'sheikh_feedback_total{kind="thumb",outcome="refused"} 1',
    ])
      expect(metrics.split('\n')).toContain(line)
  })

  it('that are lost when the server closes are counted in the log', async () => {
    const store = { ...memoryFeedback(), append: () => Promise.reject(new Error('gone')) }
    const { handler, said } = await serving({ store })
    await ask(handler, ['one', 'two'])
    await handler.close()
    expect(said.join('\n')).toContain('2 answers were not kept for feedback')
  })
})

describe('POST /v1/feedback', () => {
  it('is there only if asked for, in /openapi.json too', async () => {
    const { handler } = await handlerOf({}, await labelModel())
    expect((await tell(handler, { prediction: 'x', thumb: 'up' })).status).toBe(404)
    const pathsOf = async (one: Handler) =>
      Object.keys(((await (await one(new Request('http://localhost/openapi.json'))).json()) as { paths: object }).paths)
    expect(await pathsOf(handler)).not.toContain('/v1/feedback')
    expect(await pathsOf((await serving()).handler)).toContain('/v1/feedback')
  })

  it.each([
    [{ thumb: 'up' }, { kind: 'thumb', isUp: true }],
    [{ thumb: 'down' }, { kind: 'thumb', isUp: false }],
    [{ correction: 'banana' }, { kind: 'correction', target: 'banana' }],
    [{ rating: 0 }, { kind: 'rating', score: 0 }],
    [{ text: 'wrong\u0000\ud800 "; --' }, { kind: 'text', text: 'wrong\u0000\ud800 "; --' }],
  ])('keeps %j after the answer that it is about', async (said, content) => {
    const { handler, store } = await serving({ flushMs: 60_000 })
    const id = await ask(handler, ['one', 'two'])
    const { status, json } = await tell(handler, { prediction: id, index: 1, ...said })
    expect([status, json.status]).toEqual([200, 'added'])
    const entries = await entriesOf(store)
    expect(entries.map(({ kind }) => kind)).toEqual(['prediction', 'prediction', 'feedback'])
    expect(entries[2]).toMatchObject({ id: json.id, prediction: `${id}/1`, content })
  })

  it.each([
    [{ thumb: 'sideways' }, '/thumb'],
    [{ thumb: 'up', rating: 1 }, 'oneOf'],
    [{}, 'oneOf'],
    [{ rating: 1.5 }, '/rating'],
    [{ text: '' }, '/text'],
    [{ text: 'x'.repeat(10_001) }, '/text'],
    [{ thumb: 'up', id: 'a b' }, '/id'],
    [{ thumb: 'up', id: 'a\u0000' }, '/id'],
    [{ thumb: 'up', index: -1 }, '/index'],
    [{ thumb: 'up', other: 1 }, 'other'],
    [{ correction: ['apple'] }, '/correction'],
    [{ correction: 'pear' }, 'the release has no label "pear". Its labels: apple, banana'],
    [{ correction: '__proto__' }, 'no label'],
    [{ correction: 7 }, 'the correction must be a string'],
  ])('refuses %j', async (said, words) => {
    const { handler, store } = await serving()
    const id = await ask(handler)
    const { status, json } = await tell(handler, { prediction: id, ...said })
    expect([status, json.error.code]).toEqual([422, 'invalid-input'])
    if (words !== 'oneOf') expect(json.error.message).toContain(words)
    await handler.close()
    expect(await entriesOf(store)).toHaveLength(1)
  })

  it('answers 404 to feedback for an id that never was, for an index too far, and for an erased answer', async () => {
    const { handler, store } = await serving()
    const id = await ask(handler)
    await tell(handler, { prediction: id, thumb: 'up' })
    await store.erase([`${id}/0`], context)
    for (const body of [
      { prediction: id },
      { prediction: id, index: 1 },
      { prediction: '../x' },
      { prediction: '\u0000' },
    ]) {
      const { status, json } = await tell(handler, { ...body, thumb: 'up' })
      expect([status, json.error.code]).toEqual([404, 'not-found'])
      expect(json.error.message).toContain('no answer with this id and index is kept')
    }
  })

  it('takes numbers and texts as corrections of numbers and texts, and none of a vector', async () => {
    const predicting = async (prediction: never) =>
      (await serving({}, {}, await releasedModel(async (inputs) => inputs.map(() => prediction)))).handler
    const number = await predicting({ kind: 'number', value: 1 } as never)
    expect((await tell(number, { prediction: await ask(number), correction: 2.5 })).status).toBe(200)
    expect((await tell(number, { prediction: await ask(number), correction: '2.5' })).status).toBe(422)
    const text = await predicting({ kind: 'text', text: 'a' } as never)
    expect((await tell(text, { prediction: await ask(text), correction: 'b' })).status).toBe(200)
    const vector = await predicting({ kind: 'vector', values: [1] } as never)
    expect((await tell(vector, { prediction: await ask(vector), correction: 'b' })).status).toBe(422)
    expect((await tell(vector, { prediction: await ask(vector), rating: 1 })).status).toBe(200)
  })

  it('adds an id of a source once, and lets nobody use up the ids of others or of answers', async () => {
    const { handler, store } = await serving()
    const id = await ask(handler)
    const say = (source: string, own: string) => tell(handler, { prediction: id, thumb: 'up', id: own, source })
    expect((await say('alice', 'f1')).json.status).toBe('added')
    expect((await say('alice', 'f1')).json.status).toBe('known')
    expect((await say('bob', 'f1')).json.status).toBe('added')
    expect((await say('bob', `${id}/0`)).json.status).toBe('added')
    expect(await entriesOf(store)).toHaveLength(4)
  })

  it('names sources by pseudonyms of the store: the token, with the source that the client names', async () => {
    const { handler, store } = await serving({}, { token: ['one-token', 'other-token'] })
    const id = await ask(handler, ['a'], { authorization: 'Bearer one-token' })
    for (const [token, source] of [
      ['one-token', 'alice'],
      ['one-token', 'alice'],
      ['one-token', 'bob'],
      ['other-token', 'alice'],
      ['other-token', undefined],
    ] as const)
      await tell(handler, { prediction: id, thumb: 'up', source }, { authorization: `Bearer ${token}` })
    const sources = (await entriesOf(store)).flatMap((entry) => (entry.kind === 'feedback' ? [entry.source] : []))
    expect(sources[1]).toBe(sources[0])
    expect(new Set(sources).size).toBe(4)
    for (const source of sources) expect(source).toMatch(/^[0-9a-f]{32}$/)
    expect((await tell(handler, { prediction: id, thumb: 'up' })).status).toBe(401)
  })

  it('lets the host say who sends, and then no body', async () => {
    const { handler, store } = await serving({ source: ({ header }) => header('x-user') })
    const id = await ask(handler)
    for (const user of ['alice', 'bob', 'alice'])
      await tell(handler, { prediction: id, thumb: 'up' }, { 'x-user': user })
    const sources = (await entriesOf(store)).flatMap((entry) => (entry.kind === 'feedback' ? [entry.source] : []))
    expect(sources[2]).toBe(sources[0])
    expect(new Set(sources).size).toBe(2)
    const named = await tell(handler, { prediction: id, thumb: 'up', source: 'alice' })
    expect([named.status, named.json.error.message]).toEqual([422, expect.stringContaining('a body cannot name it')])
  })

  it('limits a source and all sources per hour, refused feedback included, whatever the clock of the day says', async () => {
    const { timer, move } = laterByHand()
    const { log } = warnings()
    let nowMs = 1_700_000_000_000
    const feedback = { store: memoryFeedback(), maximumPerSource: 3, maximumInTotal: 5 }
    const handler = await openHandler(
      { model: await labelModel(), smokeInputs: [], feedback },
      callContext({ log, clock: { nowMs: () => nowMs } }),
      timer,
    )
    onTestFinished(() => handler.close(0))
    const id = await ask(handler)
    const say = (source: string, prediction = id) => tell(handler, { prediction, thumb: 'up', source })
    expect([(await say('flood')).status, (await say('flood', 'nobody')).status, (await say('flood')).status]).toEqual([
      200, 404, 200,
    ])
    const refused = await say('flood')
    expect([refused.status, refused.json.error.code, refused.headers.get('retry-after')]).toEqual([
      429,
      'overloaded',
      '3600',
    ])
    nowMs += 10 * 365 * 24 * 60 * 60 * 1000
    expect((await say('flood')).status).toBe(429)
    nowMs = 0
    expect([(await say('alice')).status, (await say('bob')).status, (await say('carol')).status]).toEqual([
      200, 200, 429,
    ])
    await move(60 * 60 * 1000)
    expect((await say('flood')).status).toBe(200)
  })

  it('is found in another server that shares the store', async () => {
    const store = memoryFeedback()
    const [one, other] = [await serving({ store }), await serving({ store })]
    const id = await ask(one.handler)
    await tell(one.handler, { prediction: id, rating: 1 })
    expect((await tell(other.handler, { prediction: id, thumb: 'up' })).status).toBe(200)
  })

  it.each([
    [{ maximumPerSource: 0 }, '"feedback.maximumPerSource" is 0'],
    [{ maximumInTotal: 1.5 }, '"feedback.maximumInTotal" is 1.5'],
    [{ flushMs: -1 }, '"feedback.flushMs" is -1'],
  ])('refuses the options %j', async (options, words) => {
    await expect(serving(options)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(words),
    })
  })
})
