import { seededRandom } from '../core/index.js'
import type { Evaluation } from '../evaluation/index.js'
import type { ReliabilityBin } from './finding.js'
import { boundsOf } from './judge-bound.js'
import { groupCodes } from './paired-groups.js'
import { alpha, confidenceOf, countedItems, type PartialFinding } from './partial-finding.js'

const mostBins = 15
/** Fewest groups in a bin. */
const groupsPerBin = 20
/** Bins for a claim of harm. They are few so that each exact bound is narrow enough to be useful. */
const coarseBins = 5

/** The confidence and correctness of each item, sorted by confidence. Groups are numbered in this order. */
interface Calibration {
  readonly confidence: Float64Array
  /** 1 or 0. */
  readonly right: Float64Array
  readonly groupOf: Uint32Array
  readonly groups: number
}

export function judgeCalibration(
  evaluation: Evaluation,
  maximumError: number,
  passAlpha: number,
): PartialFinding<'bound' | 'statement'> {
  const found = calibrationOf(evaluation)
  const items = evaluation.ids.length
  if (typeof found === 'string') return { kind: 'statement', status: 'inconclusive', reason: found }
  const { groups } = found
  if (groups < groupsPerBin)
    return {
      kind: 'statement',
      status: 'inconclusive',
      reason: `${countedItems(items, groups)} are too few to judge calibration: at least ${groupsPerBin} ${items === groups ? 'items' : 'groups'} are needed`,
    }
  const bins = Math.min(mostBins, Math.floor(groups / groupsPerBin))
  const binOf = Uint32Array.from({ length: items }, (_, item) => Math.floor((item * bins) / items))
  const gaps = found.confidence.map((confidence, item) => confidence - found.right[item]!)
  const estimate = errorOf(gaps, binOf, bins)
  const upper = upperPercentile(found, gaps, binOf, bins, passAlpha)
  const lower = exactLowerBound(found)
  const status = upper <= maximumError ? 'pass' : lower > maximumError ? 'fail' : 'inconclusive'
  const bound =
    status === 'fail'
      ? `at least ${percent(lower)} with ${confidenceOf(alpha)}`
      : `at most ${percent(upper)} with ${confidenceOf(passAlpha)}`
  const isSingle = items === groups
  return {
    kind: 'bound',
    status,
    reason: `confidence and accuracy differ by ${percent(estimate)} on average over ${countedItems(items, groups)}, ${bound} confidence; the maximum is ${percent(maximumError)}`,
    ...{ side: 'at-most', threshold: maximumError, unit: 'ratio', estimate, lower, upper, items, groups },
    engine:
      status !== 'fail'
        ? 'percentile bootstrap by group'
        : isSingle
          ? 'Clopper-Pearson by bin'
          : "Gaffke's bound by bin and group",
    alpha: passAlpha,
    reliability: reliabilityOf(found, binOf, bins),
  }
}

/** The values per item, or the reason why calibration cannot be judged. */
function calibrationOf(evaluation: Evaluation): Calibration | string {
  const { predictions, targets, outcomes } = evaluation
  const { codes, count } = groupCodes(evaluation)
  const items = evaluation.ids.length
  const [confidence, right] = [new Float64Array(items), new Float64Array(items)]
  for (let item = 0; item < items; item += 1) {
    if (outcomes.at(item) !== 'ok')
      return 'some items have no answer, which is an infrastructure failure. Evaluate again'
    const prediction = predictions.at(item)
    const sure = prediction?.kind === 'label' ? prediction.probabilities?.[prediction.label] : undefined
    if (sure === undefined || !(sure >= 0 && sure <= 1)) return 'the model gives no probabilities'
    confidence[item] = sure
    right[item] = prediction?.kind === 'label' && prediction.label === targets.at(item) ? 1 : 0
  }
  const order = Uint32Array.from({ length: items }, (_, item) => item)
  order.sort((one, other) => confidence[one]! - confidence[other]! || one - other)
  const numbers = new Int32Array(count).fill(-1)
  let groups = 0
  const groupOf = Uint32Array.from(order, (item) => {
    const code = codes[item]!
    if (numbers[code]! < 0) numbers[code] = groups++
    return numbers[code]!
  })
  return {
    confidence: Float64Array.from(order, (item) => confidence[item]!),
    right: Float64Array.from(order, (item) => right[item]!),
    ...{ groupOf, groups },
  }
}

/** Every item has the same weight. @param times how often each group was drawn. @default once */
function errorOf(gaps: Float64Array, binOf: Uint32Array, bins: number, groupOf?: Uint32Array, times?: Uint32Array) {
  const sums = new Float64Array(bins)
  let items = gaps.length
  if (groupOf === undefined || times === undefined)
    for (let item = 0; item < gaps.length; item += 1) sums[binOf[item]!]! += gaps[item]!
  else {
    items = 0
    for (let item = 0; item < gaps.length; item += 1) {
      const drawn = times[groupOf[item]!]!
      if (drawn === 0) continue
      items += drawn
      sums[binOf[item]!]! += drawn * gaps[item]!
    }
  }
  return sums.reduce((total, sum) => total + Math.abs(sum), 0) / items
}

/**
 * A plain percentile over resamples of groups. It is biased upwards twice, so that chance alone does not lead to a
 * pass.
 */
function upperPercentile(
  { groupOf, groups }: Calibration,
  gaps: Float64Array,
  binOf: Uint32Array,
  bins: number,
  level: number,
): number {
  // As many as fit in a second or two, and at least as many as the percentile needs.
  const resamples = Math.max(Math.ceil(10 / level), Math.min(2000, Math.floor(2e8 / gaps.length)))
  const random = seededRandom('calibration')
  const picks = new Uint32Array(groups)
  const times = new Uint32Array(groups)
  const errors = Float64Array.from({ length: resamples }, () => {
    random.fillBelow(picks, groups)
    times.fill(0)
    for (let draw = 0; draw < groups; draw += 1) times[picks[draw]!]! += 1
    return errorOf(gaps, binOf, bins, groupOf, times)
  }).sort()
  return errors[Math.ceil((1 - level) * resamples) - 1]!
}

/**
 * A lower bound of the error: for each bin, the distance between the mean confidence and a bound of the share of
 * correct answers. The bound is exact if items are independent; otherwise it is Gaffke's bound over the groups with
 * items in the bin. Coarser bins only lower the error, and unequal chances within a bin only narrow its tails (W.
 * Hoeffding, Ann. Math. Stat. 27, 1956).
 */
function exactLowerBound({ confidence, right, groupOf, groups }: Calibration): number {
  const items = confidence.length
  const bins = Math.min(coarseBins, Math.floor(groups / groupsPerBin))
  // Two sides in each of the bins.
  const level = alpha / (2 * bins)
  let error = 0
  for (let bin = 0; bin < bins; bin += 1) {
    const [from, to] = [Math.ceil((bin * items) / bins), Math.ceil(((bin + 1) * items) / bins)]
    const sure = confidence.subarray(from, to).reduce((sum, value) => sum + value, 0) / (to - from)
    const slot = new Map<number, number>()
    const [sums, sizes] = [new Float64Array(to - from), new Float64Array(to - from)]
    for (let item = from; item < to; item += 1) {
      const group = groupOf[item]!
      if (!slot.has(group)) slot.set(group, slot.size)
      sums[slot.get(group)!]! += right[item]!
      sizes[slot.get(group)!]! += 1
    }
    const share = { right: sums.subarray(0, slot.size), sizes: sizes.subarray(0, slot.size) }
    const { lower, upper } = boundsOf(share, level, level)
    error += ((to - from) / items) * Math.max(0, sure - upper, lower - sure)
  }
  return error
}

function reliabilityOf(
  { confidence, right }: Calibration,
  binOf: Uint32Array,
  bins: number,
): readonly ReliabilityBin[] {
  const sums = Array.from({ length: bins }, () => ({ confidence: 0, accuracy: 0, items: 0 }))
  for (const [item, bin] of binOf.entries()) {
    const sum = sums[bin]!
    sum.confidence += confidence[item]!
    sum.accuracy += right[item]!
    sum.items += 1
  }
  return sums.map((sum) => ({
    confidence: sum.confidence / sum.items,
    accuracy: sum.accuracy / sum.items,
    items: sum.items,
  }))
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`
