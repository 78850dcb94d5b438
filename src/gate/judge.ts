import type { Answer } from './answer.js'
import { judgeBinary } from './judge-binary.js'
import { judgeSums } from './judge-sums.js'
import type { Pairing } from './paired-groups.js'

/** What one pairing says of a margin. A slice's `fail` is decided by the gate, over all slices together. */
export function judgeNoRegression(pairing: Pairing, margin: number): Answer {
  const { groups, items, unanswered } = pairing
  if (unanswered > 0)
    return {
      status: 'inconclusive',
      items,
      groups: groups.length,
      reason: `${unanswered} of ${items} items were not answered by both models: infrastructure is not quality, ask again`,
    }
  if (groups.length === 0) return { status: 'inconclusive', items, groups: 0, reason: 'no item could be compared' }
  return pairing.kind === 'binary' ? judgeBinary(pairing, margin) : judgeSums(pairing, margin)
}
