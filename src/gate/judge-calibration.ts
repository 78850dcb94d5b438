import { seededRandom } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import { binomialLowerBound, binomialUpperBound } from '../statistics/index.js'
import { type Answer, alpha, confidenceOf } from './answer.js'
import type { ReliabilityBin } from './gate.js'
import { groupCodes } from './paired-groups.js'

const mostBins = 15
/** Below this many groups a bin says nothing. */
const groupsPerBin = 20
/** For a claim of harm: few, so that each has an exact bound of some use. */
const coarseBins = 5

/** How sure the model was of what it said, and whether it was right, a value a group, sorted by the first. */
interface Calibration {
  readonly confidence: Float64Array
  readonly right: Float64Array
}

export function judgeCalibration(evaluation: Evaluation, maximumError: number, passAlpha: number): Answer {
  const found = calibrationOf(evaluation)
  const items = evaluation.ids.length
  if (typeof found === 'string') return { status: 'inconclusive', items, reason: found }
  const n = found.confidence.length
  if (n < groupsPerBin)
    return {
      status: 'inconclusive',
      items,
      groups: n,
      reason: `${n} independent items are too few to judge calibration: ${groupsPerBin} are the fewest`,
    }
  const bins = Math.min(mostBins, Math.floor(n / groupsPerBin))
  const binOf = Uint32Array.from({ length: n }, (_, group) => Math.floor((group * bins) / n))
  const gaps = found.confidence.map((confidence, group) => confidence - found.right[group]!)
  const estimate = errorOf(gaps, binOf, bins)
  const upper = upperPercentile(gaps, binOf, bins, passAlpha)
  const lower = exactLowerBound(found)
  const status = upper <= maximumError ? 'pass' : lower > maximumError ? 'fail' : 'inconclusive'
  const bound =
    status === 'fail'
      ? `at least ${percent(lower)} with ${confidenceOf(alpha)}`
      : `at most ${percent(upper)} with ${confidenceOf(passAlpha)}`
  return {
    status,
    reason: `what the model is sure of and what is right differ by ${percent(estimate)} on average over ${n} independent items, ${bound} confidence; ${percent(maximumError)} are allowed`,
    estimate,
    lower,
    upper,
    items,
    groups: n,
    engine: status === 'fail' ? 'Clopper-Pearson by bin' : 'percentile bootstrap by group',
    reliability: reliabilityOf(found, binOf, bins),
  }
}

/** By group, or in words why there is nothing to judge. */
function calibrationOf(evaluation: Evaluation): Calibration | string {
  const { predictions, targets, outcomes } = evaluation
  const { codes, count } = groupCodes(evaluation)
  const [confidence, right, size] = [new Float64Array(count), new Float64Array(count), new Float64Array(count)]
  for (let item = 0; item < evaluation.ids.length; item += 1) {
    if (outcomes.at(item) !== 'ok') return 'some items were not answered: infrastructure is not quality, ask again'
    const prediction = predictions.at(item)
    const sure = prediction?.kind === 'label' ? prediction.probabilities?.[prediction.label] : undefined
    if (sure === undefined || !(sure >= 0 && sure <= 1)) return 'the model gives no probabilities'
    const group = codes[item]!
    confidence[group]! += sure
    right[group]! += prediction?.kind === 'label' && prediction.label === targets.at(item) ? 1 : 0
    size[group]! += 1
  }
  const sure = confidence.map((sum, group) => sum / size[group]!)
  const order = Uint32Array.from({ length: count }, (_, group) => group)
  order.sort((one, other) => sure[one]! - sure[other]! || one - other)
  return {
    confidence: Float64Array.from(order, (group) => sure[group]!),
    right: Float64Array.from(order, (group) => right[group]! / size[group]!),
  }
}

function errorOf(gaps: Float64Array, binOf: Uint32Array, bins: number, picks?: Uint32Array): number {
  const sums = new Float64Array(bins)
  for (let position = 0; position < gaps.length; position += 1) {
    const group = picks === undefined ? position : picks[position]!
    sums[binOf[group]!]! += gaps[group]!
  }
  return sums.reduce((total, sum) => total + Math.abs(sum), 0) / gaps.length
}

/** Of resamples by group: a plain percentile, whose error is above the truth twice over, so that no pass rests on chance. */
function upperPercentile(gaps: Float64Array, binOf: Uint32Array, bins: number, level: number): number {
  const n = gaps.length
  // As many as a second or two allow; the least that a percentile of 5 % needs.
  const resamples = Math.max(Math.ceil(10 / level), Math.min(2000, Math.floor(2e8 / n)))
  const random = seededRandom('calibration')
  const picks = new Uint32Array(n)
  const errors = Float64Array.from({ length: resamples }, () => {
    random.fillBelow(picks, n)
    return errorOf(gaps, binOf, bins, picks)
  }).sort()
  return errors[Math.ceil((1 - level) * resamples) - 1]!
}

/**
 * What the error is at least: by bin, how far an exact bound of the share that is right stays from the mean confidence.
 * Coarser bins only lower the error, and unequal chances within a bin only narrow its tails (W. Hoeffding, Ann. Math. Stat.
 * 27, 1956). A group whose items disagree is rounded towards the confidence.
 */
function exactLowerBound({ confidence, right }: Calibration): number {
  const n = confidence.length
  const bins = Math.min(coarseBins, Math.floor(n / groupsPerBin))
  let error = 0
  for (let bin = 0; bin < bins; bin += 1) {
    const [from, to] = [Math.ceil((bin * n) / bins), Math.ceil(((bin + 1) * n) / bins)]
    const size = to - from
    const sure = confidence.subarray(from, to).reduce((sum, value) => sum + value, 0) / size
    const count = (round: (value: number) => number) =>
      right.subarray(from, to).reduce((sum, value) => sum + round(value), 0)
    // Two sides in each of the bins.
    const level = alpha / (2 * bins)
    const below = binomialLowerBound(count(Math.floor), size, level)
    const above = binomialUpperBound(count(Math.ceil), size, level)
    error += (size / n) * Math.max(0, sure - above, below - sure)
  }
  return error
}

function reliabilityOf(
  { confidence, right }: Calibration,
  binOf: Uint32Array,
  bins: number,
): readonly ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, accuracy: 0, items: 0 }))
  for (const [group, bin] of binOf.entries()) {
    const sum = sums[bin]!
    sum.confidence += confidence[group]!
    sum.accuracy += right[group]!
    sum.items += 1
  }
  return sums.map((sum) => ({
    confidence: sum.confidence / sum.items,
    accuracy: sum.accuracy / sum.items,
    items: sum.items,
  }))
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`
