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
    const annotations = objectsIn(task['annotations'])
    if (annotations.length === 0) return [{ skipped: 'without-value' }]
    return annotations.map((annotation) => said(task, annotation, prediction))
  },
}

/** The answer of each annotation of a task, or why it has none. */
export const labelStudioAnswers = (task: JsonObject): readonly Answer[] => objectsIn(task['annotations']).map(answerIn)

type Answer = { readonly target: Json; readonly comment: string | undefined } | { readonly skipped: SkippedReason }

function answerIn(annotation: JsonObject): Answer {
  if (annotation['was_cancelled'] === true) return { skipped: 'cancelled' }
  const results = objectsIn(annotation['result'])
  const texts = results.flatMap(textsOf)
  const chosen = results.flatMap(chosenOf)
  // Beside another answer, a text is a comment.
  const targets = chosen.length > 0 ? chosen : texts
  // The scale of a rating is in the settings of the project only.
  if (targets.length === 0)
    return { skipped: results.some(({ type }) => type === 'rating') ? 'score-not-in-0-1' : 'without-value' }
  const [target] = targets
  // Several choices, or one with its parents, are no answer that a classifier could give.
  if (targets.length > 1 || Array.isArray(target)) return { skipped: 'not-one-answer' }
  return { target: target!, comment: chosen.length > 0 && texts.length > 0 ? texts.join('\n') : undefined }
}

function said(task: JsonObject, annotation: JsonObject, prediction: string | undefined): Said {
  const answer = answerIn(annotation)
  if ('skipped' in answer && answer.skipped === 'cancelled') return answer
  if (prediction === undefined) return { skipped: 'without-prediction-id' }
  if ('skipped' in answer) return answer
  const { target, comment } = answer
  const contents: FeedbackContent[] = [{ kind: 'correction', target }]
  if (comment !== undefined) contents.push({ kind: 'text', text: comment })
  const by = annotation['completed_by']
  const source = isObject(by) ? (textIn(by['id']) ?? textIn(by['email'])) : textIn(by)
  return {
    id: `${textIn(task['id']) ?? prediction}:${textIn(annotation['id']) ?? `by-${source}`}`,
    prediction,
    timeMs: timeIn(annotation['updated_at'], annotation['created_at']),
    source: source ?? '',
    contents,
  }
}

/** Labels and numbers. A nested choice is the list of its parents and itself; without parents it is the choice alone. */
function chosenOf({ type, value }: JsonObject): readonly Json[] {
  if (!isObject(value)) return []
  if (type === 'number') return typeof value['number'] === 'number' ? [value['number']] : []
  const listed = type === 'choices' || type === 'taxonomy' ? value[type] : undefined
  const paths = Array.isArray(listed) ? (listed as readonly Json[]) : []
  return paths.map((path) => (Array.isArray(path) && path.length === 1 ? path[0]! : path))
}

function textsOf({ type, value }: JsonObject): readonly string[] {
  const text = type === 'textarea' && isObject(value) ? value['text'] : undefined
  return (Array.isArray(text) ? text : [text]).filter((one): one is string => typeof one === 'string' && one !== '')
}
