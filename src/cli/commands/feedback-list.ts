import { SheikhError } from '../../core/index.js'
import type { FeedbackContent, FeedbackEntry } from '../../feedback/index.js'
import { answerOf } from '../../model/index.js'
import { moment } from '../../report/texts/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { contextOf, feedbackStoreOf } from '../feedback-store.js'

/** `sheikh feedback list`: the entries, oldest first. */
export async function listFeedback(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const limit = input.values['limit'] === undefined ? Number.POSITIVE_INFINITY : Number(input.values['limit'])
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(limit) && limit > 0))
    throw new SheikhError(
      'invalid-options',
      `Cannot list feedback: "--limit ${input.values['limit']}" is not a whole number above 0. See: sheikh feedback --help`,
    )
  const entries: FeedbackEntry[] = []
  for await (const entry of feedbackStoreOf(input, terminal).read({}, contextOf(terminal))) {
    entries.push(entry)
    if (entries.length > limit) entries.shift()
  }
  const text = entries.length === 0 ? 'There is no feedback.' : entries.map(lineOf).join('\n')
  return { text, json: toJson({ entries }) }
}

// Without the input: it is the text of a person.
function lineOf(entry: FeedbackEntry): string {
  const beginning = `${moment(entry.timeMs)}  ${entry.kind.padEnd(10)}`
  if (entry.kind === 'prediction')
    return `${beginning}  ${entry.id}  ${entry.release.version}  ${shortened(answerOf(entry.prediction))}`
  if (entry.kind === 'exposure')
    return `${beginning}  ${entry.experiment.name}  ${entry.experiment.variant}, unit ${entry.experiment.unit}`
  if (entry.kind === 'outcome')
    return `${beginning}  ${entry.experiment.name}  ${entry.metric} ${entry.value}, unit ${entry.experiment.unit}`
  return `${beginning}  ${entry.prediction}  ${contentText(entry.content)}  from ${entry.source}`
}

function contentText(content: FeedbackContent): string {
  switch (content.kind) {
    case 'thumb':
      return content.isUp ? 'thumb up' : 'thumb down'
    case 'correction':
      return `correction ${shortened(content.target)}`
    case 'rating':
      return `rating ${content.score}`
    case 'text':
      return `text ${shortened(content.text)}`
  }
}

const shortened = (value: unknown) => {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
