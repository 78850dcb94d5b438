import type { Json, JsonObject } from '../../core/index.js'
import type { Prediction } from '../../model/index.js'
import { Fault } from '../fault.js'
import {
  byKind,
  inJson,
  inputList,
  inputWithout,
  list,
  number,
  object,
  orNull,
  type Schema,
  string,
} from '../operation.js'
import type { Protocol, Served } from '../protocol.js'
import { byProbability, isObject, listOf, members, notSupported } from './request.js'

/**
 * The protocol of Hugging Face's inference endpoints: text classification, text generation and feature extraction at the
 * root path. https://huggingface.co/docs/inference-providers/tasks/text-classification
 */
export const huggingFace = ({ predict, inputSchema, limits, kind }: Served): Protocol => ({
  name: 'huggingface',
  refusal: {
    body: ({ message, code }) => ({ error: message, error_type: code }),
    schema: object({ error: string, error_type: string }),
  },
  routes: [
    {
      method: 'POST',
      path: '/',
      operation: () => ({
        id: 'huggingFace',
        description: 'A label needs a score for each label of the model.',
        kinds: ['label', 'text', 'vector'],
        request: {
          type: 'object',
          required: ['inputs'],
          additionalProperties: false,
          properties: {
            inputs: { anyOf: [inputWithout(inputSchema, 'array'), inputList(inputSchema, limits)] },
            parameters: orNull({
              type: 'object',
              additionalProperties: false,
              properties: { top_k: orNull({ type: 'integer', minimum: 1 }) },
            }),
            options: orNull({ type: 'object' }),
          },
        },
        answers: { 200: inJson('One answer per input, in order.', list(byKind(answers, kind()))) },
      }),
      async answer(call) {
        const { inputs, parameters, options } = members(call.body, ['inputs', 'parameters', 'options'])
        const topK = topKOf(membersOf('parameters', parameters))
        membersOf('options', options)
        const predictions = await predict(listOf(inputs), call)
        return { json: predictions.map((prediction) => answerOf(prediction, topK)) }
      },
    },
  ],
})

const answers = {
  label: list(object({ label: string, score: { type: 'number', minimum: 0, maximum: 1 } })),
  text: object({ generated_text: string }),
  vector: list(number),
} satisfies Readonly<Record<string, Schema>>

/** Clients may send null for what they leave out. */
function membersOf(name: string, value: Json | undefined): JsonObject {
  if (value === undefined || value === null) return {}
  if (isObject(value)) return value
  throw new Fault('invalid-request', `Cannot read the request: "${name}" is not an object. Correct it.`)
}

function topKOf({ top_k: topK, ...others }: JsonObject): number | undefined {
  const other = Object.keys(others)[0]
  if (other !== undefined)
    throw notSupported(`the parameter ${JSON.stringify(other.slice(0, 100))} has no effect here`, 'Leave it out')
  if (topK === undefined || topK === null) return undefined
  if (typeof topK === 'number' && Number.isInteger(topK) && topK > 0) return topK
  throw notSupported('"top_k" is not a whole number above 0', 'Correct it')
}

function answerOf(prediction: Prediction, topK: number | undefined): unknown {
  switch (prediction.kind) {
    case 'label':
      if (prediction.probabilities === undefined)
        throw notSupported('it needs a score for each label, but the model gives no probabilities')
      return byProbability(prediction.probabilities)
        .slice(0, topK)
        .map(([label, score]) => ({ label, score }))
    case 'text':
      return { generated_text: prediction.text }
    case 'vector':
      return prediction.values
    case 'number':
      throw notSupported('it has labels, texts and vectors, but the model predicts a number')
  }
}
