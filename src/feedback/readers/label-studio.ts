import type { Json, JsonObject } from '../../core/index.js'
import type { FeedbackContent } from '../feedback.js'
import { type FeedbackReader, isObject, objectsIn, predictionId, type Said, textIn, timeIn } from './foreign.js'

/**
 * A JSON export of Label Studio: tasks with `annotations` (https://labelstud.io/guide/export). The answer's id is
 * `data.prediction` of the task. Each annotator is a source.
 */
export const labelStudio: FeedbackReader = {
  format: 'label-studio',
  recognises: (item) => isObject(item['data']) && Array.isArray(item['annotations']),
  read: (task) => {
    const prediction = predictionId((task['data'] as JsonObject)['prediction'])
    return objectsIn(task['annotations']).map((annotation) => said(task, annotation, prediction))
  },
}

function said(task: JsonObject, annotation: JsonObject, prediction: string | undefined): Said {
  if (annotation['was_cancelled'] === true) return { skipped: 'cancelled' }
  if (prediction === undefined) return { skipped: 'without-prediction-id' }
  const results = objectsIn(annotation['result'])
  const targets = results.flatMap(targetsOf)
  if (targets.length === 0) return { skipped: 'without-value' }
  // Several choices are no answer that a classifier could give.
  if (targets.length > 1) return { skipped: 'not-one-answer' }
  const by = annotation['completed_by']
  const source = isObject(by) ? (textIn(by['id']) ?? textIn(by['email'])) : textIn(by)
  return {
    id: `${textIn(task['id']) ?? prediction}:${textIn(annotation['id']) ?? `by-${source}`}`,
    prediction,
    timeMs: timeIn(annotation['updated_at'], annotation['created_at']),
    source: source ?? '',
    contents: [{ kind: 'correction', target: targets[0]! } satisfies FeedbackContent],
  }
}

function targetsOf({ type, value }: JsonObject): readonly Json[] {
  if (!isObject(value)) return []
  const listed = type === 'choices' ? value['choices'] : type === 'textarea' ? value['text'] : undefined
  if (Array.isArray(listed)) return listed as readonly Json[]
  if (type === 'textarea' && typeof value['text'] === 'string') return [value['text']]
  return type === 'number' && typeof value['number'] === 'number' ? [value['number']] : []
}
