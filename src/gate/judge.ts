import type { FindingStatus } from './finding.js'
import { decideBinary, judgeBinary, judgeBinaryGain } from './judge-binary.js'
import { judgeGroups, statusOfGroups } from './judge-groups.js'
import { countDiscordant, type Pairing } from './paired-groups.js'
import { alpha, type PartialFinding } from './partial-finding.js'

type Compared = PartialFinding<'comparison' | 'statement'>

/** Judges a pairing against a margin. The gate decides whether a slice fails, over all slices together. */
export function judgeNoRegression(pairing: Pairing, margin: number, passAlpha = alpha): Compared {
  const open = notComparable(pairing)
  if (open !== undefined) return open
  const counts = exactCounts(pairing)
  return counts === undefined
    ? judgeGroups(pairing, margin, passAlpha)
    : judgeBinary(pairing, counts, margin, passAlpha)
}

/** Judges whether the candidate is better. */
export function judgeImprovement(pairing: Pairing, passAlpha = alpha): Compared {
  const open = notComparable(pairing)
  if (open !== undefined) return open
  const counts = exactCounts(pairing)
  return counts === undefined ? judgeGroups(pairing, 0, passAlpha) : judgeBinaryGain(pairing, counts, passAlpha)
}

/** The counts for the exact tests; `undefined` unless the metric is binary with one answer per group. */
export const exactCounts = (pairing: Pairing) => (pairing.kind === 'binary' ? countDiscordant(pairing) : undefined)

/**
 * Returns the status that `judgeNoRegression` gives to a pairing without unanswered items. For many pairings in turn.
 */
export function statusJudge(margin: number): (pairing: Pairing) => FindingStatus {
  // Binary metrics are judged by counts alone, so each distinct outcome is judged once.
  const known = new Map<string, FindingStatus>()
  return (pairing) => {
    const counts = exactCounts(pairing)
    if (counts === undefined) return statusOfGroups(pairing, margin, alpha)
    const key = `${counts.n} ${counts.b} ${counts.c}`
    let status = known.get(key)
    if (status === undefined) {
      status = decideBinary(counts, margin, alpha).status
      known.set(key, status)
    }
    return status
  }
}

/** Why a pairing cannot be judged at all, or `undefined` if it can. */
export function notComparable({ candidate, items, unanswered }: Pairing): PartialFinding<'statement'> | undefined {
  const open = { kind: 'statement', status: 'inconclusive' } as const
  if (unanswered > 0)
    return {
      ...open,
      reason: `${unanswered} of ${items} items have no answer from at least one model, which is an infrastructure failure. Evaluate again`,
    }
  return candidate.length === 0 ? { ...open, reason: 'no item could be compared' } : undefined
}
