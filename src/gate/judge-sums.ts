import { bcaBootstrap, meanDetectable, meanRequired, normalQuantile, signFlip } from '../statistics/index.js'
import { type Answer, alpha, confidenceOf, maximumWorst } from './answer.js'
import { firstLost, mean, type Pairing } from './paired-groups.js'

/** Below this many groups a resampled interval is too short, whatever the method. */
const fewestGroups = 20

/** What one pairing of a mean or a ratio of sums says: groups resampled; of a mean, signs flipped as well. */
export function judgeSums(pairing: Pairing, margin: number, passAlpha: number): Answer {
  const { candidate, opponent, candidateWeight, opponentWeight, items, kind, sign } = pairing
  const n = candidate.length
  const overall = (sums: Float64Array, weights?: Float64Array) =>
    mean(sums) / (weights === undefined ? 1 : mean(weights))
  const [candidateValue, opponentValue] = [overall(candidate, candidateWeight), overall(opponent, opponentWeight)]
  const common = {
    items,
    groups: n,
    ...(finite(candidateValue) && { candidateValue }),
    ...(finite(opponentValue) && { opponentValue }),
  }
  const open = (reason: string): Answer => ({ ...common, status: 'inconclusive', reason })
  if (!finite(candidateValue) || !finite(opponentValue)) return open('a model has no value: the denominator is 0')
  if (n < fewestGroups) return open(`${n} independent items are too few to resample: ${fewestGroups} are the fewest`)

  const flips = kind === 'mean'
  const differences = candidate.map((value, group) => sign * (value - opponent[group]!))
  if (flips && areAlike(differences, pairing))
    return { ...common, ...judgeConstant(pairing, mean(differences), margin, passAlpha) }
  const resampled =
    candidateWeight === undefined || opponentWeight === undefined
      ? { columns: [differences] }
      : {
          columns: [candidate, candidateWeight, opponent, opponentWeight],
          statistic: ([ours, ourWeight, theirs, theirWeight]: Float64Array) =>
            sign * (ours! / ourWeight! - theirs! / theirWeight!),
        }
  const boot = bcaBootstrap({ ...resampled, confidence: 1 - 2 * passAlpha })
  if (boot.degenerate) return { ...common, ...judgeConstant(pairing, boot.estimate, margin, passAlpha) }
  // Signs flipped alone take a skew for harm or for its absence; resampling alone is too sure of few items: both must agree.
  const pPass = Math.max(boot.pAbove(-margin), flips ? signFlip({ differences, shift: -margin }).better : 0)
  const pFail = boot.estimate < 0 ? Math.max(boot.pBelow(0), flips ? signFlip({ differences }).worse : 0) : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  // What the interval says of the spread of one group: the approximation that plans rest on.
  const deviation = ((boot.upper - boot.lower) / (2 * normalQuantile(1 - passAlpha))) * Math.sqrt(n)
  return {
    ...common,
    status,
    reason: sentence(status, boot, n, margin, passAlpha),
    estimate: boot.estimate,
    lower: boot.lower,
    upper: boot.upper,
    engine: flips ? `${bootstrap} and sign-flip permutation` : bootstrap,
    pPass,
    pFail,
    worst: worstOf(pairing),
    ...(status === 'inconclusive' &&
      deviation > 0 &&
      margin > 0 && {
        smallestDetectableDrop: meanDetectable({ n, deviation }),
        groupsNeeded: meanRequired({ difference: margin, deviation, alpha: passAlpha }),
      }),
  }
}

const bootstrap = 'BCa bootstrap by group'

/** Alike but for rounding: a constant shift of scores leaves differences that vary in their last digits only. */
function areAlike(differences: Float64Array, { candidate, opponent }: Pairing): boolean {
  const first = differences[0]!
  return differences.every(
    (difference, group) =>
      Math.abs(difference - first) <= 1e-12 * (Math.abs(candidate[group]!) + Math.abs(opponent[group]!)),
  )
}

/**
 * Where every group has the same difference, its spread is unknown and not nought. All n being alike has chance ≤ α only if
 * less than α^(1/n) of all groups are; the others may differ by as much as the metric's range.
 */
function judgeConstant(pairing: Pairing, difference: number, margin: number, passAlpha: number): Answer {
  const { candidate, kind, range } = pairing
  const n = candidate.length
  const width = kind === 'mean' && range !== undefined ? range[1] - range[0] : undefined
  const pPass = width === undefined || difference <= -margin ? 1 : ((width - margin) / (width + difference)) ** n
  // A sign test: under no effect each of the n is as likely to have the other sign.
  const pFail = difference < 0 ? 2 ** -n : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  const alike = passAlpha ** (1 / n)
  const lower = width === undefined ? undefined : alike * (difference + width) - width
  const reason =
    status === 'fail'
      ? `all ${n} independent items are worse by ${format(-difference)}, which is not chance`
      : lower === undefined
        ? `all ${n} independent items differ by ${format(difference)}, so nothing shows how far others may; a metric that states its range can say more`
        : `all ${n} independent items differ by ${format(difference)}, so with ${confidenceOf(passAlpha)} confidence the difference is above ${format(lower)}; the margin is ${format(margin)}`
  return {
    status,
    reason,
    estimate: difference,
    ...(width !== undefined && { lower, upper: width - alike * (width - difference) }),
    engine: status === 'fail' ? 'sign test' : 'exact bound for items that are all alike',
    pPass,
    pFail,
    worst: firstLost(pairing, maximumWorst),
  }
}

function worstOf({ candidate, candidateWeight, opponent, opponentWeight, sign, lost }: Pairing): readonly string[] {
  const loss = (group: number) =>
    sign * (candidate[group]! * (opponentWeight?.[group] ?? 1) - opponent[group]! * (candidateWeight?.[group] ?? 1))
  // By group, then in order.
  return Array.from(lost.items, (item, index) => ({ item, loss: loss(lost.groups[index]!) }))
    .sort((one, other) => one.loss - other.loss)
    .slice(0, maximumWorst)
    .map(({ item }) => lost.idOf(item))
}

function sentence(
  status: Answer['status'],
  { estimate, lower }: { readonly estimate: number; readonly lower: number },
  n: number,
  margin: number,
  passAlpha: number,
): string {
  const over = `over ${n} independent items`
  if (status === 'pass')
    return `the difference is ${format(estimate)} ${over}, and above ${format(lower)} with ${confidenceOf(passAlpha)} confidence; the margin is ${format(margin)}`
  if (status === 'fail') return `it is worse by ${format(-estimate)} ${over}, which is not chance`
  return `the difference is ${format(estimate)} ${over} and may be as low as ${format(lower)}: that is neither within the margin of ${format(margin)} for certain, nor worse for certain`
}

/** Three digits that count, in the metric's own unit. */
const format = (value: number) => String(Number(value.toPrecision(3)))
const finite = Number.isFinite
