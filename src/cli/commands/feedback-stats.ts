import { feedbackStats } from '../../feedback/index.js'
import { percent } from '../../report/texts/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { contextOf, feedbackStoreOf } from '../feedback-store.js'

/** `sheikh feedback stats`: the entries in numbers. */
export async function showStats(input: Arguments, terminal: Terminal): Promise<CommandResult> {
  const stats = await feedbackStats(feedbackStoreOf(input, terminal), {}, contextOf(terminal))
  const { predictions, feedback, predictionsWithFeedback, byKind, thumbsUp, sources, mostFromOneSource } = stats
  const lines = [
    `Predictions: ${predictions}, of which ${predictionsWithFeedback} have feedback`,
    `Feedback: ${feedback} from ${sources} ${sources === 1 ? 'source' : 'sources'}, at most ${mostFromOneSource} from one`,
    `Thumbs: ${byKind.thumb}${thumbsUp === undefined ? '' : `, ${percent(thumbsUp)} up`}`,
    `Corrections: ${byKind.correction}`,
    `Ratings: ${byKind.rating}`,
    `Texts: ${byKind.text}`,
  ]
  return { text: lines.join('\n'), json: toJson(stats) }
}
