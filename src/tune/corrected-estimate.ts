import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, isSheikhError, seededRandom } from '../core/index.js'
import { codesOf, type Evaluation, type Metric, numbersOf, readEvaluation } from '../evaluation/index.js'
import { evaluationFile } from '../pipeline/index.js'
import type { Store } from '../store/index.js'
import { type StoredTrial, signOf } from './trial.js'

/** What to expect of the winner on new rows like the development rows. */
export interface CorrectedEstimate {
  readonly value: number
  /** Between these values in 95 % of the resamples. */
  readonly interval: readonly [low: number, high: number]
  /** Number of different trials among which the winner was chosen. */
  readonly trials: number
  /** Number of groups of development rows. */
  readonly groups: number
}

/** The scores of one trial, summed by group. Value: sum of the scores over sum of the weights. */
export interface GroupScores {
  readonly scores: Float64Array
  /** The number of rows, except for a metric of kind `ratio`. */
  readonly weights: Float64Array
}

const mostResamples = 1000
/** Bounds the time to some seconds: this many products, but at least 100 resamples. */
const mostProducts = 2e9

/**
 * Corrects the winner's curse: the best of many trials owes a part of its value to luck with the development rows.
 *
 * Bootstrap bias correction: draws groups of rows with replacement, chooses the best trial on the drawn groups, scores it on the
 * groups that were not drawn, and averages. Source: I. Tsamardinos, E. Greasidou and G. Borboudakis, Bootstrapping the
 * out-of-sample predictions for efficient and accurate cross-validation (BBC-CV), Machine Learning 107 (2018) 1895–1922.
 * Each choice sees about 63 % of the groups, so the estimate tends to be a little pessimistic. It does not see that
 * training itself may have used the rows, for early stopping.
 *
 * @param trials one entry per trial, with equal groups. @returns `undefined` with fewer than two groups.
 */
export function bootstrapCorrected(
  trials: readonly GroupScores[],
  direction: Metric['direction'],
  seed: number,
): CorrectedEstimate | undefined {
  const groups = trials[0]?.scores.length ?? 0
  if (groups < 2) return undefined
  const sign = signOf(direction)
  const random = seededRandom(`${seed}`).fork("winner's curse")
  const resamples = Math.min(mostResamples, Math.max(100, Math.floor(mostProducts / (trials.length * groups))))
  const values: number[] = []
  const times = new Float64Array(groups)
  const isLeft = new Float64Array(groups)
  for (let round = 0; round < resamples; round += 1) {
    times.fill(0)
    for (let index = 0; index < groups; index += 1) times[random.below(groups)]! += 1
    for (let group = 0; group < groups; group += 1) isLeft[group] = times[group] === 0 ? 1 : 0
    let best: { readonly trial: GroupScores; readonly loss: number } | undefined
    for (const trial of trials) {
      const loss = sign * valueOn(trial, times)
      if (!Number.isNaN(loss) && (best === undefined || loss < best.loss)) best = { trial, loss }
    }
    const value = best === undefined ? Number.NaN : valueOn(best.trial, isLeft)
    // No group is left, or a ratio has no denominator there.
    if (!Number.isNaN(value)) values.push(value)
  }
  if (values.length === 0) return undefined
  const sorted = values.sort((a, b) => a - b)
  const quantile = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
  const value = values.reduce((sum, one) => sum + one, 0) / values.length
  return { value, interval: [quantile(0.025), quantile(0.975)], trials: trials.length, groups }
}

function valueOn({ scores, weights }: GroupScores, times: Float64Array): number {
  let score = 0
  let weight = 0
  for (let group = 0; group < times.length; group += 1) {
    score += times[group]! * scores[group]!
    weight += times[group]! * weights[group]!
  }
  return weight === 0 ? Number.NaN : score / weight
}

/** Reads the scores of the trials from the store. `undefined` if one is not there, or the metric is an aggregate. */
export async function correctedEstimate(
  {
    trials,
    store,
    direction,
    seed,
  }: {
    readonly trials: readonly StoredTrial[]
    readonly store: Store
    readonly direction: Metric['direction']
    readonly seed: number
  },
  context: CallContext,
): Promise<CorrectedEstimate | undefined> {
  const scores: GroupScores[] = []
  for (const trial of trials) {
    if (trial.state !== 'scored' || trial.duplicateOf !== undefined) continue
    const read = trial.evaluation === undefined ? undefined : await groupScoresOf(trial.evaluation, store, context)
    if (read === undefined) return undefined
    scores.push(read)
  }
  return bootstrapCorrected(scores, direction, seed)
}

async function groupScoresOf(files: Digest, store: Store, context: CallContext): Promise<GroupScores | undefined> {
  const directory = await store.workDirectory('scores')
  try {
    await store.objects.getDirectory(files, directory, context)
    return sumByGroup(await readEvaluation(join(directory, evaluationFile), context))
  } catch (error) {
    if (!isSheikhError(error, 'artifact-corrupt') && !isSheikhError(error, 'not-found')) throw error
    context.log.warn("The winner's estimate is not corrected: the scores of a trial are damaged or gone.")
    return undefined
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function sumByGroup({ groups, metrics: [metric] }: Evaluation): GroupScores | undefined {
  if (metric === undefined || metric.kind === 'aggregate') return undefined
  const { codes, names } = codesOf(groups)
  const scores = new Float64Array(names.length)
  const weights = new Float64Array(names.length)
  const itemScores = numbersOf(metric.scores)
  const itemWeights = metric.weights && numbersOf(metric.weights)
  for (let index = 0; index < codes.length; index += 1) {
    scores[codes[index]!]! += itemScores[index]!
    weights[codes[index]!]! += itemWeights === undefined ? 1 : itemWeights[index]!
  }
  return { scores, weights }
}
