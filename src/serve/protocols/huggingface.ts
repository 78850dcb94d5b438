import type { Prediction } from '../../model/index.js'
import type { Protocol, Served } from '../protocol.js'
import { byProbability, isObject, listOf, members, notSupported } from './request.js'

/**
 * The protocol of Hugging Face's inference endpoints: text classification, text generation and feature extraction at the
 * root path. https://huggingface.co/docs/inference-providers/tasks/text-classification
 */
export const huggingFace = ({ predict }: Served): Protocol => ({
  name: 'huggingface',
  errorBody: ({ message, code }) => ({ error: message, error_type: code }),
  routes: [
    {
      method: 'POST',
      path: '/',
      async answer(call) {
        const { inputs, parameters = {} } = members(call.body, ['inputs', 'parameters', 'options'])
        const topK = topKOf(parameters)
        const predictions = await predict(listOf(inputs), call)
        return { json: predictions.map((prediction) => answerOf(prediction, topK)) }
      },
    },
  ],
})

function topKOf(parameters: unknown): number | undefined {
  const { top_k: topK, ...others } = isObject(parameters as never)
    ? (parameters as Readonly<Record<string, unknown>>)
    : {}
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
