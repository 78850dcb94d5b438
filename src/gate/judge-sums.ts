import { bcaBootstrap, meanDetectable, meanRequired, signFlip } from '../statistics/index.js'
import { type Answer, alpha, maximumWorst } from './answer.js'
import { mean, type PairedGroup, type Pairing } from './paired-groups.js'

/** Below this many groups a resampled interval is too short, whatever the method. */
const fewestGroups = 20

/** What one pairing of a mean or a ratio of sums says: groups resampled; of a mean, signs flipped as well. */
export function judgeSums(pairing: Pairing, margin: number): Answer {
  const { groups, items, kind, sign } = pairing
  const n = groups.length
  const [candidateValue, opponentValue] = [valueBy(groups, 'candidate'), valueBy(groups, 'opponent')]
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
  const differences = groups.map(({ candidate, opponent }) => sign * (candidate - opponent))
  if (flips && areAlike(differences, groups)) return { ...common, ...judgeConstant(pairing, mean(differences), margin) }
  const boot = bcaBootstrap({
    columns: [
      groups.map(({ candidate }) => candidate),
      groups.map(({ candidateWeight }) => candidateWeight),
      groups.map(({ opponent }) => opponent),
      groups.map(({ opponentWeight }) => opponentWeight),
    ],
    statistic: ([ours, ourWeight, theirs, theirWeight]) => sign * (ours! / ourWeight! - theirs! / theirWeight!),
    confidence: 1 - 2 * alpha,
  })
  if (boot.degenerate) return { ...common, ...judgeConstant(pairing, boot.estimate, margin) }
  // Signs flipped alone take a skew for harm or for its absence; resampling alone is too sure of few items: both must agree.
  const pPass = Math.max(boot.pAbove(-margin), flips ? signFlip({ differences, shift: -margin }).better : 0)
  const pFail = boot.estimate < 0 ? Math.max(boot.pBelow(0), flips ? signFlip({ differences }).worse : 0) : 1
  const status = pPass <= alpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  // What the interval says of the spread of one group: the approximation that plans rest on.
  const deviation = ((boot.upper - boot.lower) / (2 * 1.6449)) * Math.sqrt(n)
  return {
    ...common,
    status,
    reason: sentence(status, boot, n, margin),
    estimate: boot.estimate,
    lower: boot.lower,
    upper: boot.upper,
    engine: flips ? `${bootstrap} and sign-flip permutation` : bootstrap,
    pPass,
    pFail,
    worst: worstOf(groups, sign),
    ...(status === 'inconclusive' &&
      deviation > 0 &&
      margin > 0 && {
        smallestDetectableDrop: meanDetectable({ n, deviation }),
        groupsNeeded: meanRequired({ difference: margin, deviation }),
      }),
  }
}

const bootstrap = 'BCa bootstrap by group'

/** Alike but for rounding: a constant shift of scores leaves differences that vary in their last digits only. */
function areAlike(differences: readonly number[], groups: readonly PairedGroup[]): boolean {
  const first = differences[0]!
  return differences.every((difference, index) => {
    const { candidate, opponent } = groups[index]!
    return Math.abs(difference - first) <= 1e-12 * (Math.abs(candidate) + Math.abs(opponent))
  })
}

/**
 * Where every group has the same difference, its spread is unknown and not nought. All n being alike has chance ≤ α only if
 * less than α^(1/n) of all groups are; the others may differ by as much as the metric's range.
 */
function judgeConstant({ groups, kind, range }: Pairing, difference: number, margin: number): Answer {
  const n = groups.length
  const width = kind === 'mean' && range !== undefined ? range[1] - range[0] : undefined
  const pPass = width === undefined || difference <= -margin ? 1 : ((width - margin) / (width + difference)) ** n
  // A sign test: under no effect each of the n is as likely to have the other sign.
  const pFail = difference < 0 ? 2 ** -n : 1
  const status = pPass <= alpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  const alike = alpha ** (1 / n)
  const lower = width === undefined ? undefined : alike * (difference + width) - width
  const reason =
    status === 'fail'
      ? `all ${n} independent items are worse by ${format(-difference)}, which is not chance`
      : lower === undefined
        ? `all ${n} independent items differ by ${format(difference)}, so nothing shows how far others may; a metric that states its range can say more`
        : `all ${n} independent items differ by ${format(difference)}, so with 95 % confidence the difference is above ${format(lower)}; the margin is ${format(margin)}`
  return {
    status,
    reason,
    estimate: difference,
    ...(width !== undefined && { lower, upper: width - alike * (width - difference) }),
    engine: status === 'fail' ? 'sign test' : 'exact bound for items that are all alike',
    pPass,
    pFail,
    worst: groups.flatMap(({ lost }) => lost).slice(0, maximumWorst),
  }
}

function valueBy(groups: readonly PairedGroup[], side: 'candidate' | 'opponent'): number {
  const weight = side === 'candidate' ? 'candidateWeight' : 'opponentWeight'
  return mean(groups.map((group) => group[side])) / mean(groups.map((group) => group[weight]))
}

function worstOf(groups: readonly PairedGroup[], sign: number): readonly string[] {
  const loss = ({ candidate, candidateWeight, opponent, opponentWeight }: PairedGroup) =>
    sign * (candidate * opponentWeight - opponent * candidateWeight)
  return [...groups]
    .sort((one, other) => loss(one) - loss(other))
    .flatMap(({ lost }) => lost)
    .slice(0, maximumWorst)
}

function sentence(
  status: Answer['status'],
  { estimate, lower }: { readonly estimate: number; readonly lower: number },
  n: number,
  margin: number,
): string {
  const over = `over ${n} independent items`
  if (status === 'pass')
    return `the difference is ${format(estimate)} ${over}, and above ${format(lower)} with 95 % confidence; the margin is ${format(margin)}`
  if (status === 'fail') return `it is worse by ${format(-estimate)} ${over}, which is not chance`
  return `the difference is ${format(estimate)} ${over} and may be as low as ${format(lower)}: that is neither within the margin of ${format(margin)} for certain, nor worse for certain`
}

/** Three digits that count, in the metric's own unit. */
const format = (value: number) => String(Number(value.toPrecision(3)))
const finite = Number.isFinite
