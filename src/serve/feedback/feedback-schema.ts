import { object, type Schema, string } from '../operation.js'

/** The schema of the body of `/v1/feedback`. Requests are checked against it. */
export const feedbackSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['prediction'],
  additionalProperties: false,
  properties: {
    prediction: {
      description: 'The id of the answer: `id` in the body of /v1/predict, and the header sheikh-prediction.',
      type: 'string',
      minLength: 1,
      maxLength: 100,
    },
    index: {
      description: 'Which input of the request, from 0. Default: 0.',
      type: 'integer',
      minimum: 0,
      maximum: 1e6,
    },
    thumb: { enum: ['up', 'down'] },
    correction: {
      description: 'What the answer should have been: a label of the release, a number or a text.',
      type: ['string', 'number'],
      maxLength: 100_000,
    },
    rating: { description: 'From 0 (worst) to 1 (best).', type: 'number', minimum: 0, maximum: 1 },
    text: { type: 'string', minLength: 1, maxLength: 10_000 },
    id: {
      description: 'Feedback with an id that this source used before is not added again. Default: a new id.',
      type: 'string',
      pattern: '^[!-~]{1,100}$',
    },
    source: {
      description: 'Who says it, if the client asks for several people. Only a pseudonym is kept.',
      type: 'string',
      minLength: 1,
      maxLength: 200,
    },
  },
  oneOf: [{ required: ['thumb'] }, { required: ['correction'] }, { required: ['rating'] }, { required: ['text'] }],
} as const

const { $schema: _, ...body } = feedbackSchema

/** For `/openapi.json`, whose dialect is the same. */
export const feedbackBody = body as Schema

export const feedbackResponse = object({ id: string, status: { enum: ['added', 'known'] } })
