import type { JsonObject } from '../core/index.js'
import { feedbackResponse, feedbackSchema } from './feedback/feedback-schema.js'
import type { Limits } from './options.js'
import type { Served } from './protocol.js'

/** The schema of the body of `/v1/predict`. Requests are checked against it. */
export const predictSchema = (inputSchema: unknown, { maximumInputs }: Limits) => ({
  type: 'object',
  required: ['inputs'],
  additionalProperties: false,
  properties: { inputs: { type: 'array', minItems: 1, maxItems: maximumInputs, items: inputSchema } },
})

const number = { type: 'number' }
const text = { type: 'string' }

const releaseSchema = {
  type: 'object',
  required: ['version', 'bundle'],
  properties: { version: text, bundle: text },
}

const prediction = {
  oneOf: [
    {
      type: 'object',
      required: ['kind', 'label'],
      properties: {
        kind: { const: 'label' },
        label: text,
        probabilities: { type: 'object', additionalProperties: { type: 'number', minimum: 0, maximum: 1 } },
      },
    },
    { type: 'object', required: ['kind', 'value'], properties: { kind: { const: 'number' }, value: number } },
    { type: 'object', required: ['kind', 'text'], properties: { kind: { const: 'text' }, text } },
    {
      type: 'object',
      required: ['kind', 'values'],
      properties: { kind: { const: 'vector' }, values: { type: 'array', items: number } },
    },
  ],
}

const { $schema: _, ...feedbackBody } = feedbackSchema

const error = {
  type: 'object',
  required: ['error'],
  properties: {
    error: { type: 'object', required: ['code', 'message'], properties: { code: text, message: text } },
  },
}

/** The OpenAPI 3.1 document of the server. */
export function openApiDocument({
  name,
  basePath,
  needsToken,
  canRefresh,
  release,
  inputSchema,
  limits,
  takesFeedback,
}: Served): JsonObject {
  const headers = {
    'sheikh-release': { description: 'The version of the release that answered.', schema: text },
    'sheikh-bundle': { description: 'The digest of its bundle.', schema: text },
    'sheikh-prediction': { description: 'The id of the answer.', schema: text },
  }
  const answer = (description: string, schema: object) => ({
    description,
    headers,
    content: { 'application/json': { schema } },
  })
  const refusal = answer('A refusal, with a code and a message.', { $ref: '#/components/schemas/Error' })
  const status = (word: string) => ({
    type: 'object',
    required: ['status'],
    properties: { status: { const: word } },
  })
  const security = needsToken ? [{ bearer: [] }] : []
  const refreshed = (state: string) => ({
    type: 'object',
    required: ['state', 'release'],
    properties: { state: { const: state }, release: releaseSchema },
  })
  return {
    openapi: '3.1.0',
    info: { title: `Predictions of ${name}`, version: release.version },
    ...(basePath !== '' && { servers: [{ url: basePath }] }),
    paths: {
      '/v1/predict': {
        post: {
          operationId: 'predict',
          security,
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: '#/components/schemas/PredictRequest' } } },
          },
          responses: {
            200: answer('One prediction per input, in order.', { $ref: '#/components/schemas/PredictResponse' }),
            default: refusal,
          },
        },
      },
      ...(canRefresh && {
        '/v1/refresh': {
          post: {
            operationId: 'refresh',
            security,
            responses: {
              200: answer('The server answers with the release that its channel points at.', refreshed('current')),
              202: answer('The release that the channel points at is being loaded.', refreshed('loading')),
              default: refusal,
            },
          },
        },
      }),
      ...(takesFeedback && {
        '/v1/feedback': {
          post: {
            operationId: 'feedback',
            security,
            requestBody: {
              required: true,
              content: { 'application/json': { schema: { $ref: '#/components/schemas/FeedbackRequest' } } },
            },
            responses: {
              200: answer('The feedback is kept.', { $ref: '#/components/schemas/FeedbackResponse' }),
              default: refusal,
            },
          },
        },
      }),
      '/healthz': {
        get: { operationId: 'health', responses: { 200: answer('The process is alive.', status('alive')) } },
      },
      '/readyz': {
        get: {
          operationId: 'ready',
          responses: {
            200: answer('The server answers requests.', status('ready')),
            503: answer('The server stops and accepts no more requests.', status('stopping')),
          },
        },
      },
    },
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: {
        PredictRequest: predictSchema(inputSchema, limits),
        PredictResponse: {
          type: 'object',
          required: ['id', 'release', 'predictions'],
          properties: {
            id: text,
            release: releaseSchema,
            predictions: { type: 'array', items: prediction },
          },
        },
        ...(takesFeedback && { FeedbackRequest: feedbackBody, FeedbackResponse: feedbackResponse }),
        Error: error,
      },
    },
  } as JsonObject
}
