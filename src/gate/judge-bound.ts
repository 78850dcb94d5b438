import type { Evaluation } from '../evaluation/index.js'
import { binomialLowerBound, binomialUpperBound, binomialUpperTail, floorThreshold } from '../statistics/index.js'
import { type Answer, alpha } from './answer.js'
import { type Judged, mean, metricColumn } from './paired-groups.js'

/** Whether one model's share lies on the right side of a threshold, by its exact bounds. */
export function judgeBound(
  evaluation: Evaluation,
  metric: Judged,
  side: 'at-least' | 'at-most',
  threshold: number,
): Answer {
  const { scores } = metricColumn(evaluation, metric)
  const items = scores.length
  const unanswered = scores.filter((score) => score === null).length
  if (unanswered > 0 || items === 0)
    return {
      status: 'inconclusive',
      items,
      reason:
        items === 0
          ? 'there are no items'
          : `${unanswered} of ${items} items were not answered: infrastructure is not quality, ask again`,
    }
  const groups = new Map<string, number[]>()
  for (const [index, score] of scores.entries()) {
    const group = groups.get(evaluation.groups[index]!)
    if (group === undefined) groups.set(evaluation.groups[index]!, [score!])
    else group.push(score!)
  }
  const means = [...groups.values()].map(mean)
  const n = means.length
  const count = (round: (value: number) => number) => means.reduce((sum, value) => sum + round(value), 0)
  // A group whose items disagree counts against whichever bound is claimed.
  const lower = binomialLowerBound(count(Math.floor), n, alpha)
  const upper = binomialUpperBound(count(Math.ceil), n, alpha)
  const estimate = mean(means)
  const [held, broken] =
    side === 'at-least' ? [lower >= threshold, upper < threshold] : [upper <= threshold, lower > threshold]
  const status = held ? 'pass' : broken ? 'fail' : 'inconclusive'
  // The bound that decides: the one towards the threshold, or where it is broken the other.
  const bound = (side === 'at-least') === broken ? `at most ${percent(upper)}` : `at least ${percent(lower)}`
  const name = side === 'at-least' ? 'floor' : 'ceiling'
  const chance = side === 'at-least' ? guessing(evaluation, n, threshold) : ''
  return {
    status,
    reason: `${metric.name} is ${percent(estimate)} over ${n} independent items, ${bound} with 95 % confidence; the ${name} is ${percent(threshold)}${chance}`,
    estimate,
    lower,
    upper,
    candidateValue: estimate,
    items,
    groups: n,
  }
}

/** What always giving the most frequent answer would reach, and whether it could pass: a floor below that says little. */
function guessing({ targets }: Evaluation, n: number, floor: number): string {
  const counts = new Map<string, number>()
  for (const target of targets) if (typeof target === 'string') counts.set(target, (counts.get(target) ?? 0) + 1)
  if (counts.size === 0 || counts.size > targets.length / 2) return ''
  const share = Math.max(...counts.values()) / targets.length
  const passes = floor > 0 && floor < 1 ? binomialUpperTail(floorThreshold({ n, floor, alpha }), n, share) : 1
  const warning =
    passes > alpha
      ? `, so guessing passes this floor ${passes > 0.995 ? 'always' : `${(100 * passes).toFixed(0)} times in a hundred`}`
      : ''
  return `, and always giving the most frequent answer reaches ${percent(share)}${warning}`
}

const percent = (value: number) => `${(100 * value).toFixed(1)} %`
