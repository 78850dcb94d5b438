import { type CallContext, callContext, type Json, SheikhError } from '../core/index.js'
import { type Dataset, TextIndex } from '../dataset/index.js'
import type { Prediction } from '../model/index.js'
import { answerIn, keyOf } from './evidence.js'
import type { FeedbackRange, FeedbackStore, LoggedPrediction } from './feedback.js'

export interface ChooseForLabellingOptions {
  /** Number of inputs. @default 50 */
  readonly count?: number | undefined
  /** The answers to choose from. @default all */
  readonly range?: FeedbackRange | undefined
  /**
   * `margin`: 1 minus the difference of the two largest probabilities. `entropy`: of all probabilities, as a share of its maximum.
   * @default 'margin'
   */
  readonly measure?: 'margin' | 'entropy' | undefined
  /** Leaves out inputs that are equal or similar to a row of this dataset. @default none */
  readonly dataset?: Dataset<unknown, unknown> | undefined
  /** Answers of another release to the inputs, in order: an input that it answers differently is worth a label. */
  readonly second?: ((inputs: readonly Json[]) => Promise<readonly Prediction[]>) | undefined
  readonly context?: CallContext | undefined
}

/** An input that is worth a label. */
export interface LabellingChoice {
  /** The newest answer to it. */
  readonly prediction: LoggedPrediction
  /** 0..1. Absent: the answer has no probabilities. */
  readonly uncertainty?: number | undefined
  /** Whether releases answer differently. */
  readonly disagreement: boolean
}

/** More inputs are not compared with the dataset or with another release: those that come first by the log alone are. */
const mostCompared = 10_000
const batchSize = 64

/**
 * Chooses logged inputs that nobody judged and that are most worth a label: those that releases answer differently first, then the
 * most uncertain ones. Of similar inputs it chooses one. The same log gives the same choice.
 *
 * Uncertainty sampling: Lewis and Gale 1994, "A sequential algorithm for training text classifiers"; margin: Scheffer, Decomain and
 * Wrobel 2001; disagreement: Seung, Opper and Sompolinsky 1992, "Query by committee".
 *
 * The choice is no random sample of the traffic: do not estimate accuracy with it, and do not pin it as an evaluation set.
 *
 * @throws `invalid-options`; as `FeedbackStore.read` and `Dataset.contents`.
 */
export async function chooseForLabelling(
  store: FeedbackStore,
  options: ChooseForLabellingOptions = {},
): Promise<readonly LabellingChoice[]> {
  const { count = 50, range = {}, measure = 'margin', dataset, second, context = callContext() } = options
  if (!Number.isSafeInteger(count) || count < 1)
    throw new SheikhError(
      'invalid-options',
      `Cannot choose ${count} inputs: the number is not an integer of at least 1. Give one such as 50.`,
    )
  const logged = (await unjudged(store, range, context)).map((answers): LabellingChoice => {
    const prediction = answers.at(-1)!
    return {
      prediction,
      uncertainty: uncertaintyOf(prediction.prediction, measure),
      disagreement: differs([...newestByRelease(answers).values()].map((answer) => answer.prediction)),
    }
  })
  const first = logged.sort(byWorth).slice(0, mostCompared)
  const compared = second === undefined ? first : await withSecond(first, second, context)
  const choices = compared
    .filter(({ disagreement, uncertainty }) => disagreement || uncertainty !== undefined)
    .sort(byWorth)
  const known = dataset === undefined ? new Set<string>() : await inDataset(choices, dataset, context)
  return diverse(
    choices.filter(({ prediction }) => !known.has(prediction.id)),
    count,
  )
}

/** The answers to each input that nobody judged, oldest first. */
async function unjudged(
  store: FeedbackStore,
  range: FeedbackRange,
  context: CallContext,
): Promise<readonly (readonly LoggedPrediction[])[]> {
  const byInput = new Map<string, LoggedPrediction[]>()
  const judged = new Set<string>()
  const { fromMs, untilMs = Number.POSITIVE_INFINITY } = range
  // Also what people said after the range: an answer that was judged later needs no label.
  for await (const entry of store.read({ fromMs }, context)) {
    context.signal.throwIfAborted()
    if (entry.kind === 'prediction' && entry.timeMs < untilMs) {
      const key = keyOf(entry.input)
      // No sample can have this input.
      if (key === undefined) continue
      const answers = byInput.get(key)
      if (answers === undefined) byInput.set(key, [entry])
      else answers.push(entry)
    } else if (entry.kind === 'feedback' && ['correction', 'thumb'].includes(entry.content.kind))
      judged.add(entry.prediction)
  }
  return [...byInput.values()]
    .filter((answers) => !answers.some(({ id }) => judged.has(id)))
    .map((answers) => answers.sort((left, right) => left.timeMs - right.timeMs || (left.id < right.id ? -1 : 1)))
}

function newestByRelease(answers: readonly LoggedPrediction[]): ReadonlyMap<string, LoggedPrediction> {
  return new Map(answers.map((answer) => [answer.release.bundle, answer]))
}

const differs = (predictions: readonly Prediction[]) =>
  new Set(predictions.map((prediction) => JSON.stringify(answerIn(prediction) ?? null))).size > 1

function uncertaintyOf(prediction: Prediction, measure: 'margin' | 'entropy'): number | undefined {
  if (prediction.kind !== 'label' || prediction.probabilities === undefined) return undefined
  const probabilities = Object.values(prediction.probabilities).sort((left, right) => right - left)
  const [largest, next] = probabilities
  if (largest === undefined || next === undefined) return undefined
  if (measure === 'margin') return 1 - (largest - next)
  const entropy = probabilities.reduce((sum, share) => sum - (share > 0 ? share * Math.log(share) : 0), 0)
  return entropy / Math.log(probabilities.length)
}

function byWorth(left: LabellingChoice, right: LabellingChoice): number {
  return (
    Number(right.disagreement) - Number(left.disagreement) ||
    (right.uncertainty ?? -1) - (left.uncertainty ?? -1) ||
    (left.prediction.id < right.prediction.id ? -1 : 1)
  )
}

async function withSecond(
  choices: readonly LabellingChoice[],
  second: NonNullable<ChooseForLabellingOptions['second']>,
  context: CallContext,
): Promise<readonly LabellingChoice[]> {
  const compared: LabellingChoice[] = []
  for (let start = 0; start < choices.length; start += batchSize) {
    context.signal.throwIfAborted()
    const batch = choices.slice(start, start + batchSize)
    const answers = await second(batch.map(({ prediction }) => prediction.input))
    for (const [index, choice] of batch.entries())
      compared.push({
        ...choice,
        disagreement: choice.disagreement || differs([choice.prediction.prediction, answers[index]!]),
      })
  }
  return compared
}

/** Ids of the answers whose input is equal or similar to a row. */
async function inDataset(
  choices: readonly LabellingChoice[],
  dataset: Dataset<unknown, unknown>,
  context: CallContext,
): Promise<ReadonlySet<string>> {
  const index = new TextIndex(choices.map(({ prediction }) => prediction.input))
  for (const { prediction } of choices) index.add(prediction.id, prediction.input)
  const known = new Set<string>()
  for await (const { input } of (await dataset.contents(context)).whole())
    for (const id of index.find(input)) known.add(id)
  return known
}

/** Of similar inputs the first one. */
function diverse(choices: readonly LabellingChoice[], count: number): readonly LabellingChoice[] {
  const index = new TextIndex(choices.map(({ prediction }) => prediction.input))
  const chosen: LabellingChoice[] = []
  for (const choice of choices) {
    if (chosen.length === count) break
    if (index.find(choice.prediction.input).size > 0) continue
    index.add(choice.prediction.id, choice.prediction.input)
    chosen.push(choice)
  }
  return chosen
}
