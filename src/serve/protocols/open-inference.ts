import { createRequire } from 'node:module'
import type { Json, JsonObject } from '../../core/index.js'
import type { Prediction } from '../../model/index.js'
import { Fault } from '../fault.js'
import { inJson, inputWithout, integer, list, number, object, type Schema, string } from '../operation.js'
import type { Protocol, Route, Served } from '../protocol.js'
import { health } from './native.js'
import { isObject, notSupported } from './request.js'

/**
 * The Open Inference Protocol, version 2, with tensors in JSON: one input tensor of the type BYTES, a text per element.
 * https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
 */
export function openInference(served: Served): Protocol {
  const { name, release, isReady } = served
  const base = `/v2/models/${name}`
  const ready = async () => ({ json: { ready: isReady() }, ...(!isReady() && { status: 503 }) })
  const modelRoutes = (path: string, id: string): readonly Route[] => [
    {
      method: 'GET',
      path,
      operation: () => ({
        id: `${id}Metadata`,
        answers: { 200: inJson('What the model reads and answers.', metadata) },
      }),
      answer: async () => ({ json: metadataOf(served) }),
    },
    {
      method: 'GET',
      path: `${path}/ready`,
      operation: () => ({
        id: `${id}Ready`,
        answers: { 200: inJson('Whether the model answers requests.', object({ name: string, ready: boolean })) },
      }),
      answer: async () => ({ ...(await ready()), json: { name, ready: isReady() } }),
    },
    {
      method: 'POST',
      path: `${path}/infer`,
      // Triton's client sends JSON without a content type.
      isTypeOptional: true,
      operation: () => ({
        id: `${id}Infer`,
        description: 'The tensor has the shape [n] or [n, 1], with n elements in "data".',
        request: inferenceRequest(served),
        answers: { 200: inJson('A row per input in each tensor.', inference) },
      }),
      async answer(call) {
        const { id, texts } = requestOf(call.body)
        const outputs = outputsOf(await served.predict(texts, call), served.labels)
        return {
          json: {
            model_name: name,
            model_version: release.version,
            id: id ?? call.id,
            outputs: wanted(outputs, call.body),
          },
        }
      },
    },
  ]
  return {
    name: 'open-inference',
    prefix: '/v2/',
    refusal: { body: ({ message }) => ({ error: message }), schema: object({ error: string }) },
    routes: [
      health(
        '/v2/health/live',
        'inferenceLive',
        { 200: inJson('The process is alive.', object({ live: { const: true } })) },
        async () => ({ json: { live: true } }),
      ),
      health(
        '/v2/health/ready',
        'inferenceReady',
        {
          200: inJson('The server answers requests.', object({ ready: { const: true } })),
          503: inJson('The server stops and accepts no more requests.', object({ ready: { const: false } })),
        },
        ready,
      ),
      {
        method: 'GET',
        path: '/v2',
        operation: () => ({
          id: 'inferenceServer',
          answers: { 200: inJson('The server.', object({ name: string, version: string, extensions: list(string) })) },
        }),
        answer: async () => ({ json: { name: 'sheikh-freemium', version: serverVersion(), extensions: [] } }),
      },
      ...modelRoutes(base, 'model'),
      ...modelRoutes(`${base}/versions/${release.version}`, 'version'),
    ],
  }
}

/** The version of this package. That of the model is its release's. */
function serverVersion(): string {
  const { version } = createRequire(import.meta.url)('sheikh-freemium/package.json') as { readonly version: string }
  return version
}

interface Tensor {
  readonly name: string
  readonly datatype: 'BYTES' | 'FP64'
  readonly shape: readonly number[]
  readonly data: readonly (string | number)[]
}

const text = { datatype: 'BYTES', shape: [-1] }

/** The tensors that a model answers with. None if that is not known yet. */
function outputTensors({ labels, kind }: Pick<Served, 'labels' | 'kind'>) {
  const known = kind() ?? (labels === undefined ? undefined : 'label')
  if (known === undefined) return []
  const tensors = {
    label: [
      { name: 'label', ...text },
      { name: 'probabilities', datatype: 'FP64', shape: [-1, labels?.length ?? -1] },
    ],
    number: [{ name: 'value', datatype: 'FP64', shape: [-1] }],
    text: [{ name: 'text', ...text }],
    vector: [{ name: 'values', datatype: 'FP64', shape: [-1, -1] }],
  }
  return tensors[known]
}

const boolean: Schema = { type: 'boolean' }
const datatype: Schema = { enum: ['BYTES', 'FP64'] }
const tensorFacts = { name: string, datatype, shape: list(integer) }

const metadata = object({
  name: string,
  versions: list(string),
  platform: string,
  inputs: list(object(tensorFacts)),
  outputs: list(object(tensorFacts)),
})

const inference = object({
  model_name: string,
  model_version: string,
  id: string,
  outputs: list(object({ ...tensorFacts, data: list({ anyOf: [string, number] }) }), { minItems: 1 }),
})

/** The schema of the requests that `requestOf` and `wanted` read. That the shape fits the data is not said. */
function inferenceRequest(served: Served): Schema {
  const { inputSchema: input, limits } = served
  const names = outputTensors(served).map(({ name }) => name)
  return {
    type: 'object',
    required: ['inputs'],
    properties: {
      id: string,
      inputs: {
        type: 'array',
        minItems: 1,
        maxItems: 1,
        items: {
          type: 'object',
          required: ['datatype', 'shape', 'data'],
          properties: {
            name: string,
            datatype: { const: 'BYTES' },
            shape: list({ type: 'integer', minimum: 1 }, { minItems: 1, maxItems: 2 }),
            data: list(
              { anyOf: [inputWithout(input, 'array'), list(input)] },
              { minItems: 1, maxItems: limits.maximumInputs },
            ),
            parameters: { type: 'object', not: { required: ['binary_data_size'] } },
          },
        },
      },
      outputs: list({
        type: 'object',
        required: ['name'],
        properties: { name: names.length === 0 ? string : { enum: names } },
      }),
    },
  }
}

function metadataOf(served: Served): JsonObject {
  const { name, release } = served
  return {
    name,
    versions: [release.version],
    platform: 'sheikh-freemium',
    inputs: [{ name: 'text', ...text }],
    outputs: outputTensors(served),
  }
}

function requestOf(body: Json): { readonly id: string | undefined; readonly texts: readonly Json[] } {
  const { id, inputs } = isObject(body) ? body : {}
  if (id !== undefined && typeof id !== 'string') throw invalid('"id" is not a string')
  const [tensor, ...others] = Array.isArray(inputs) ? (inputs as readonly Json[]) : []
  if (!isObject(tensor)) throw invalid('"inputs" is not a list with one tensor')
  if (others.length > 0) throw invalid(`the model has one input tensor, but the request has ${others.length + 1}`)
  const { name, datatype, shape, data, parameters = {} } = tensor
  if (name !== undefined && typeof name !== 'string') throw invalid('the name of the tensor is not a string')
  if (!isObject(parameters)) throw invalid('"parameters" of the tensor is not an object')
  if (parameters['binary_data_size'] !== undefined)
    throw notSupported('the tensor is sent as binary data', 'Send it in JSON; in tritonclient: binary_data=False')
  if (datatype !== 'BYTES')
    throw notSupported('the model reads texts, and their datatype is BYTES', 'Send a tensor of the datatype BYTES')
  const texts = Array.isArray(data) ? (data as readonly Json[]).flat() : []
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && (size as number) >= 0)
  const size = isShape ? (shape as readonly number[]).reduce((product, one) => product * one, 1) : Number.NaN
  if (
    size !== texts.length ||
    ![1, 2].includes((shape as readonly number[]).length) ||
    ((shape as readonly number[])[1] ?? 1) !== 1
  )
    throw invalid('its shape is not [n] or [n, 1] with n elements in "data"')
  return { id: id as string | undefined, texts: texts as readonly Json[] }
}

/** The tensors of the predictions: one row per input. */
function outputsOf(predictions: readonly Prediction[], labels: readonly string[] | undefined): readonly Tensor[] {
  const rows = predictions.length
  const tensors = predictions.map((prediction) => rowOf(prediction, labels))
  const first = tensors[0]!
  const shapeOf = (row: readonly Tensor[]) => row.map(({ name, shape }) => `${name} ${shape}`).join()
  if (tensors.some((row) => shapeOf(row) !== shapeOf(first)))
    throw notSupported('the predictions have different shapes, but a tensor has one')
  return first.map((tensor, index) => ({
    ...tensor,
    shape: [rows, ...tensor.shape],
    data: tensors.flatMap((row) => row[index]!.data),
  }))
}

function rowOf(prediction: Prediction, labels: readonly string[] | undefined): readonly Tensor[] {
  switch (prediction.kind) {
    case 'label': {
      const { label, probabilities } = prediction
      const row = bytes('label', [label])
      if (probabilities === undefined) return [row]
      const values = (labels ?? Object.keys(probabilities)).map((name) => probabilities[name] ?? 0)
      return [row, floats('probabilities', values)]
    }
    case 'number':
      return [{ ...floats('value', [prediction.value]), shape: [] }]
    case 'text':
      return [bytes('text', [prediction.text])]
    case 'vector':
      return [floats('values', prediction.values)]
  }
}

const bytes = (name: string, data: readonly string[]): Tensor => ({ name, datatype: 'BYTES', shape: [], data })
const floats = (name: string, data: readonly number[]): Tensor => ({
  name,
  datatype: 'FP64',
  shape: [data.length],
  data,
})

/** The outputs that the request names, or all of them. */
function wanted(outputs: readonly Tensor[], body: Json): readonly Tensor[] {
  const { outputs: named = [] } = isObject(body) ? body : {}
  if (!Array.isArray(named)) throw invalid('"outputs" is not a list')
  if (named.length === 0) return outputs
  return (named as readonly Json[]).map((one) => {
    const output = outputs.find(({ name }) => isObject(one) && one['name'] === name)
    if (output !== undefined) return output
    throw invalid(`there is no such output; the outputs are ${outputs.map(({ name }) => `"${name}"`).join(', ')}`)
  })
}

const invalid = (fact: string) =>
  new Fault('invalid-request', `Cannot read the inference request: ${fact}. Correct it.`)
