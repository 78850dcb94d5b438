import type { Json, JsonObject } from '../../core/index.js'
import type { FeedbackContent } from '../feedback.js'
import {
  type FeedbackReader,
  isObject,
  objectsIn,
  predictionId,
  type Said,
  type SkippedReason,
  textIn,
  timeIn,
} from './foreign.js'

/** Whether a value is a task of a JSON export of Label Studio (https://labelstud.io/guide/export). */
export const isLabelStudioTask = (item: JsonObject): boolean =>
  isObject(item['data']) && Array.isArray(item['annotations'])

/**
 * A JSON export of Label Studio: tasks with `annotations` (https://labelstud.io/guide/export). The answer's id is
 * `data.prediction` of the task. Each annotator is a source.
 */
export const labelStudio: FeedbackReader = {
  format: 'label-studio',
  recognises: isLabelStudioTask,
  read: (task) => {
    const prediction = predictionId((task['data'] as JsonObject)['prediction'])
    return objectsIn(task['annotations']).map((annotation) => said(task, annotation, prediction))
  },
}

/** The answer of each annotation of a task, or why it has none. */
export const labelStudioAnswers = (
  task: JsonObject,
): readonly ({ readonly target: Json } | { readonly skipped: SkippedReason })[] =>
  objectsIn(task['annotations']).map(answerIn)

function answerIn(annotation: JsonObject): { readonly target: Json } | { readonly skipped: SkippedReason } {
  if (annotation['was_cancelled'] === true) return { skipped: 'cancelled' }
  const targets = objectsIn(annotation['result']).flatMap(targetsOf)
  if (targets.length === 0) return { skipped: 'without-value' }
  // Several choices are no answer that a classifier could give.
  return targets.length > 1 ? { skipped: 'not-one-answer' } : { target: targets[0]! }
}

function said(task: JsonObject, annotation: JsonObject, prediction: string | undefined): Said {
  const answer = answerIn(annotation)
  if ('skipped' in answer && answer.skipped === 'cancelled') return answer
  if (prediction === undefined) return { skipped: 'without-prediction-id' }
  if ('skipped' in answer) return answer
  const by = annotation['completed_by']
  const source = isObject(by) ? (textIn(by['id']) ?? textIn(by['email'])) : textIn(by)
  return {
    id: `${textIn(task['id']) ?? prediction}:${textIn(annotation['id']) ?? `by-${source}`}`,
    prediction,
    timeMs: timeIn(annotation['updated_at'], annotation['created_at']),
    source: source ?? '',
    contents: [{ kind: 'correction', target: answer.target } satisfies FeedbackContent],
  }
}

function targetsOf({ type, value }: JsonObject): readonly Json[] {
  if (!isObject(value)) return []
  const listed = type === 'choices' ? value['choices'] : type === 'textarea' ? value['text'] : undefined
  if (Array.isArray(listed)) return listed as readonly Json[]
  if (type === 'textarea' && typeof value['text'] === 'string') return [value['text']]
  return type === 'number' && typeof value['number'] === 'number' ? [value['number']] : []
}
