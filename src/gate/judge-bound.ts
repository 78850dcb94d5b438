import { type Evaluation, numbersOf } from '../evaluation/index.js'
import {
  binomialLowerBound,
  binomialUpperBound,
  binomialUpperTail,
  floorThreshold,
  gaffkeLowerBound,
} from '../statistics/index.js'
import { unseenSize } from './grouped-sample.js'
import { groupCodes, type Judged, metricColumn, sumOf } from './paired-groups.js'
import { alpha, confidenceOf, countedItems, type PartialFinding } from './partial-finding.js'

export interface BoundQuestion {
  readonly side: 'at-least' | 'at-most'
  readonly threshold: number
  readonly passAlpha: number
  /** Indices of items. @default all */
  readonly items?: Uint32Array | undefined
}

/** Whether one model's share reaches a threshold, by its exact bounds. */
export function judgeBound(
  evaluation: Evaluation,
  metric: Judged,
  { side, threshold, passAlpha, items }: BoundQuestion,
): PartialFinding<'bound' | 'statement'> {
  const scores = numbersOf(metricColumn(evaluation, metric).scores)
  const { codes, count } = groupCodes(evaluation)
  const sums = new Float64Array(count)
  const sizes = new Uint32Array(count)
  const asked = items?.length ?? scores.length
  let unanswered = 0
  for (let position = 0; position < asked; position += 1) {
    const index = items?.[position] ?? position
    if (Number.isNaN(scores[index]!)) {
      unanswered += 1
      continue
    }
    sums[codes[index]!]! += scores[index]!
    sizes[codes[index]!]! += 1
  }
  if (unanswered > 0 || asked === 0)
    return {
      kind: 'statement',
      status: 'inconclusive',
      reason:
        asked === 0
          ? 'the evaluation has no items'
          : `${unanswered} of ${asked} items have no answer, which is an infrastructure failure. Evaluate again`,
    }
  const answered = Array.from(sizes.keys()).filter((group) => sizes[group]! > 0)
  const n = answered.length
  const share = {
    right: Float64Array.from(answered, (group) => sums[group]!),
    sizes: Float64Array.from(answered, (group) => sizes[group]!),
  }
  // A pass and a fail have their own significance levels.
  const [passing, failing] = side === 'at-least' ? [passAlpha, alpha] : [alpha, passAlpha]
  const { lower, upper, engine } = boundsOf(share, passing, failing)
  const estimate = sumOf(share.right) / asked
  const [held, broken] =
    side === 'at-least' ? [lower >= threshold, upper < threshold] : [upper <= threshold, lower > threshold]
  const status = held ? 'pass' : broken ? 'fail' : 'inconclusive'
  // The bound that decides: the one towards the threshold, or the other one if the threshold is missed.
  const [bound, level] =
    (side === 'at-least') === broken ? [`at most ${percent(upper)}`, failing] : [`at least ${percent(lower)}`, passing]
  const name = side === 'at-least' ? 'floor' : 'ceiling'
  const chance = side === 'at-least' ? guessing(evaluation, { n, floor: threshold, passAlpha, items }) : ''
  return {
    kind: 'bound',
    status,
    reason: `${metric.name} is ${percent(estimate)} over ${countedItems(asked, n)}, ${bound} with ${confidenceOf(level)} confidence; the ${name} is ${percent(threshold)}${chance}`,
    ...{ side, threshold, unit: 'ratio', estimate, lower, upper },
    ...{ items: asked, groups: n, engine, alpha: passAlpha },
  }
}

/** One-sided bounds of the share of correct items: exact if items are independent, otherwise over groups. */
export function boundsOf(
  { right, sizes }: { right: Float64Array; sizes: Float64Array },
  passing: number,
  failing: number,
) {
  const n = right.length
  const isSingle = sizes.every((size) => size === 1) && right.every((score) => score === 0 || score === 1)
  if (isSingle) {
    const count = sumOf(right)
    return {
      lower: binomialLowerBound(count, n, passing),
      upper: binomialUpperBound(count, n, failing),
      engine: 'one-sided Clopper-Pearson',
    }
  }
  // The sample may have missed a group whose items are all wrong, or all right.
  const size = unseenSize(sizes)
  const wrong = right.map((score, group) => sizes[group]! - score)
  const bound = (sums: Float64Array, level: number) => gaffkeLowerBound({ sums, sizes, worst: { sum: 0, size } }, level)
  return { lower: bound(right, passing), upper: 1 - bound(wrong, failing), engine: "Gaffke's bound by group" }
}

/**
 * What always giving the most frequent answer reaches, and whether it could pass. A floor below this value proves
 * little.
 */
function guessing(
  { targets }: Evaluation,
  { n, floor, passAlpha, items }: { n: number; floor: number; passAlpha: number; items: Uint32Array | undefined },
): string {
  const asked = items?.length ?? targets.length
  const counts = new Map<string, number>()
  for (let position = 0; position < asked; position += 1) {
    const target = targets.at(items?.[position] ?? position)
    if (typeof target === 'string') counts.set(target, (counts.get(target) ?? 0) + 1)
  }
  if (counts.size === 0 || counts.size > asked / 2) return ''
  const share = Math.max(...counts.values()) / asked
  const passes =
    floor > 0 && floor < 1 ? binomialUpperTail(floorThreshold({ n, floor, alpha: passAlpha }), n, share) : 1
  const warning =
    passes > passAlpha
      ? `, so guessing passes this floor ${passes > 0.995 ? 'always' : `${(100 * passes).toFixed(0)} times in 100`}`
      : ''
  return `, and always giving the most frequent answer reaches ${percent(share)}${warning}`
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`
