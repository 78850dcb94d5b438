import type { Json, JsonObject } from '../../core/index.js'
import type { FeedbackContent } from '../feedback.js'
import {
  type FeedbackReader,
  isObject,
  isShare,
  predictionId,
  type Said,
  type SkippedReason,
  textIn,
  thumbOf,
  timeIn,
} from './foreign.js'

/**
 * Scores as the API of Langfuse answers them, of version 2 (`traceId`, `stringValue`) and 3 (`subject`, a typed `value`)
 * (https://langfuse.com/docs/evaluation/evaluation-methods/data-model), and as its exports to blob storage write them (`trace_id`,
 * https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields). The answer's id is `metadata.prediction`,
 * or the id of the trace.
 */
export const langfuse: FeedbackReader = {
  format: 'langfuse',
  recognises: (item) =>
    'name' in item &&
    'value' in item &&
    ['dataType', 'traceId', 'data_type', 'trace_id'].some((member) => Object.hasOwn(item, member)),
  read: (item) => [said(asInApi(item))],
}

/** Exports to blob storage and `model_dump` of the SDK name `traceId` `trace_id`. */
const asInApi = (item: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  )

function said(item: JsonObject): Said {
  const prediction = predictionOf(item)
  if (prediction === undefined) return { skipped: 'without-prediction-id' }
  // A score that a model or a program gave.
  if (item['source'] === 'EVAL') return { skipped: 'not-by-a-person' }
  const contents = contentsOf(item)
  if (!Array.isArray(contents)) return { skipped: contents as SkippedReason }
  return {
    id: textIn(item['id']) ?? `${prediction}:${String(item['name'])}`,
    prediction,
    timeMs: timeIn(item['timestamp'], item['createdAt']),
    source: textIn(item['authorUserId']) ?? textIn(item['source']) ?? '',
    contents,
  }
}

/** Scores of sessions and experiments have no trace. */
function predictionOf({ metadata, traceId, subject }: JsonObject): string | undefined {
  const known = isObject(metadata) ? metadata['prediction'] : undefined
  const { kind, id = null, traceId: parent = null } = isObject(subject) ? asInApi(subject) : {}
  return predictionId(known ?? traceId ?? (kind === 'trace' ? id : parent))
}

function contentsOf({ dataType, value, stringValue, comment }: JsonObject): readonly FeedbackContent[] | SkippedReason {
  const text = typeof value === 'string' ? textIn(value) : textIn(stringValue)
  const texts = [dataType === 'TEXT' ? text : undefined, textIn(comment)].filter((one) => one !== undefined)
  const content = dataType === 'TEXT' ? undefined : contentOf(dataType, value, text)
  if (content === 'score-not-in-0-1') return content
  const contents: FeedbackContent[] = content === undefined ? [] : [content]
  if (texts.length > 0) contents.push({ kind: 'text', text: texts.join('\n') })
  return contents.length === 0 ? 'without-value' : contents
}

/** @param text the value if it is a text; version 2 has a number beside it, such as the index of a category. */
function contentOf(
  dataType: Json | undefined,
  value: Json | undefined,
  text: string | undefined,
): FeedbackContent | 'score-not-in-0-1' | undefined {
  if (dataType === 'BOOLEAN')
    return [true, false, 1, 0].includes(value as boolean) ? { kind: 'thumb', isUp: Boolean(value) } : undefined
  if (dataType === 'CORRECTION') return text === undefined ? undefined : { kind: 'correction', target: text }
  if (text !== undefined) return thumbOf(text) ?? { kind: 'correction', target: text }
  if (typeof value !== 'number') return undefined
  return isShare(value) ? { kind: 'rating', score: value } : 'score-not-in-0-1'
}
