import { bcaBootstrap, gaffkeLowerBound } from '../statistics/index.js'
import { fewestGroups, type GroupedSample, mirrored, planSample, sampleOf, testSample } from './grouped-sample.js'
import { firstRegressedIds, type Pairing, ratioOf } from './paired-groups.js'
import {
  alpha,
  confidenceOf,
  countedChanges,
  countedItems,
  maximumRegressedIds,
  type PartialFinding,
} from './partial-finding.js'

/** With fewer groups, the spread of scores without a range cannot be estimated. */
const fewestUnbounded = 20

/**
 * Judges a pairing by means over groups: binary metrics in groups, means, and ratios of sums.
 *
 * @param margin 0 tests whether the candidate is better.
 */
export function judgeGroups(
  pairing: Pairing,
  margin: number,
  passAlpha: number,
): PartialFinding<'comparison' | 'statement'> {
  const { candidate, reference, candidateWeight, referenceWeight, items, kind, lost, won } = pairing
  const groups = candidate.length
  const candidateValue = ratioOf(candidate, candidateWeight)
  const referenceValue = ratioOf(reference, referenceWeight)
  const open = (reason: string) => ({ kind: 'statement', status: 'inconclusive', reason }) as const
  if (!Number.isFinite(candidateValue) || !Number.isFinite(referenceValue))
    return open('a model has no value: the denominator is 0')
  const sample = sampleOf(pairing)
  if (groups < fewestUnbounded && !sample.isBounded)
    return open(
      `${countedItems(items, groups)} are too few to judge scores without a range: at least ${fewestUnbounded} groups are needed`,
    )
  const { pPass, pFail } = decideGroups(pairing, sample, margin)
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  const { sums, sizes, estimate, unseen } = sample
  const bounds = {
    lower: gaffkeLowerBound({ sums, sizes, worst: unseen.lost }, passAlpha),
    upper: 0 - gaffkeLowerBound(mirrored(sample), alpha),
  }
  const isUnknown = sample.isConstant && !sample.isBounded
  return {
    kind: 'comparison',
    status,
    reason: sentence({ status, pairing, sample, margin, passAlpha, ...bounds }),
    ...{ margin, estimate, candidateValue, referenceValue, pPass, pFail },
    ...(!isUnknown && bounds),
    engine: engineOf(kind, sample.isBounded),
    alpha: passAlpha,
    ...{ items, groups, regressions: lost.items.length, improvements: won },
    regressedIds: kind === 'binary' ? firstRegressedIds(pairing, maximumRegressedIds) : largestLosses(pairing),
    ...(status === 'inconclusive' && margin > 0 && !isUnknown && planSample(sample, margin, passAlpha, alpha)),
  }
}

/** Both p-values. The linearisation of a ratio of sums ignores its curvature, so the bootstrap has to agree. */
function decideGroups(pairing: Pairing, sample: GroupedSample, margin: number) {
  const tested = testSample(sample, margin)
  if (pairing.kind !== 'ratio' || sample.isConstant) return tested
  const { candidate, candidateWeight, reference, referenceWeight, sign } = pairing
  const { degenerate, pAbove, pBelow } = bcaBootstrap({
    columns: [candidate, candidateWeight, reference, referenceWeight],
    statistic: ([ours, ourWeight, theirs, theirWeight]: Float64Array) =>
      sign * (ours! / ourWeight! - theirs! / theirWeight!),
  })
  if (degenerate) return tested
  return { pPass: Math.max(tested.pPass, pAbove(-margin)), pFail: Math.max(tested.pFail, pBelow(0)) }
}

/** As `judgeGroups`, without bounds and texts. */
export function statusOfGroups(pairing: Pairing, margin: number, level: number): 'pass' | 'fail' | 'inconclusive' {
  const sample = sampleOf(pairing)
  if (!Number.isFinite(sample.estimate)) return 'inconclusive'
  if (!sample.isBounded && pairing.candidate.length < fewestUnbounded) return 'inconclusive'
  const { pPass, pFail } = decideGroups(pairing, sample, margin)
  return pPass <= level ? 'pass' : pFail <= level ? 'fail' : 'inconclusive'
}

function engineOf(kind: Pairing['kind'], isBounded: boolean): string {
  const bound = isBounded ? "Gaffke's bound by group" : "Gaffke's bound by group, range estimated from the scores"
  return kind === 'ratio' ? `${bound}, and BCa bootstrap by group` : bound
}

function largestLosses({ kind, candidate, candidateWeight, reference, referenceWeight, sign, lost }: Pairing) {
  const weigh = kind === 'ratio'
  const loss = (group: number) =>
    sign *
    (candidate[group]! * (weigh ? referenceWeight[group]! : 1) -
      reference[group]! * (weigh ? candidateWeight[group]! : 1))
  // By group, then in order.
  return Array.from(lost.items, (item, index) => ({ item, loss: loss(lost.groups[index]!) }))
    .sort((one, other) => one.loss - other.loss)
    .slice(0, maximumRegressedIds)
    .map(({ item }) => lost.idOf(item))
}

interface Said {
  readonly status: 'pass' | 'fail' | 'inconclusive'
  readonly pairing: Pairing
  readonly sample: GroupedSample
  readonly margin: number
  readonly passAlpha: number
  readonly lower: number
}

function sentence({ status, pairing, sample, margin, passAlpha, lower }: Said): string {
  const { kind, items, lost, won, candidate } = pairing
  const format = kind === 'binary' ? points : digits
  const { estimate, isBounded, isConstant } = sample
  const over = `over ${countedItems(items, candidate.length)}`
  const counts = kind === 'binary' ? ` (${countedChanges(lost.items.length, won)})` : ''
  if (status === 'fail') return `it is worse by ${format(-estimate)} ${over}${counts}, more than chance explains`
  if (isConstant && !isBounded)
    return `the difference is ${format(estimate)} on every one of ${countedItems(items, candidate.length)}, so the spread of other items is unknown; give the metric a range`
  const asked = margin === 0 ? 'it must be above 0' : `the margin is ${format(margin)}`
  if (status === 'pass')
    return `the difference is ${format(estimate)} ${over}${counts}, and above ${format(lower)} with ${confidenceOf(passAlpha)} confidence; ${asked}`
  const neither =
    margin === 0
      ? 'the data do not show whether it is better or worse'
      : `the data do not show whether the loss is within the margin of ${format(margin)}`
  return `the difference is ${format(estimate)} ${over}${counts} and may be as low as ${format(lower)}: ${neither}${whyOpen(pairing, sample, margin, passAlpha)}`
}

/** What prevents a pass, if the difference itself does not. */
function whyOpen({ items, candidate }: Pairing, sample: GroupedSample, margin: number, passAlpha: number): string {
  const groups = candidate.length
  if (margin === 0 || sample.estimate <= -margin) return ''
  const fewest = fewestGroups(sample, margin, passAlpha)
  const range = sample.isBounded
    ? ''
    : '. The metric has no range, so one more item is assumed to differ by the full spread of these scores; give the metric a range if it is narrower'
  if (fewest > groups)
    return `. ${countedItems(items, groups)} are too few for this margin: even without any regression, ${fewest.toLocaleString('en')} ${items === groups ? 'items' : 'groups'} are needed${range}`
  const largest = sample.sizes.reduce((most, size) => Math.max(most, size), 0)
  if (items !== groups && largest > items / 10)
    return `. One group has ${largest.toLocaleString('en')} of the items${range}`
  return range
}

const points = (value: number) => `${(100 * value).toFixed(1)} points`
/** Three significant digits, in the metric's own unit. */
const digits = (value: number) => String(Number(value.toPrecision(3)))
