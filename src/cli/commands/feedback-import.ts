import { resolve } from 'node:path'
import { SheikhError } from '../../core/index.js'
import { type Feedback, type FeedbackFormat, readFeedback } from '../../feedback/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { contextOf, feedbackStoreOf } from '../feedback-store.js'

export const feedbackFormats = ['langfuse', 'phoenix', 'label-studio'] as const

/** `sheikh feedback import <file>`: adds what another tool collected about answers in the store. */
export async function importFeedback(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const file = input.positionals[1]
  const format = input.values['format']
  if (file === undefined) throw usage('no file is named')
  if (format !== undefined && !feedbackFormats.includes(format as FeedbackFormat))
    throw usage(`"--format ${format}" is none of ${feedbackFormats.join(', ')}`)
  const store = feedbackStoreOf(input, terminal, { isNew: true })
  const context = contextOf(terminal)
  const options = { store, format: format as FeedbackFormat | undefined }
  const read = await readFeedback(resolve(terminal.cwd, file), options, context)
  const about: Feedback[] = []
  for (const feedback of read.feedback)
    if ((await store.prediction(feedback.prediction, context)) !== undefined) about.push(feedback)
  const added = await store.append(about, context)
  const counts = {
    ...(read.format !== undefined && { format: read.format }),
    added,
    known: about.length - added,
    unknownPrediction: read.feedback.length - about.length,
    skipped: read.skipped,
  }
  const skipped = Object.entries(read.skipped).map(([reason, count]) => `\nSkipped: ${count} ${reason}`)
  const from = read.format === undefined ? '' : ` from ${read.format}`
  const text = `Added ${added} of ${read.feedback.length}${from}; ${counts.known} were known, and ${counts.unknownPrediction} are about answers that are not in the store.${skipped.join('')}`
  return { text, json: toJson(counts) }
}

const usage = (fact: string) =>
  new SheikhError('invalid-options', `Cannot import feedback: ${fact}. See: sheikh feedback --help`)
