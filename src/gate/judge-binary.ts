import {
  exactNonInferiority,
  mcnemar,
  minimumItemsForMargin,
  normalQuantile,
  requiredItems,
  smallestDetectableDrop,
  tango,
} from '../statistics/index.js'
import type { ComparisonFinding, FindingStatus } from './finding.js'
import { type DiscordantCounts, firstRegressedIds, type Pairing, ratioOf } from './paired-groups.js'
import {
  alpha,
  confidenceOf,
  countedChanges,
  countedItems,
  maximumRegressedIds,
  type PartialFinding,
} from './partial-finding.js'

const passEngine = 'Tango 1998 score test and exact unconditional test'
const failEngine = 'one-sided mid-p McNemar'

/** Applies the exact tests to the groups on which only one of the models is right. */
export function decideBinary(counts: DiscordantCounts, margin: number, passAlpha: number) {
  const { b, c, n } = counts
  const score = tango({ ...counts, margin, confidence: 1 - passAlpha })
  // With fewer groups, not even complete agreement passes, so a few lucky improvements must not pass either.
  const enough = n >= minimumItemsForMargin(margin, { alpha: passAlpha })
  // Both p-values must be small. If the fast test already fails, skip the exact one, which takes seconds at a million
  // items.
  const exact = () => (score.p > passAlpha ? 0 : exactNonInferiority({ ...counts, margin }))
  const pPass = enough ? Math.max(score.p, exact()) : 1
  const pFail = b > c ? mcnemar({ b, c }).midP : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  return { status, pPass, pFail, lower: score.lower } as const
}

/** Judges a pairing of a binary metric in which each group is one answer. */
export function judgeBinary(
  pairing: Pairing,
  counts: DiscordantCounts,
  margin: number,
  passAlpha: number,
): PartialFinding<'comparison'> {
  const { status, pPass, pFail, lower } = decideBinary(counts, margin, passAlpha)
  const { upper } = tango({ ...counts, margin, confidence: 1 - alpha })
  const seen = seenIn(pairing)
  const { b, c, n } = counts
  return {
    kind: 'comparison',
    status,
    reason: sentence(status, seen, lower, margin, passAlpha),
    ...seen,
    ...{ margin, lower, upper, pPass, pFail },
    engine: status === 'fail' ? failEngine : passEngine,
    alpha: passAlpha,
    ...(status === 'inconclusive' && sizes(n, (b + c) / n, margin, passAlpha)),
  }
}

/** Whether there are significantly more improvements than regressions, by McNemar's exact test. */
export function judgeBinaryGain(
  pairing: Pairing,
  { b, c }: DiscordantCounts,
  passAlpha: number,
): PartialFinding<'comparison'> {
  const pPass = c > b ? mcnemar({ b: c, c: b }).exact : 1
  const pFail = b > c ? mcnemar({ b, c }).midP : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  const said = { pass: 'it is better', fail: 'it is worse', inconclusive: 'an improvement is not shown' }[status]
  const seen = seenIn(pairing)
  return {
    kind: 'comparison',
    status,
    reason: `${said}: ${countsOf(seen)} (p = ${Number((status === 'fail' ? pFail : pPass).toPrecision(2))})`,
    ...seen,
    ...{ margin: 0, pPass, pFail },
    engine: status === 'fail' ? failEngine : 'one-sided exact McNemar',
    alpha: passAlpha,
  }
}

function seenIn(pairing: Pairing) {
  const { candidate, reference, candidateWeight, referenceWeight, items, lost, won } = pairing
  const candidateValue = ratioOf(candidate, candidateWeight)
  const referenceValue = ratioOf(reference, referenceWeight)
  const estimate = candidateValue - referenceValue
  return {
    ...{ estimate, candidateValue, referenceValue },
    ...{ items, groups: candidate.length, regressions: lost.items.length, improvements: won },
    regressedIds: firstRegressedIds(pairing, maximumRegressedIds),
  }
}

type Seen = ReturnType<typeof seenIn>

const countsOf = ({ regressions, improvements, items, groups }: Seen) =>
  `${countedChanges(regressions, improvements)} in ${countedItems(items, groups)}`

/** The drop that a set of this size can detect, and the size that would be needed. */
function sizes(
  n: number,
  observed: number,
  margin: number,
  passAlpha: number,
): Pick<ComparisonFinding, 'smallestDetectableDrop' | 'groupsNeeded'> {
  // No disagreement in n groups does not prove that none exists, so half a group is assumed.
  const discordance = Math.max(observed, 0.5 / n)
  // The normal approximation. If its result is large, it is accurate, and the exact search would take seconds.
  const approximate = Math.ceil(((normalQuantile(1 - passAlpha) + normalQuantile(0.8)) / margin) ** 2 * discordance)
  const groupsNeeded = approximate > 3000 ? approximate : requiredItems({ discordance, margin, alpha: passAlpha })
  const drop = n > 3000 ? undefined : smallestDetectableDrop({ n, discordance })
  return { groupsNeeded, ...(drop !== undefined && { smallestDetectableDrop: drop }) }
}

function sentence(status: FindingStatus, seen: Seen, lower: number, margin: number, passAlpha: number): string {
  const points = (value: number) => `${(100 * value).toFixed(1)} points`
  const { estimate } = seen
  const counts = countsOf(seen)
  if (status === 'pass')
    return `the difference is ${points(estimate)}, and above ${points(lower)} with ${confidenceOf(passAlpha)} confidence (${counts}); the margin is ${points(margin)}`
  if (status === 'fail') return `it is worse by ${points(-estimate)} (${counts}), more than chance explains`
  return `the difference is ${points(estimate)} and may be as low as ${points(lower)} (${counts}): the data do not show whether the loss is within the margin of ${points(margin)}`
}
