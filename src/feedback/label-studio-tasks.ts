import { type Json, type JsonObject, toJson } from '../core/index.js'
import type { LabellingChoice } from './choose-for-labelling.js'

/**
 * Tasks for Label Studio's import (https://labelstud.io/guide/tasks): the input as `data`, with the id of the answer in
 * `data.prediction`, and the answer of the release as a prediction of the control `label`. A text becomes `data.text`.
 */
export function labelStudioTasks(choices: readonly LabellingChoice[]): readonly JsonObject[] {
  return choices.map(({ prediction, uncertainty, disagreement }) => {
    const { id, input, release, prediction: answer } = prediction
    const fields = typeof input === 'object' && input !== null && !Array.isArray(input) ? input : { text: input }
    const label = answer.kind === 'label' ? answer.label : undefined
    const choice = { from_name: 'label', to_name: 'text', type: 'choices', value: { choices: [label] } }
    const score = answer.kind === 'label' ? answer.probabilities?.[answer.label] : undefined
    return toJson({
      data: { ...fields, prediction: id },
      meta: { disagreement, ...(uncertainty !== undefined && { uncertainty }) },
      ...(label !== undefined && {
        predictions: [{ model_version: release.version, ...(score !== undefined && { score }), result: [choice] }],
      }),
    } as Json) as JsonObject
  })
}
