import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, type Json, type JsonObject } from '../../src/core/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import type { Prediction } from '../../src/model/index.js'
import type { ReleasedModel } from '../../src/releaser/index.js'
import { systemTimer } from '../../src/serve/batcher.js'
import type { HandlerSettings, PredictionHandler } from '../../src/serve/index.js'
import { limitsOf } from '../../src/serve/options.js'
import { openModel } from '../../src/serve/served-model.js'
import { serveRelease } from '../../src/serve/serving-release.js'
import { isWhole, rounds } from '../whole.js'
import { handlerOf, post, releasedModel } from './fixture.js'
import { following } from './following.js'
import { documentOf, type OperationObject, operationsOf, schemaCheck } from './openapi-document.js'

const predictions: Readonly<Record<Prediction['kind'], Prediction>> = {
  label: { kind: 'label', label: 'spam', probabilities: { ham: 0.25, spam: 0.75 } },
  number: { kind: 'number', value: 4.5 },
  text: { kind: 'text', text: 'Hello' },
  vector: { kind: 'vector', values: [0.5, 1.5] },
}
const kinds = Object.keys(predictions) as readonly Prediction['kind'][]

async function modelOf(kind: Prediction['kind'], generates = false): Promise<ReleasedModel<string>> {
  const model = await releasedModel(async (inputs) => inputs.map(() => predictions[kind]))
  const labels = kind === 'label' ? ['ham', 'spam'] : undefined
  if (!generates) return { ...model, labels }
  return {
    ...{ ...model, labels },
    async *generate(prompt) {
      yield { text: prompt }
      yield { text: '', end: { reason: 'stop', tokens: { prompt: 1, answer: 1 } } }
    },
    chatPrompt: async (messages) => messages.map(({ content }) => content).join(' '),
  }
}

const inference = { inputs: [{ name: 'text', datatype: 'BYTES', shape: [2], data: ['a', 'b'] }] }

/** Bodies that each operation answers with 200. */
const bodies: Readonly<Record<string, readonly Json[]>> = {
  predict: [{ inputs: ['a', 'b'] }],
  huggingFace: [{ inputs: 'a' }, { inputs: ['a'], parameters: { top_k: 1 }, options: { use_cache: false } }],
  classify: [{ input: 'a' }, { model: 'mail', input: ['a', 'b'] }],
  complete: [
    { model: 'mail', prompt: 'a' },
    { prompt: ['a', 'b'], stream: false, user: 'u', tools: [], n: 1 },
    { prompt: ['a'], stream: true, stream_options: { include_usage: true } },
  ],
  chat: [
    { messages: [{ role: 'user', content: 'a' }], response_format: { type: 'text' } },
    { messages: [{ role: 'user', name: 'b', content: [{ type: 'text', text: 'a' }] }], stream: true },
  ],
  modelInfer: [inference, { id: '7', ...inference, outputs: [] }],
  versionInfer: [inference],
  invocations: [
    { inputs: ['a', 'b'] },
    { instances: 'a', params: {} },
    { dataframe_split: { columns: ['text'], index: [0], data: [['a']] } },
    { dataframe_split: { data: [['a'], ['b']] } },
    { dataframe_records: [{ text: 'a' }] },
  ],
  refresh: [null],
}

/** Settings of a request, of models that generate text. */
const settings = { max_tokens: 3, max_completion_tokens: 4, temperature: 0.5, top_p: 0.9, seed: 3, stop: ['x', 'y'] }

async function send(handler: PredictionHandler, { method, path }: OperationObject, body?: Json): Promise<Response> {
  return handler(method === 'post' ? post(path, body) : new Request(`http://localhost${path}`))
}

/** @returns what the document says about the answer that it is not. */
async function problemsOf(operation: OperationObject, response: Response): Promise<unknown> {
  const { responses } = operation
  const described = responses[response.status] ?? responses['default']
  if (described === undefined) return `the status ${response.status}`
  const missing = Object.keys(described.headers).filter((name) => !response.headers.has(name))
  if (missing.length > 0) return `without the headers ${missing}`
  const [type] = response.headers.get('content-type')!.split(';')
  const media = described.content[type!]
  if (media === undefined) return `the type ${type}`
  const text = await response.text()
  if (type === 'application/json') return schemaCheck(media.schema)(JSON.parse(text))
  if (type !== 'text/event-stream') return schemaCheck(media.schema)(text)
  const events = text.split('\n\n').filter((event) => event !== '' && event !== 'data: [DONE]')
  expect([events.length > 1, text.endsWith('data: [DONE]\n\n')]).toEqual([true, true])
  const { data } = media.schema['properties'] as {
    readonly data: { readonly anyOf: readonly [JsonObject, { readonly contentSchema: JsonObject }] }
  }
  const [checkEvent, checkData] = [schemaCheck(media.schema), schemaCheck(data.anyOf[1].contentSchema)]
  return events
    .map((event) => event.replace(/^data: /, ''))
    .map((text) => checkEvent({ data: text }) ?? checkData(JSON.parse(text)))
    .find((problems) => problems !== undefined)
}

const cases = [...kinds.map((kind) => [kind, false] as const), ['text', true] as const]

// A model of texts without `generate` has the same paths as one of labels.
const tried = cases.filter(([kind, generates]) => isWhole || kind !== 'text' || generates)

describe.each(tried)('the document of a model that predicts a %s (generates: %s)', (kind, generates) => {
  const open = async (given: HandlerSettings<string> = {}) =>
    handlerOf(
      { name: 'mail', metrics: true, feedback: { store: memoryFeedback() }, ...given },
      await modelOf(kind, generates),
    )

  it('has each route that can answer, and no other', async () => {
    const model = await modelOf(kind, generates)
    const [limits, context, timer] = [limitsOf({}), callContext(), systemTimer]
    const opened = await openModel<string>({ model, name: 'mail' }, limits, context)
    const serving = serveRelease(opened, {
      ...{ name: 'mail', basePath: '', needsToken: false, limits, context, timer, isReady: () => true },
      ...{ metrics: undefined, desk: undefined, refresh: undefined },
    })
    const { handler } = await open()
    const operations = operationsOf(await documentOf(handler))
    const ids = operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { routes } of serving.protocols)
      for (const route of routes) {
        const isThere = operations.some(
          ({ method, path }) => method === route.method.toLowerCase() && path === route.path,
        )
        const { id } = route.operation()
        if (isThere) continue
        // Left out because this model can only be refused there.
        const statuses = await Promise.all(
          bodies[id]!.map(async (body) => (await handler(post(route.path, body))).status),
        )
        expect([id, statuses.filter((status) => status !== 422)]).toEqual([id, []])
      }
  })

  it('describes the real answers and refusals of each path', async () => {
    const { handler, said } = await open()
    const document = await documentOf(handler)
    for (const operation of operationsOf(document)) {
      const { operationId: id, method, security } = operation
      expect(security).toEqual([])
      const about = { prediction: '', thumb: 'up' }
      if (id === 'feedback')
        about.prediction = (await handler(post('/v1/predict', { inputs: ['a'] }))).headers.get('sheikh-prediction')!
      const sent = method === 'get' ? [null] : id === 'feedback' ? [about] : bodies[id]!
      for (const body of sent) {
        const response = await send(handler, operation, body)
        expect([id, body, response.status]).toEqual([id, body, 200])
        expect([id, await problemsOf(operation, response)]).toEqual([id, undefined])
      }
      if (method === 'get') continue
      for (const body of ['{', [], { 'no such member': 1 }]) {
        const refused = await handler(post(operation.path, body))
        expect([id, body, refused.ok]).toEqual([id, body, false])
        expect([id, await problemsOf(operation, refused)]).toEqual([id, undefined])
      }
    }
    expect(said).toEqual([])
    await handler.close()
    for (const operation of operationsOf(document)) {
      const response = await send(handler, operation, {})
      const isAlive = ['health', 'inferenceLive'].includes(operation.operationId)
      expect([operation.operationId, response.status]).toEqual([operation.operationId, isAlive ? 200 : 503])
      expect(await problemsOf(operation, response)).toBeUndefined()
    }
  })

  it.each([
    ['texts', {}],
    [
      'values of several types, which the host prepares',
      {
        inputSchema: { type: ['string', 'object', 'array', 'number'] },
        smokeInputs: ['a'],
        prepare: async (values: readonly Json[]) => values.map((value) => JSON.stringify(value)),
      },
    ],
  ] as const)('accepts %s by the schema of each body, and no others', async (_, given) => {
    const { handler } = await open({ maximumInputs: 3, ...given })
    const document = await documentOf(handler)
    for (const operation of operationsOf(document)) {
      const { operationId: id, requestBody } = operation
      if (requestBody === undefined || id === 'feedback') continue
      const check = schemaCheck(requestBody.content['application/json'].schema)
      const known =
        generates && ['complete', 'chat'].includes(id)
          ? bodies[id]!.map((body) => ({ ...(body as JsonObject), ...settings }))
          : bodies[id]!
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...known), changes, async (body, edits) => {
          const changed = edits.reduce(edited, structuredClone(body))
          const problems = check(changed)
          const { status } = await send(handler, operation, changed)
          expect([200, 400, 404, 422]).toContain(status)
          if (problems === undefined && isLoose(changed)) return
          expect([id, changed, problems ?? 'valid']).toEqual([
            id,
            changed,
            status === 200 ? 'valid' : (problems ?? `answered with ${status}`),
          ])
        }),
        { numRuns: rounds(100) },
      )
    }
  })
})

it('describes the refresh of a handler that follows a channel', async () => {
  const { handler } = await following()
  const document = await documentOf(handler)
  const operation = operationsOf(document).find(({ operationId }) => operationId === 'refresh')!
  const response = await send(handler, operation, null)
  expect([response.status, await problemsOf(operation, response)]).toEqual([200, undefined])
})

it('knows the kind of a model that predicts no smoke input after its first prediction', async () => {
  const { handler } = await handlerOf(
    { name: 'mail', smokeInputs: [] },
    { ...(await modelOf('number')), labels: undefined },
  )
  const idsOf = async () => operationsOf(await documentOf(handler)).map(({ operationId }) => operationId)
  expect(await idsOf()).toEqual(expect.arrayContaining(['classify', 'complete', 'huggingFace']))
  await handler(post('/v1/predict', { inputs: ['a'] }))
  expect(await idsOf()).not.toContain('classify')
})

/** Bodies about which a JSON Schema cannot say everything: shapes of tensors, and names of columns. */
function isLoose(body: Json): boolean {
  const { inputs, dataframe_split: frame } = (body ?? {}) as { readonly inputs?: Json; readonly dataframe_split?: Json }
  if (frame !== undefined) {
    const { columns, data } = frame as {
      readonly columns?: readonly Json[]
      readonly data: readonly (readonly Json[])[]
    }
    return data.some((row) => row.length > 1 || (columns !== undefined && columns.length !== row.length))
  }
  const [tensor] = (Array.isArray(inputs) ? inputs : []) as readonly Json[]
  if (typeof tensor !== 'object' || tensor === null || !('datatype' in tensor)) return false
  const { shape, data } = tensor as { readonly shape: readonly number[]; readonly data: readonly Json[] }
  return shape[0] !== data.flat().length || (shape[1] ?? 1) !== 1 || data.flat().length > 3
}

interface Edit {
  /** Chooses a value below the body. */
  readonly at: number
  readonly how: 'replace' | 'remove' | 'add'
  readonly value: Json
  readonly name: string
}

const values: readonly Json[] = [
  ...[
    null,
    true,
    false,
    0,
    1,
    -1,
    2,
    2.5,
    1e300,
    '',
    'a',
    'https://x',
    'text',
    'stop',
    'x'.repeat(1001),
    '😀'.repeat(600),
  ],
  ...[[], ['a'], ['a', 'b', 'c', 'd'], [1], [['a']], {}, { a: 'b' }, { a: 1, b: 2 }, { type: 'text', text: 'b' }],
]
const names = [
  'x',
  'n',
  'model',
  'stream',
  'stream_options',
  'temperature',
  'inputs',
  'instances',
  'params',
  'parameters',
]
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(1000),
  how: fc.constantFrom('replace', 'replace', 'remove', 'add'),
  value: fc.constantFrom(...values),
  name: fc.constantFrom(
    ...names,
    'outputs',
    'id',
    'top_k',
    'tool_choice',
    'logprobs',
    'stop',
    'name',
    'shape',
    'index',
  ),
})
const changes = fc.array(edit, { maxLength: 3 })

/** The value with one change somewhere in it. */
function edited(body: Json, { at, how, value: given, name }: Edit): Json {
  const root: Record<string, Json> = { body }
  const places: (readonly [holder: Record<string, Json>, key: string])[] = []
  const walk = (holder: Record<string, Json>) => {
    for (const [key, value] of Object.entries(holder)) {
      places.push([holder, key])
      if (typeof value === 'object' && value !== null) walk(value as Record<string, Json>)
    }
  }
  walk(root)
  const [holder, key] = places[at % places.length]!
  const target = holder[key]!
  const value = structuredClone(given)
  if (how === 'remove' && holder !== root) {
    if (Array.isArray(holder)) holder.splice(Number(key), 1)
    else delete holder[key]
  } else if (how === 'add' && typeof target === 'object' && target !== null) {
    if (Array.isArray(target)) (target as Json[]).push(value)
    else (target as Record<string, Json>)[name] = value
  } else holder[key] = value
  return root['body']!
}

describe('a schema of inputs that refers to its own parts', () => {
  const tree = {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        required: ['text'],
        properties: { text: { type: 'string' }, $ref: { type: 'string' }, children: { items: { $ref: '#' } } },
        examples: [{ text: 'a', $ref: '#' }],
      },
    },
  }
  const fits: readonly Json[] = [{ text: 'a' }, { text: 'a', children: [{ text: 'b', children: [] }], $ref: '#' }]
  const others: readonly Json[] = ['a', {}, { text: 'a', children: [{ text: 1 }] }, { text: 'a', $ref: 1 }]

  it('checks inputs, and means the same in /openapi.json', async () => {
    const { handler } = await handlerOf({ inputSchema: tree, smokeInputs: [] }, (await modelOf('label')) as never)
    const document = await documentOf(handler)
    for (const operation of operationsOf(document)) {
      if (!['predict', 'huggingFace', 'classify'].includes(operation.operationId)) continue
      const { schema } = operation.requestBody!.content['application/json']
      const problems = schemaCheck({ ...schema, components: document['components']! })
      const wrap = (input: Json) => (operation.operationId === 'classify' ? { input } : { inputs: [input] })
      for (const [inputs, status] of [
        [fits, 200],
        [others, 422],
      ] as const)
        for (const input of inputs) {
          const body = wrap(input)
          expect((await send(handler, operation, body)).status, JSON.stringify(body)).toBe(status)
          expect(problems(body) === undefined, JSON.stringify(body)).toBe(status === 200)
        }
    }
    const [schemas] = [(document['components'] as { schemas: JsonObject }).schemas]
    expect(schemas['Input']).toEqual({
      $ref: '#/components/schemas/Input/$defs/node',
      $defs: {
        node: {
          ...tree.$defs.node,
          properties: {
            ...tree.$defs.node.properties,
            children: { items: { $ref: '#/components/schemas/Input' } },
          },
        },
      },
    })
  })

  it('may be of another draft, which its $schema names', async () => {
    const inputSchema = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'array',
      items: [{ $ref: '#/definitions/number' }],
      definitions: { number: { type: 'number' } },
    }
    const { handler } = await handlerOf({ inputSchema, smokeInputs: [] }, (await modelOf('label')) as never)
    for (const [input, status] of [
      [[1], 200],
      [['a'], 422],
    ] as const)
      expect((await handler(post('/v1/predict', { inputs: [input] }))).status).toBe(status)
  })
})
