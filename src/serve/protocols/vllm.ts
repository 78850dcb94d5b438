import { Fault } from '../fault.js'
import type { Protocol, Served } from '../protocol.js'
import { listOf, members, notSupported } from './request.js'

/**
 * The classification API of vLLM. Token counts are 0, because the server does not count tokens.
 * https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#classification-api
 */
export const vllm = ({ name, labels, nowMs, predict }: Served): Protocol => ({
  name: 'vllm',
  errorBody: ({ message, code, status }) => ({ error: { message, type: code, param: null, code: status } }),
  routes: [
    {
      method: 'POST',
      path: '/v1/classify',
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
