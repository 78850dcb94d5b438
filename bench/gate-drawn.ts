import type { Pairing } from '../src/gate/paired-groups.js'

/** A pairing, and the moments of its items' differences. */
export type Drawn = Pairing & { readonly sum: number; readonly squares: number }

/** Right or wrong answers from the counts of lost and won items per group. */
export function pairAnswers(sizes: Float64Array, lost: Float64Array, won: Float64Array): Drawn {
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0)
  const [allLost, allWon] = [total(lost), total(won)]
  const isOneAnswerEach = sizes.every(
    (size, group) => size === sizes[0] && [0, size].includes(lost[group]!) && [0, size].includes(won[group]!),
  )
  return {
    ...common,
    kind: 'binary',
    range: [0, 1],
    extent: [0, 1],
    candidate: sizes.map((size, group) => size - lost[group]!),
    reference: sizes.map((size, group) => size - won[group]!),
    ...{ sizes, candidateWeight: sizes, referenceWeight: sizes, items: total(sizes) },
    lost: { items: new Uint32Array(allLost), groups: new Uint32Array(allLost), idOf: String },
    won: allWon,
    isOneAnswerEach,
    ...{ sum: allWon - allLost, squares: allWon + allLost },
  }
}

/** Scores of two models, every item by itself. */
export function pairScores(
  candidate: Float64Array,
  reference: Float64Array,
  range: readonly [number, number] | undefined,
): Drawn {
  const n = candidate.length
  const sizes = new Float64Array(n).fill(1)
  let [sum, squares, lowest, highest] = [0, 0, 0, 0]
  for (let item = 0; item < n; item += 1) {
    const difference = candidate[item]! - reference[item]!
    sum += difference
    squares += difference ** 2
    lowest = Math.min(lowest, candidate[item]!, reference[item]!)
    highest = Math.max(highest, candidate[item]!, reference[item]!)
  }
  return {
    ...common,
    kind: 'mean',
    ...(range !== undefined && { range }),
    extent: [lowest, highest],
    ...{ candidate, reference, sizes, candidateWeight: sizes, referenceWeight: sizes, items: n },
    lost: { items: new Uint32Array(0), groups: new Uint32Array(0), idOf: String },
    won: 0,
    isOneAnswerEach: false,
    ...{ sum, squares },
  }
}

const common = { sign: 1, unanswered: 0 } as const
