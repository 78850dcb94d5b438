import type { Answer } from './answer.js'
import { judgeBinary, judgeBinaryGain } from './judge-binary.js'
import { judgeSums } from './judge-sums.js'
import type { Pairing } from './paired-groups.js'

/** What one pairing says of a margin. A slice's `fail` is decided by the gate, over all slices together. */
export function judgeNoRegression(pairing: Pairing, margin: number): Answer {
  return (
    notComparable(pairing) ?? (pairing.kind === 'binary' ? judgeBinary(pairing, margin) : judgeSums(pairing, margin))
  )
}

/** Whether one pairing says that the candidate is better. */
export function judgeImprovement(pairing: Pairing): Answer {
  return notComparable(pairing) ?? (pairing.kind === 'binary' ? judgeBinaryGain(pairing) : judgeSums(pairing, 0))
}

/** Why a pairing says nothing, whatever is asked; `undefined` where it says something. */
export function notComparable({ groups, items, unanswered }: Pairing): Answer | undefined {
  const open = { status: 'inconclusive', items, groups: groups.length } as const
  if (unanswered > 0)
    return {
      ...open,
      reason: `${unanswered} of ${items} items were not answered by both models: infrastructure is not quality, ask again`,
    }
  return groups.length === 0 ? { ...open, reason: 'no item could be compared' } : undefined
}
