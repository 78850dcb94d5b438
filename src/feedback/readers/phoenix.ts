import type { JsonObject } from '../../core/index.js'
import type { FeedbackContent } from '../feedback.js'
import { type FeedbackReader, isObject, isShare, predictionId, type Said, textIn, thumbOf, timeIn } from './foreign.js'

/**
 * Annotations of Arize Phoenix: `{ span_id, name, annotator_kind, result: { label, score, explanation }, identifier }`
 * (https://arize.com/docs/phoenix/tracing/llm-traces/how-to-annotate-traces). The answer's id is `metadata.prediction`,
 * or the id of the span.
 */
export const phoenix: FeedbackReader = {
  format: 'phoenix',
  recognises: (item) => 'span_id' in item && 'annotator_kind' in item,
  read: (item) => [said(item)],
}

function said(item: JsonObject): Said {
  const metadata = isObject(item['metadata']) ? item['metadata'] : {}
  const prediction = predictionId(metadata['prediction'] ?? item['span_id'])
  if (prediction === undefined) return { skipped: 'without-prediction-id' }
  if (item['annotator_kind'] !== 'HUMAN') return { skipped: 'not-by-a-person' }
  // A table of its client has a column for each member of the result.
  const resultOf = (name: string) => (isObject(item['result']) ? item['result'][name] : item[`result.${name}`])
  const label = textIn(resultOf('label'))
  const score = resultOf('score')
  const explanation = textIn(resultOf('explanation'))
  if (label === undefined && typeof score === 'number' && !isShare(score)) return { skipped: 'score-not-in-0-1' }
  const contents: FeedbackContent[] = []
  if (label !== undefined) contents.push(thumbOf(label) ?? { kind: 'correction', target: label })
  else if (isShare(score)) contents.push({ kind: 'rating', score })
  if (explanation !== undefined) contents.push({ kind: 'text', text: explanation })
  if (contents.length === 0) return { skipped: 'without-value' }
  const identifier = textIn(item['identifier']) ?? ''
  return {
    id: textIn(item['id']) ?? `${prediction}:${String(item['name'])}:${identifier}`,
    prediction,
    timeMs: timeIn(item['updated_at'], item['created_at']),
    // A note of the page has an identifier of its own, which names nobody.
    source: textIn(item['user_id']) ?? (identifier.startsWith('px-span-note:') ? '' : identifier),
    contents,
  }
}
