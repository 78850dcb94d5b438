import { Fault } from '../fault.js'
import { inJson, inputList, inputWithout, integer, list, number, object, string } from '../operation.js'
import type { Protocol, Served } from '../protocol.js'
import { listOf, members, notSupported } from './request.js'

/**
 * The classification API of vLLM. Token counts are 0, because the server does not count tokens.
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#classification-api
 */
export const vllm = ({ name, labels, nowMs, predict, inputSchema, limits }: Served): Protocol => ({
  name: 'vllm',
  refusal: {
    body: ({ message, code, status }) => ({ error: { message, type: code, param: null, code: status } }),
    schema: object({ error: object({ message: string, type: string, param: { type: 'null' }, code: integer }) }),
  },
  routes: [
    {
      method: 'POST',
      path: '/v1/classify',
      operation: () => ({
        id: 'classify',
        description: 'Needs a probability for each label of the model.',
        kinds: ['label'],
        request: {
          type: 'object',
          required: ['input'],
          additionalProperties: false,
          properties: {
            model: { const: name },
            input: { anyOf: [inputWithout(inputSchema, 'array'), inputList(inputSchema, limits)] },
          },
        },
        answers: { 200: inJson('One answer per input, in order.', classified) },
      }),
      async answer(call) {
        const { model = name, input } = members(call.body, ['model', 'input'])
        if (model !== name)
          throw new Fault(
            'not-found',
            `Cannot classify: there is no model ${JSON.stringify(model).slice(0, 100)}. The model is "${name}".`,
          )
        const predictions = await predict(listOf(input), call)
        const data = predictions.map((prediction, index) => {
          if (prediction.kind !== 'label')
            throw notSupported(`it has labels, but the model predicts a ${prediction.kind}`)
          const { label, probabilities } = prediction
          if (probabilities === undefined)
            throw notSupported('it needs a probability for each label, but the model gives none')
          const probs = (labels ?? Object.keys(probabilities)).map((one) => probabilities[one] ?? 0)
          return { index, label, probs, num_classes: probs.length }
        })
        const created = Math.floor(nowMs() / 1000)
        const usage = { prompt_tokens: 0, total_tokens: 0, completion_tokens: 0, prompt_tokens_details: null }
        return { json: { id: `classify-${call.id}`, object: 'list', created, model: name, data, usage } }
      },
    },
  ],
})

const classified = object({
  id: string,
  object: { const: 'list' },
  created: integer,
  model: string,
  data: list(object({ index: integer, label: string, probs: list(number), num_classes: integer })),
  usage: object({
    prompt_tokens: integer,
    total_tokens: integer,
    completion_tokens: integer,
    prompt_tokens_details: { type: 'null' },
  }),
})
