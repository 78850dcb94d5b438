import type { FindingStatus } from './gate.js'
import { decideBinary, judgeBinary, judgeBinaryGain } from './judge-binary.js'
import { judgeGroups, statusOfGroups } from './judge-groups.js'
import { countDiscordant, type Pairing } from './paired-groups.js'
import { alpha, type PartialFinding } from './partial-finding.js'

/** What one pairing says of a margin. A slice's `fail` is decided by the gate, over all slices together. */
export function judgeNoRegression(pairing: Pairing, margin: number, passAlpha = alpha): PartialFinding {
  const open = notComparable(pairing)
  if (open !== undefined) return open
  const counts = exactCounts(pairing)
  return counts === undefined
    ? judgeGroups(pairing, margin, passAlpha)
    : judgeBinary(pairing, counts, margin, passAlpha)
}

/** Whether one pairing says that the candidate is better. */
export function judgeImprovement(pairing: Pairing, passAlpha = alpha): PartialFinding {
  const open = notComparable(pairing)
  if (open !== undefined) return open
  const counts = exactCounts(pairing)
  return counts === undefined ? judgeGroups(pairing, 0, passAlpha) : judgeBinaryGain(pairing, counts, passAlpha)
}

/** The counts that the exact tests take; `undefined` for everything but right or wrong answers, one per group. */
export const exactCounts = (pairing: Pairing) => (pairing.kind === 'binary' ? countDiscordant(pairing) : undefined)

/** The status that `judgeNoRegression` gives to a pairing without unanswered items, for many pairings in turn. */
export function statusJudge(margin: number): (pairing: Pairing) => FindingStatus {
  // Right or wrong answers are judged by counts alone: each different outcome is judged once.
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

/** Why a pairing says nothing, whatever is asked; `undefined` where it says something. */
export function notComparable({ candidate, items, unanswered }: Pairing): PartialFinding | undefined {
  const open = { status: 'inconclusive', items, groups: candidate.length } as const
  if (unanswered > 0)
    return {
      ...open,
      reason: `${unanswered} of ${items} items were not answered by both models: infrastructure is not quality, ask again`,
    }
  return candidate.length === 0 ? { ...open, reason: 'no item could be compared' } : undefined
}
