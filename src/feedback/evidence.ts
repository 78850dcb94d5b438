import { type CallContext, canonicalJson, type Json } from '../core/index.js'
import { answerOf, type Prediction } from '../model/index.js'
import type { Feedback, FeedbackRange, FeedbackStore, LoggedPrediction } from './feedback.js'

/** What people said about one input. */
export interface InputEvidence {
  readonly input: Json
  /** The answers that they spoke about, oldest first. */
  readonly predictions: readonly LoggedPrediction[]
  /** The last word of each source, oldest first. */
  readonly statements: readonly Statement[]
}

/** What one source says about one input. */
export interface Statement {
  readonly feedback: Feedback
  readonly prediction: LoggedPrediction
  /** `target`: the answer should be `target`. `doubt`: the answer `target` is wrong. `none`: neither. */
  readonly says: 'target' | 'doubt' | 'none'
  readonly target?: Json | undefined
}

export interface Evidence {
  readonly inputs: readonly InputEvidence[]
  /** Feedback about answers that the store does not have. */
  readonly orphans: readonly Feedback[]
  /** Feedback with a text that no sample can contain, in the input or in the target. */
  readonly unwritable: readonly Feedback[]
}

export interface EvidenceOptions {
  readonly range?: FeedbackRange | undefined
  /** Ids of feedback to leave out. */
  readonly known?: ReadonlySet<string> | undefined
}

/**
 * Joins feedback with the answers that it is about, by input. A source that spoke several times about one input counts once: its
 * last correction, or its last thumb if it corrected nothing.
 */
export async function gatherEvidence(
  store: FeedbackStore,
  { range = {}, known = new Set() }: EvidenceOptions,
  context: CallContext,
): Promise<Evidence> {
  const said: Feedback[] = []
  for await (const entry of store.read(range, context))
    if (entry.kind === 'feedback' && !known.has(entry.id)) said.push(entry)
  const orphans: Feedback[] = []
  const unwritable: Feedback[] = []
  const byInput = new Map<string, { input: Json; statements: Statement[] }>()
  const answers = new Map<string, LoggedPrediction | undefined>()
  for (const feedback of said.sort(inTime)) {
    context.signal.throwIfAborted()
    if (!answers.has(feedback.prediction))
      answers.set(feedback.prediction, await store.prediction(feedback.prediction, context))
    const prediction = answers.get(feedback.prediction)
    if (prediction === undefined) {
      orphans.push(feedback)
      continue
    }
    const meaning = meaningOf(feedback, prediction.prediction)
    const key = keyOf(prediction.input)
    if (key === undefined || keyOf(meaning.target ?? null) === undefined) {
      unwritable.push(feedback)
      continue
    }
    const found = byInput.get(key) ?? { input: prediction.input, statements: [] }
    found.statements.push({ feedback, prediction, ...meaning })
    byInput.set(key, found)
  }
  const inputs = [...byInput.values()].map(({ input, statements }) => ({
    input,
    predictions: [...new Map(statements.map(({ prediction }) => [prediction.id, prediction])).values()].sort(inTime),
    statements: lastWords(statements),
  }))
  return { inputs, orphans, unwritable }
}

/** Equal for equal values. `undefined` for text with half of a surrogate pair, which a client can send and no digest covers. */
export function keyOf(value: Json): string | undefined {
  try {
    return canonicalJson(value)
  } catch {
    return undefined
  }
}

function meaningOf({ content }: Feedback, prediction: Prediction): Pick<Statement, 'says' | 'target'> {
  if (content.kind === 'correction') return { says: 'target', target: content.target }
  const target = answerIn(prediction)
  if (content.kind !== 'thumb' || target === undefined) return { says: 'none' }
  return { says: content.isUp ? 'target' : 'doubt', target }
}

/** What a prediction answers, as a target. `undefined` for a vector, which nobody corrects. */
export function answerIn(prediction: Prediction): Json | undefined {
  const answer = answerOf(prediction)
  return typeof answer === 'object' ? undefined : answer
}

/** @param statements oldest first. */
function lastWords(statements: readonly Statement[]): readonly Statement[] {
  const rank = ({ feedback, says }: Statement) => (feedback.content.kind === 'correction' ? 2 : says === 'none' ? 0 : 1)
  const bySource = new Map<string, Statement>()
  for (const statement of statements) {
    const { source } = statement.feedback
    const before = bySource.get(source)
    if (before === undefined || rank(statement) >= rank(before)) bySource.set(source, statement)
  }
  return [...bySource.values()].sort((left, right) => inTime(left.feedback, right.feedback))
}

/** By time, and by id at the same time, so that the order in a store decides nothing. */
function inTime(left: Pick<Feedback, 'timeMs' | 'id'>, right: Pick<Feedback, 'timeMs' | 'id'>): number {
  return left.timeMs - right.timeMs || (left.id < right.id ? -1 : left.id > right.id ? 1 : 0)
}
