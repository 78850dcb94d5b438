import type { JsonObject } from '../../core/index.js'
import type { FeedbackContent } from '../feedback.js'
import { type FeedbackReader, isShare, predictionId, type Said, textIn, thumbOf, timeIn } from './foreign.js'

/**
 * Scores of Langfuse: `{ traceId, name, value, stringValue, dataType, comment, source, authorUserId }`
 * (https://langfuse.com/docs/evaluation/evaluation-methods/data-model). The id of the trace must be the id of the answer.
 */
export const langfuse: FeedbackReader = {
  format: 'langfuse',
  recognises: (item) => 'traceId' in item && 'name' in item && 'value' in item,
  read: (item) => [said(item)],
}

function said(item: JsonObject): Said {
  const prediction = predictionId(item['traceId'])
  if (prediction === undefined) return { skipped: 'without-prediction-id' }
  // A score that a model or a program gave.
  if (item['source'] === 'EVAL') return { skipped: 'not-by-a-person' }
  const comment = textIn(item['comment'])
  const content = contentOf(item)
  if (content === 'score-not-in-0-1') return { skipped: content }
  const contents = [content, comment === undefined ? undefined : ({ kind: 'text', text: comment } as const)]
  const found = contents.filter((one) => one !== undefined)
  if (found.length === 0) return { skipped: 'without-value' }
  return {
    id: textIn(item['id']) ?? `${prediction}:${String(item['name'])}`,
    prediction,
    timeMs: timeIn(item['timestamp'], item['createdAt']),
    source: textIn(item['authorUserId']) ?? textIn(item['source']) ?? '',
    contents: found,
  }
}

function contentOf({ dataType, value, stringValue }: JsonObject): FeedbackContent | 'score-not-in-0-1' | undefined {
  if (dataType === 'BOOLEAN') return value === 1 || value === 0 ? { kind: 'thumb', isUp: value === 1 } : undefined
  const label = typeof value === 'string' ? value : textIn(stringValue)
  if (label !== undefined) return thumbOf(label) ?? { kind: 'correction', target: label }
  if (typeof value !== 'number') return undefined
  return isShare(value) ? { kind: 'rating', score: value } : 'score-not-in-0-1'
}
