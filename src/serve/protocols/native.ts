import type { Json } from '../../core/index.js'
import { openApiDocument } from '../openapi.js'
import { byKind, inJson, inputList, list, number, object, type Schema, string } from '../operation.js'
import type { Protocol, Route, Served } from '../protocol.js'
import { members } from './request.js'

export const releaseSchema = object({ version: string, bundle: string })

const probability = { type: 'number', minimum: 0, maximum: 1 }

const predictions = {
  label: {
    type: 'object',
    required: ['kind', 'label'],
    properties: {
      kind: { const: 'label' },
      label: string,
      probabilities: { type: 'object', additionalProperties: probability },
    },
  },
  number: object({ kind: { const: 'number' }, value: number }),
  text: object({ kind: { const: 'text' }, text: string }),
  vector: object({ kind: { const: 'vector' }, values: list(number) }),
} satisfies Readonly<Record<string, Schema>>

const status = (word: string) => object({ status: { const: word } })

/**
 * The protocol of this package: `POST /v1/predict`, and the document that describes all paths.
 *
 * @param protocols all protocols of the server, this one included.
 */
export const native = (served: Served, protocols: () => readonly Protocol[]): Protocol => ({
  name: 'sheikh',
  routes: [
    {
      method: 'POST',
      path: '/v1/predict',
      operation: () => ({
        id: 'predict',
        request: {
          ...object({ inputs: inputList(served.inputSchema, served.limits) }),
          additionalProperties: false,
        },
        answers: {
          200: inJson(
            'One prediction per input, in order.',
            object({ id: string, release: releaseSchema, predictions: list(byKind(predictions, served.kind())) }),
          ),
        },
      }),
      async answer(call) {
        const { inputs } = members(call.body, ['inputs'])
        const predictions = await served.predict(inputs as readonly Json[], call)
        const { version, bundle } = served.release
        return { json: { id: call.id, release: { version, bundle }, predictions } }
      },
    },
    {
      method: 'GET',
      path: '/openapi.json',
      operation: () => ({
        id: 'openApi',
        answers: { 200: inJson('This document.', object({ openapi: { const: '3.1.0' }, paths: { type: 'object' } })) },
      }),
      answer: async () => ({ json: openApiDocument(served, protocols()) }),
    },
    health('/healthz', 'health', { 200: inJson('The process is alive.', status('alive')) }, async () => ({
      json: { status: 'alive' },
    })),
    health(
      '/readyz',
      'ready',
      {
        200: inJson('The server answers requests.', status('ready')),
        503: inJson('The server stops and accepts no more requests.', status('stopping')),
      },
      async () => (served.isReady() ? { json: { status: 'ready' } } : { json: { status: 'stopping' }, status: 503 }),
    ),
  ],
})

/** A health check. */
export const health = (
  path: string,
  id: string,
  answers: ReturnType<Route['operation']>['answers'],
  answer: Route['answer'],
): Route => ({ method: 'GET', path, isHealth: true, operation: () => ({ id, answers }), answer })
