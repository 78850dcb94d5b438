import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { Prediction } from '../../src/model/index.js'
import type { ReleasedModel } from '../../src/releaser/index.js'
import { handlerOf, post, releasedModel, serverOf } from './fixture.js'

const probabilities = { ham: 0.25, spam: 0.75 }
const answers: Readonly<Record<Prediction['kind'], Prediction>> = {
  label: { kind: 'label', label: 'spam', probabilities },
  number: { kind: 'number', value: 4.5 },
  text: { kind: 'text', text: 'Hello' },
  vector: { kind: 'vector', values: [0.5, 1.5] },
}

async function modelOf(
  kind: Prediction['kind'],
  prediction: Prediction = answers[kind],
): Promise<ReleasedModel<string>> {
  const model = await releasedModel(async (inputs) => inputs.map(() => prediction))
  return { ...model, labels: kind === 'label' ? ['ham', 'spam'] : undefined }
}

async function ask(kind: Prediction['kind'], path: string, body: unknown, prediction?: Prediction) {
  const { handler } = await handlerOf({ name: 'mail' }, await modelOf(kind, prediction))
  const response = await handler(post(path, body))
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> }
}

describe("Hugging Face's inference", () => {
  it('answers its own client', async () => {
    const { InferenceClient } = await import('@huggingface/inference')
    const labelled = await serverOf({ token: 'hf_not-a-real-token' }, await modelOf('label'))
    const client = new InferenceClient('hf_not-a-real-token').endpoint(labelled.url)
    const inputs = 'Win a free cruise!'
    expect(await client.textClassification({ inputs })).toEqual([
      { label: 'spam', score: 0.75 },
      { label: 'ham', score: 0.25 },
    ])
    expect(await client.textClassification({ inputs, parameters: { top_k: 1 } })).toEqual([
      { label: 'spam', score: 0.75 },
    ])
    await expect(new InferenceClient('wrong').endpoint(labelled.url).textClassification({ inputs })).rejects.toThrow(
      'valid token',
    )
    const vector = new InferenceClient().endpoint((await serverOf({}, await modelOf('vector'))).url)
    expect(await vector.featureExtraction({ inputs })).toEqual([[0.5, 1.5]])
    const number = new InferenceClient().endpoint((await serverOf({}, await modelOf('number'))).url)
    await expect(number.textClassification({ inputs })).rejects.toThrow('the model predicts a number')
  })

  it('answers several inputs, and refuses what it cannot express', async () => {
    expect((await ask('label', '/', { inputs: ['a', 'b'] })).body).toHaveLength(2)
    expect((await ask('text', '/', { inputs: 'a' })).body).toEqual([{ generated_text: 'Hello' }])
    const bare = { kind: 'label', label: 'spam' } as const
    for (const [body, prediction, words] of [
      [{ inputs: 'a' }, bare, 'no probabilities'],
      [{ inputs: 'a', parameters: { function_to_apply: 'none' } }, undefined, 'function_to_apply'],
      [{ inputs: 'a', parameters: { top_k: 0 } }, undefined, 'top_k'],
      [{}, undefined, 'no input'],
    ] as const) {
      const { status, body: said } = await ask('label', '/', body, prediction)
      expect([status, said['error']]).toEqual([422, expect.stringContaining(words)])
    }
  })
})

describe("vLLM's classification", () => {
  it('answers in its shape', async () => {
    const { body } = await ask('label', '/v1/classify', { model: 'mail', input: ['a', 'b'] })
    expect(body).toEqual({
      id: expect.stringMatching(/^classify-\w+$/),
      object: 'list',
      created: expect.any(Number),
      model: 'mail',
      data: [0, 1].map((index) => ({ index, label: 'spam', probs: [0.25, 0.75], num_classes: 2 })),
      usage: { prompt_tokens: 0, total_tokens: 0, completion_tokens: 0, prompt_tokens_details: null },
    })
  })

  it('names its model, and refuses another', async () => {
    const { handler } = await handlerOf({ name: 'mail' }, await modelOf('label'))
    const models = await (await handler(new Request('http://localhost/v1/models'))).json()
    expect(models).toMatchObject({ object: 'list', data: [{ id: 'mail', object: 'model' }] })
    expect(await ask('label', '/v1/classify', { model: 'other', input: 'a' })).toEqual({
      status: 404,
      body: { error: { message: expect.stringContaining('"mail"'), type: 'not-found', param: null, code: 404 } },
    })
  })

  it.each(['number', 'text', 'vector'] as const)('refuses a model that predicts a %s', async (kind) => {
    const { status, body } = await ask(kind, '/v1/classify', { input: 'a' })
    expect([status, body]).toEqual([
      422,
      { error: expect.objectContaining({ message: expect.stringContaining(kind) }) },
    ])
  })
})

const tensor = { name: 'text', shape: [2], datatype: 'BYTES', data: ['a', 'b'] }

describe('the Open Inference Protocol', () => {
  it.each([
    [
      'label',
      [
        { name: 'label', datatype: 'BYTES', shape: [2], data: ['spam', 'spam'] },
        { name: 'probabilities', datatype: 'FP64', shape: [2, 2], data: [0.25, 0.75, 0.25, 0.75] },
      ],
    ],
    ['number', [{ name: 'value', datatype: 'FP64', shape: [2], data: [4.5, 4.5] }]],
    ['text', [{ name: 'text', datatype: 'BYTES', shape: [2], data: ['Hello', 'Hello'] }]],
    ['vector', [{ name: 'values', datatype: 'FP64', shape: [2, 2], data: [0.5, 1.5, 0.5, 1.5] }]],
  ] as const)('answers with tensors of a %s, as its metadata says', async (kind, outputs) => {
    const { handler } = await handlerOf({ name: 'mail' }, await modelOf(kind))
    for (const path of ['/v2/models/mail', '/v2/models/mail/versions/0.1.0']) {
      const answer = await handler(post(`${path}/infer`, { id: '7', inputs: [tensor] }))
      expect(await answer.json()).toEqual({ model_name: 'mail', model_version: '0.1.0', id: '7', outputs })
      const metadata = (await (await handler(new Request(`http://localhost${path}`))).json()) as {
        readonly outputs: readonly { readonly name: string; readonly datatype: string }[]
      }
      expect(metadata).toMatchObject({
        name: 'mail',
        versions: ['0.1.0'],
        inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
      })
      expect(metadata.outputs.map(({ name, datatype }) => [name, datatype])).toEqual(
        outputs.map(({ name, datatype }) => [name, datatype]),
      )
    }
    for (const path of ['/v2/health/live', '/v2/health/ready', '/v2/models/mail/ready', '/v2'])
      expect([path, (await handler(new Request(`http://localhost${path}`))).status]).toEqual([path, 200])
    const other = await handler(new Request('http://localhost/v2/models/mail/versions/9.9.9'))
    expect([other.status, await other.json()]).toEqual([404, { error: expect.any(String) }])
  })

  it('has the version of the server, and not of the release', async () => {
    const model = await releasedModel()
    const { handler } = await handlerOf({}, { ...model, release: { ...model.release, version: '7.8.9' } })
    const said = await (await handler(new Request('http://localhost/v2'))).json()
    const own = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(said).toEqual({ name: 'sheikh-freemium', version: own.version, extensions: [] })
  })

  it('reads a column of texts, and gives only the outputs that are asked for', async () => {
    const { body } = await ask('label', '/v2/models/mail/infer', {
      inputs: [{ ...tensor, shape: [2, 1], data: [['a'], ['b']] }],
      outputs: [{ name: 'label' }],
    })
    expect(body['outputs']).toEqual([expect.objectContaining({ name: 'label' })])
  })

  it.each([
    [{ inputs: [{ ...tensor, datatype: 'FP32', data: [1, 2] }] }, 422, 'datatype is BYTES'],
    [{ inputs: [{ ...tensor, data: undefined, parameters: { binary_data_size: 9 } }] }, 422, 'binary_data=False'],
    [{ inputs: [tensor, tensor] }, 400, 'one input tensor'],
    [{ inputs: [{ ...tensor, shape: [3] }] }, 400, 'shape'],
    [{ inputs: [{ ...tensor, shape: [1, 2] }] }, 400, 'shape'],
    [{ inputs: [{ ...tensor, shape: [-2, -1] }] }, 400, 'shape'],
    [{ inputs: [{ ...tensor, shape: 'x' }] }, 400, 'shape'],
    [{ inputs: [{ ...tensor, data: [1, 2] }] }, 422, 'must be string'],
    [{ inputs: [tensor], outputs: [{ name: 'logits' }] }, 400, '"label", "probabilities"'],
    [{ id: 7, inputs: [tensor] }, 400, '"id"'],
    [{ inputs: 'a' }, 400, 'one tensor'],
    [[], 400, 'one tensor'],
  ])('refuses %j', async (request, code, words) => {
    const { status, body } = await ask('label', '/v2/models/mail/infer', request)
    expect([status, body]).toEqual([code, { error: expect.stringContaining(words) }])
  })
})

describe("MLflow's invocations", () => {
  it.each([
    ['label', 'spam'],
    ['number', 4.5],
    ['text', 'Hello'],
    ['vector', [0.5, 1.5]],
  ] as const)('answers with a %s', async (kind, value) => {
    for (const body of [
      { inputs: ['a', 'b'] },
      { instances: ['a', 'b'], params: {} },
      { dataframe_split: { columns: ['text'], data: [['a'], ['b']] } },
      { dataframe_records: [{ text: 'a' }, { text: 'b' }] },
    ])
      expect((await ask(kind, '/invocations', body)).body).toEqual({ predictions: [value, value] })
  })

  it.each([
    [{}, 400, 'none of'],
    [{ inputs: ['a'], instances: ['a'] }, 400, 'several of'],
    [{ inputs: ['a'], params: { temperature: 1 } }, 422, 'no parameters'],
    [{ inputs: { text: ['a'] } }, 422, 'named tensors'],
    [{ dataframe_split: { data: 'a' } }, 400, '"data"'],
    [{ dataframe_split: { columns: ['a'], data: [['x', 'y']] } }, 400, '"columns"'],
    [{ dataframe_split: { columns: ['__proto__', 'b'], data: [['x', 'y']] } }, 422, 'must be string'],
    [{ dataframe_records: 'a' }, 400, 'not a list'],
  ])('refuses %j', async (request, code, words) => {
    const { status, body } = await ask('label', '/invocations', request)
    expect([status, body]).toEqual([code, { error_code: 'BAD_REQUEST', message: expect.stringContaining(words) }])
  })

  it('says that it is there, and which version', async () => {
    const { handler } = await handlerOf({ token: 'secret' })
    for (const path of ['/ping', '/health'])
      expect((await handler(new Request(`http://localhost${path}`))).status).toBe(200)
    expect((await handler(new Request('http://localhost/version'))).status).toBe(401)
  })
})
