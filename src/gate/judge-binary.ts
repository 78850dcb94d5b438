import {
  exactNonInferiority,
  mcnemar,
  minimumItemsForMargin,
  normalQuantile,
  requiredItems,
  smallestDetectableDrop,
  tango,
} from '../statistics/index.js'
import { type Answer, alpha, confidenceOf, maximumWorst } from './answer.js'
import type { Finding } from './gate.js'
import { countDiscordant, type DiscordantCounts, firstLost, mean, type Pairing } from './paired-groups.js'

const passEngine = 'Tango 1998 score test and exact unconditional test'
const failEngine = 'one-sided mid-p McNemar'

/** The exact tests on the groups that one model has right and the other wrong, by the counts that either claim may use. */
export function decideBinary(claimed: DiscordantCounts, harmed: DiscordantCounts, margin: number, passAlpha: number) {
  const score = tango({ ...claimed, margin, confidence: 1 - passAlpha })
  // Below this many even no disagreement at all certifies nothing; a lucky handful of wins must not either.
  const enough = claimed.n >= minimumItemsForMargin(margin, { alpha: passAlpha })
  // Both must be small: where the quick one is not, the other, which takes seconds at a million items, decides nothing.
  const exact = () => (score.p > passAlpha ? 0 : exactNonInferiority({ ...claimed, margin }))
  const pPass = enough ? Math.max(score.p, exact()) : 1
  const pFail = harmed.b > harmed.c ? mcnemar({ b: harmed.b, c: harmed.c }).midP : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  return { status, pPass, pFail, lower: score.lower } as const
}

/** What one pairing of a binary metric says. */
export function judgeBinary(pairing: Pairing, margin: number, passAlpha: number): Answer {
  const { candidate, opponent, items } = pairing
  const n = candidate.length
  const claimed = countDiscordant(pairing, 'no-harm')
  const harmed = countDiscordant(pairing, 'harm')
  const { status, pPass, pFail, lower } = decideBinary(claimed, harmed, margin, passAlpha)
  const { upper } = tango({ ...harmed, margin, confidence: 1 - alpha })
  const candidateValue = mean(candidate)
  const opponentValue = mean(opponent)
  return {
    status,
    reason: sentence(status, candidateValue - opponentValue, lower, claimed, margin, passAlpha),
    estimate: candidateValue - opponentValue,
    lower,
    upper,
    candidateValue,
    opponentValue,
    items,
    groups: n,
    lost: claimed.b,
    won: claimed.c,
    engine: status === 'fail' ? failEngine : passEngine,
    pPass,
    pFail,
    worst: firstLost(pairing, maximumWorst),
    ...(status === 'inconclusive' && sizes(n, (claimed.b + claimed.c) / n, margin, passAlpha)),
  }
}

/** Whether more groups were won than lost, beyond chance: McNemar's exact test, never below its size. */
export function judgeBinaryGain(pairing: Pairing, passAlpha: number): Answer {
  const { candidate, opponent, items } = pairing
  const n = candidate.length
  const { b, c } = countDiscordant(pairing, 'no-harm')
  const harmed = countDiscordant(pairing, 'harm')
  const pPass = c > b ? mcnemar({ b: c, c: b }).exact : 1
  const pFail = harmed.b > harmed.c ? mcnemar({ b: harmed.b, c: harmed.c }).midP : 1
  const status = pPass <= passAlpha ? 'pass' : pFail <= alpha ? 'fail' : 'inconclusive'
  const candidateValue = mean(candidate)
  const opponentValue = mean(opponent)
  const said = { pass: 'it is better', fail: 'it is worse', inconclusive: 'it is not shown to be better' }[status]
  return {
    status,
    reason: `${said}: ${b} lost and ${c} won of ${n} independent items (p = ${Number((status === 'fail' ? pFail : pPass).toPrecision(2))})`,
    estimate: candidateValue - opponentValue,
    candidateValue,
    opponentValue,
    items,
    groups: n,
    lost: b,
    won: c,
    engine: status === 'fail' ? failEngine : 'one-sided exact McNemar',
    pPass,
    pFail,
    worst: firstLost(pairing, maximumWorst),
  }
}

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

function sentence(
  status: Finding['status'],
  difference: number,
  lower: number,
  { b, c, n }: DiscordantCounts,
  margin: number,
  passAlpha: number,
): string {
  const points = (value: number) => `${(100 * value).toFixed(1)} points`
  const counts = `${b} lost and ${c} won of ${n} independent items`
  if (status === 'pass')
    return `the difference is ${points(difference)}, and above ${points(lower)} with ${confidenceOf(passAlpha)} confidence (${counts}); the margin is ${points(margin)}`
  if (status === 'fail') return `it is worse by ${points(-difference)} (${counts}), which is not chance`
  return `the difference is ${points(difference)} and may be as low as ${points(lower)} (${counts}): that is neither within the margin of ${points(margin)} for certain, nor worse for certain`
}
