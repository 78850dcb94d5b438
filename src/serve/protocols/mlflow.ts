import type { Json } from '../../core/index.js'
import { answerOf } from '../../model/index.js'
import { Fault } from '../fault.js'
import type { Protocol, Served } from '../protocol.js'
import { isObject, listOf, members, notSupported } from './request.js'

/**
 * The protocol of MLflow's model server. https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally
 *
 * A row of one column is the value of that column, and a row of several columns is an object.
 */
export const mlflow = ({ release, isReady, predict }: Served): Protocol => ({
  name: 'mlflow',
  errorBody: ({ message, status }) => ({
    error_code: status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR',
    message,
  }),
  routes: [
    {
      method: 'POST',
      path: '/invocations',
      async answer(call) {
        const predictions = await predict(inputsOf(call.body), call)
        return { json: { predictions: predictions.map(answerOf) } }
      },
    },
    ...['/ping', '/health'].map((path) => ({
      method: 'GET' as const,
      path,
      isHealth: true,
      answer: async () => ({ text: '\n', type: 'application/json', ...(!isReady() && { status: 503 }) }),
    })),
    { method: 'GET', path: '/version', answer: async () => ({ text: release.version, type: 'text/plain' }) },
  ],
})

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
  return (data as readonly Json[]).map((row) => {
    if (!Array.isArray(row)) throw invalid('a row of "data" is not a list')
    if (row.length === 1) return row[0] as Json
    if (!Array.isArray(columns) || columns.length !== row.length)
      throw invalid('"columns" does not have one name for each value of a row')
    return Object.fromEntries(columns.map((name, index) => [String(name), row[index] as Json]))
  })
}

function ofOneColumn(row: Json): Json {
  const values = isObject(row) ? Object.values(row) : []
  return values.length === 1 ? values[0]! : row
}

const invalid = (fact: string) => new Fault('invalid-request', `Cannot read the invocation: ${fact}. Correct it.`)
