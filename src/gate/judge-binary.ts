import {
  exactNonInferiority,
  mcnemar,
  minimumItemsForMargin,
  normalQuantile,
  requiredItems,
  smallestDetectableDrop,
  tango,
} from '../statistics/index.js'
import type { Finding } from './gate.js'
import { type DiscordantCounts, firstLost, type Pairing, ratioOf } from './paired-groups.js'
import { alpha, confidenceOf, countedItems, maximumWorst, type PartialFinding } from './partial-finding.js'

const passEngine = 'Tango 1998 score test and exact unconditional test'
const failEngine = 'one-sided mid-p McNemar'

/** The exact tests on the groups that one model has right and the other wrong. */
export function decideBinary(counts: DiscordantCounts, margin: number, passAlpha: number) {
  const { b, c, n } = counts
  const score = tango({ ...counts, margin, confidence: 1 - passAlpha })
  // Below this many even no disagreement at all certifies nothing; a lucky handful of wins must not either.
  const enough = n >= minimumItemsForMargin(margin, { alpha: passAlpha })
  // Both must be small: where the quick one is not, the other, which takes seconds at a million items, decides nothing.
  const exact = () => (score.p > passAlpha ? 0 : exactNonInferiority({ ...counts, margin }))
  const pPass = enough ? Math.max(score.p, exact()) : 1
  const pFail = b > c ? mcnemar({ b, c }).midP : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  return { status, pPass, pFail, lower: score.lower } as const
}

/** What one pairing of a binary metric says whose groups are one answer each. */
export function judgeBinary(
  pairing: Pairing,
  counts: DiscordantCounts,
  margin: number,
  passAlpha: number,
): PartialFinding {
  const { status, pPass, pFail, lower } = decideBinary(counts, margin, passAlpha)
  const { upper } = tango({ ...counts, margin, confidence: 1 - alpha })
  const seen = seenIn(pairing)
  const { b, c, n } = counts
  return {
    status,
    reason: sentence(status, seen, lower, margin, passAlpha),
    ...seen,
    lower,
    upper,
    engine: status === 'fail' ? failEngine : passEngine,
    pPass,
    pFail,
    regressedIds: firstLost(pairing, maximumWorst),
    ...(status === 'inconclusive' && sizes(n, (b + c) / n, margin, passAlpha)),
  }
}

/** Whether more groups were won than lost, beyond chance: McNemar's exact test, never below its size. */
export function judgeBinaryGain(pairing: Pairing, { b, c }: DiscordantCounts, passAlpha: number): PartialFinding {
  const pPass = c > b ? mcnemar({ b: c, c: b }).exact : 1
  const pFail = b > c ? mcnemar({ b, c }).midP : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  const said = { pass: 'it is better', fail: 'it is worse', inconclusive: 'it is not shown to be better' }[status]
  const seen = seenIn(pairing)
  return {
    status,
    reason: `${said}: ${countsOf(seen)} (p = ${Number((status === 'fail' ? pFail : pPass).toPrecision(2))})`,
    ...seen,
    engine: status === 'fail' ? failEngine : 'one-sided exact McNemar',
    pPass,
    pFail,
    regressedIds: firstLost(pairing, maximumWorst),
  }
}

function seenIn({ candidate, reference, candidateWeight, referenceWeight, items, lost, won }: Pairing) {
  const candidateValue = ratioOf(candidate, candidateWeight)
  const referenceValue = ratioOf(reference, referenceWeight)
  const estimate = candidateValue - referenceValue
  return {
    ...{ estimate, candidateValue, referenceValue },
    ...{ items, groups: candidate.length, regressions: lost.items.length, improvements: won },
  }
}

type Seen = ReturnType<typeof seenIn>

const countsOf = ({ regressions, improvements, items, groups }: Seen) =>
  `${regressions} lost and ${improvements} won of ${countedItems(items, groups)}`

/** What a set of this size could have seen, and the size that would do. */
function sizes(
  n: number,
  observed: number,
  margin: number,
  passAlpha: number,
): Pick<Finding, 'smallestDetectableDrop' | 'groupsNeeded'> {
  // No disagreement in n groups is no proof that there is none: half a group is assumed.
  const discordance = Math.max(observed, 0.5 / n)
  // The normal approximation; where it is large it is good, and the exact search would take seconds.
  const approximate = Math.ceil(((normalQuantile(1 - passAlpha) + normalQuantile(0.8)) / margin) ** 2 * discordance)
  const groupsNeeded = approximate > 3000 ? approximate : requiredItems({ discordance, margin, alpha: passAlpha })
  const drop = n > 3000 ? undefined : smallestDetectableDrop({ n, discordance })
  return { groupsNeeded, ...(drop !== undefined && { smallestDetectableDrop: drop }) }
}

function sentence(status: Finding['status'], seen: Seen, lower: number, margin: number, passAlpha: number): string {
  const points = (value: number) => `${(100 * value).toFixed(1)} points`
  const { estimate } = seen
  const counts = countsOf(seen)
  if (status === 'pass')
    return `the difference is ${points(estimate)}, and above ${points(lower)} with ${confidenceOf(passAlpha)} confidence (${counts}); the margin is ${points(margin)}`
  if (status === 'fail') return `it is worse by ${points(-estimate)} (${counts}), which is not chance`
  return `the difference is ${points(estimate)} and may be as low as ${points(lower)} (${counts}): that is neither within the margin of ${points(margin)} for certain, nor worse for certain`
}
