import { type CallContext, digestJson, type Json, SheikhError } from '../../core/index.js'
import { readTextFile } from '../../store/index.js'
import type { Feedback, FeedbackStore } from '../feedback.js'
import { pseudonyms } from '../source-pseudonym.js'
import { type FeedbackFormat, type FeedbackReader, isObject, type SkippedReason } from './foreign.js'
import { labelStudio } from './label-studio.js'
import { langfuse } from './langfuse.js'
import { phoenix } from './phoenix.js'

const readers: readonly FeedbackReader[] = [langfuse, phoenix, labelStudio]

export interface ReadFeedback {
  /** Absent for an empty list whose format was not given. */
  readonly format?: FeedbackFormat | undefined
  readonly feedback: readonly Feedback[]
  /** How many items of the file give no feedback, by reason. */
  readonly skipped: Readonly<Partial<Record<SkippedReason, number>>>
}

export interface ReadFeedbackOptions {
  /** The store that the feedback is for: its secret makes pseudonyms of the sources. */
  readonly store: FeedbackStore
  /** The tool that wrote the file. @default recognised by its content */
  readonly format?: FeedbackFormat | undefined
}

/**
 * Reads a file of scores of Langfuse, annotations of Phoenix or an export of Label Studio: a JSON list, an object with
 * such a list in `data`, or JSON Lines. The id of a feedback depends only on the file, so that reading it again adds
 * nothing. Nothing is stored.
 *
 * @throws `not-found`, `dataset-invalid`, `storage-failed`.
 */
export async function readFeedback(
  path: string,
  { store, format }: ReadFeedbackOptions,
  context: CallContext,
): Promise<ReadFeedback> {
  const text = await readTextFile(path)
  if (text === undefined)
    throw new SheikhError('not-found', `Cannot read ${JSON.stringify(path)}: it does not exist. Correct the name.`, {
      facts: { path },
    })
  const items = itemsOf(text, path)
  if (items.length === 0 && text.trim() === '') throw invalid(path, 'it is empty', 'Export it again')
  if (items.length === 0) return { ...(format !== undefined && { format }), feedback: [], skipped: {} }
  const reader = readers.find((one) =>
    format === undefined ? isObject(items[0]) && one.recognises(items[0]) : one.format === format,
  )
  if (reader === undefined && isObject(items[0]) && 'annotation_id' in items[0])
    throw invalid(path, 'it is an export of Label Studio in the format JSON-MIN', 'Export it in the format JSON')
  if (reader === undefined)
    throw invalid(
      path,
      'it is no list of scores of Langfuse, annotations of Phoenix or tasks of Label Studio',
      'Export it as JSON with all members',
    )
  const nameOf = await pseudonyms(store, context)
  const feedback: Feedback[] = []
  const skipped: Partial<Record<SkippedReason, number>> = {}
  for (const [index, item] of items.entries()) {
    if (!isObject(item) || !reader.recognises(item))
      throw invalid(path, `item ${index} has other members than ${reader.format} writes`, 'Export it again as JSON')
    for (const said of reader.read(item)) {
      if ('skipped' in said) {
        skipped[said.skipped] = (skipped[said.skipped] ?? 0) + 1
        continue
      }
      const { id, prediction, source, contents, timeMs = context.clock.nowMs() } = said
      for (const content of contents)
        feedback.push({
          kind: 'feedback',
          id: `${reader.format}:${digestJson([id, content.kind]).slice(7, 39)}`,
          prediction,
          timeMs,
          source: nameOf(reader.format, source),
          content,
        })
    }
  }
  return { format: reader.format, feedback, skipped }
}

function itemsOf(text: string, path: string): readonly Json[] {
  try {
    const value = JSON.parse(text) as Json
    const list = isObject(value) && Array.isArray(value['data']) ? value['data'] : value
    return Array.isArray(list) ? (list as readonly Json[]) : [list]
  } catch {
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    return lines.map((line, index) => {
      try {
        return JSON.parse(line) as Json
      } catch {
        throw invalid(path, `line ${index + 1} is not JSON`, 'Export it again as JSON')
      }
    })
  }
}

const invalid = (path: string, fact: string, remedy: string) =>
  new SheikhError('dataset-invalid', `Cannot read feedback from ${JSON.stringify(path)}: ${fact}. ${remedy}.`, {
    facts: { path },
  })
