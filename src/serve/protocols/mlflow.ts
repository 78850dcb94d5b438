import type { Json } from '../../core/index.js'
import { answerOf } from '../../model/index.js'
import { Fault } from '../fault.js'
import {
  byKind,
  inJson,
  inputList,
  inputWithout,
  inText,
  list,
  number,
  object,
  orNull,
  type Schema,
  string,
} from '../operation.js'
import type { Protocol, Served } from '../protocol.js'
import { health } from './native.js'
import { isObject, listOf, members, notSupported } from './request.js'

/**
 * The protocol of MLflow's model server. https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally
 *
 * A row of one column is the value of that column, and a row of several columns is an object.
 */
export const mlflow = ({ release, isReady, predict, inputSchema, limits, kind }: Served): Protocol => ({
  name: 'mlflow',
  refusal: {
    body: ({ message, status }) => ({
      error_code: status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR',
      message,
    }),
    schema: object({ error_code: string, message: string }),
  },
  routes: [
    {
      method: 'POST',
      path: '/invocations',
      operation: () => ({
        id: 'invocations',
        description: 'A row of one column is the value of that column. A row of several columns is an object.',
        request: invocation(inputSchema, limits),
        answers: {
          200: inJson('One answer per input, in order.', object({ predictions: list(byKind(answers, kind())) })),
        },
      }),
      async answer(call) {
        const predictions = await predict(inputsOf(call.body), call)
        return { json: { predictions: predictions.map(answerOf) } }
      },
    },
    ...['ping', 'health'].map((name) =>
      health(
        `/${name}`,
        name === 'ping' ? 'ping' : 'mlflowHealth',
        { 200: inText('The server answers requests.'), 503: inText('The server stops and accepts no more requests.') },
        // MLflow sends the same empty line as application/json, which it is not. Its clients read only the status.
        async () => ({ text: '\n', type: 'text/plain', ...(!isReady() && { status: 503 }) }),
      ),
    ),
    {
      method: 'GET',
      path: '/version',
      operation: () => ({ id: 'version', answers: { 200: inText('The version of the release.') } }),
      answer: async () => ({ text: release.version, type: 'text/plain' }),
    },
  ],
})

const answers = { label: string, number, text: string, vector: list(number) } satisfies Readonly<Record<string, Schema>>

/** The schema of the requests that `inputsOf` reads. That each row has a value for each column is not said. */
function invocation(input: Schema, limits: Served['limits']): Schema {
  const rows = (items: Schema) => inputList(items, limits)
  const form = (name: (typeof forms)[number], schema: Schema): Schema => ({
    type: 'object',
    required: [name],
    additionalProperties: false,
    properties: { [name]: schema, params: orNull({ type: 'object', maxProperties: 0 }) },
  })
  const isText = input['type'] === 'string'
  const values = { anyOf: [inputWithout(input, 'array', 'object'), rows(input)] }
  const one = { minItems: 1, maxItems: 1 }
  const row = list(input, one)
  const ofOne = { type: 'object', minProperties: 1, maxProperties: 1, additionalProperties: input }
  const ofSeveral = { allOf: [input, { type: 'object', not: { minProperties: 1, maxProperties: 1 } }] }
  return {
    oneOf: [
      form('inputs', values),
      form('instances', values),
      form('dataframe_split', {
        type: 'object',
        required: ['data'],
        properties: {
          columns: list({ type: ['string', 'number'] }, isText ? one : { minItems: 1 }),
          data: rows(isText ? row : { anyOf: [row, list({}, { minItems: 2 })] }),
        },
      }),
      form('dataframe_records', rows(isText ? ofOne : { anyOf: [ofOne, ofSeveral] })),
    ],
  }
}

const forms = ['inputs', 'instances', 'dataframe_split', 'dataframe_records'] as const

function inputsOf(body: Json): readonly Json[] {
  const request = members(body, [...forms, 'params'])
  const { params } = request
  if (params !== undefined && params !== null && !(isObject(params) && Object.keys(params).length === 0))
    throw notSupported('the model has no parameters', 'Leave "params" out')
  const given = forms.filter((form) => request[form] !== undefined)
  if (given.length !== 1) throw invalid(`it has ${given.length === 0 ? 'none' : 'several'} of ${forms.join(', ')}`)
  const value = request[given[0]!]
  switch (given[0]!) {
    case 'inputs':
    case 'instances':
      if (isObject(value)) throw notSupported('named tensors are not read', 'Send a list of inputs')
      return listOf(value)
    case 'dataframe_split':
      return rowsOf(value)
    case 'dataframe_records':
      if (!Array.isArray(value)) throw invalid('"dataframe_records" is not a list')
      return (value as readonly Json[]).map(ofOneColumn)
  }
}

function rowsOf(frame: Json | undefined): readonly Json[] {
  const { columns, data } = isObject(frame) ? frame : {}
  if (!Array.isArray(data)) throw invalid('"dataframe_split" has no list "data"')
  const isNamed =
    Array.isArray(columns) && columns.every((name) => typeof name === 'string' || typeof name === 'number')
  if (columns !== undefined && !isNamed) throw invalid('"columns" is not a list of names')
  return (data as readonly Json[]).map((row) => {
    if (!Array.isArray(row) || row.length === 0) throw invalid('a row of "data" is not a list of values')
    if (columns === undefined && row.length === 1) return row[0] as Json
    if (!Array.isArray(columns) || columns.length !== row.length)
      throw invalid('"columns" does not have one name for each value of a row')
    if (row.length === 1) return row[0] as Json
    return Object.fromEntries(columns.map((name, index) => [String(name), row[index] as Json]))
  })
}

function ofOneColumn(row: Json): Json {
  if (!isObject(row)) throw invalid('a record is not an object')
  const values = Object.values(row)
  return values.length === 1 ? values[0]! : row
}

const invalid = (fact: string) => new Fault('invalid-request', `Cannot read the invocation: ${fact}. Correct it.`)
