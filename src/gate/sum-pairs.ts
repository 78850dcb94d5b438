import { type Codes, GrowingArray } from '../evaluation/index.js'

/** Two models' scores by item, `NaN` if a model gave no answer. */
export interface PairedColumns {
  readonly ours: Float64Array
  readonly theirs: Float64Array
  /** Weights of a ratio of sums. */
  readonly weights?: { readonly ours: Float64Array; readonly theirs: Float64Array } | undefined
  /** −1 if lower is better. */
  readonly sign: 1 | -1
}

/** Sums of two models, one entry per group. */
export interface PairedSums {
  readonly ours: Float64Array
  readonly theirs: Float64Array
  readonly sizes: Float64Array
  readonly ourWeights: Float64Array
  readonly theirWeights: Float64Array
  readonly lostItems: Uint32Array
  readonly lostGroups: Uint32Array
  readonly won: number
  readonly unanswered: number
  readonly extent: readonly [number, number]
  readonly isOneAnswerEach: boolean
}

/** Pairs independent items, which need no sums and no lookup by group. */
export function pairItems(columns: PairedColumns, items: Uint32Array | undefined): PairedSums {
  const { weights, sign } = columns
  const length = items?.length ?? columns.ours.length
  const [ours, theirs] = [new Float64Array(length), new Float64Array(length)]
  const weighed = weights && { ours: new Float64Array(length), theirs: new Float64Array(length) }
  const lostItems = new GrowingArray(new Uint32Array(0))
  const lostGroups = new GrowingArray(new Uint32Array(0))
  let [answered, won, lowest, highest] = [0, 0, 0, 0]
  for (let position = 0; position < length; position += 1) {
    const index = items === undefined ? position : items[position]!
    const our = columns.ours[index]!
    const their = columns.theirs[index]!
    if (Number.isNaN(our) || Number.isNaN(their)) continue
    ours[answered] = our
    theirs[answered] = their
    if (weights !== undefined && weighed !== undefined) {
      weighed.ours[answered] = weights.ours[index]!
      weighed.theirs[answered] = weights.theirs[index]!
    }
    lowest = Math.min(lowest, our, their)
    highest = Math.max(highest, our, their)
    const difference = sign * (our - their)
    if (difference > 0) won += 1
    else if (difference < 0) {
      lostItems.push(index)
      lostGroups.push(answered)
    }
    answered += 1
  }
  const sizes = new Float64Array(answered).fill(1)
  return {
    ours: ours.subarray(0, answered),
    theirs: theirs.subarray(0, answered),
    sizes,
    ourWeights: weighed?.ours.subarray(0, answered) ?? sizes,
    theirWeights: weighed?.theirs.subarray(0, answered) ?? sizes,
    lostItems: lostItems.take(),
    lostGroups: lostGroups.take(),
    won,
    unanswered: length - answered,
    extent: [lowest, highest],
    isOneAnswerEach: true,
  }
}

/** @param slot one −1 per group. Used to record where a group is in the sums; restored before returning. */
export function sumGroups(
  columns: PairedColumns,
  items: Uint32Array | undefined,
  codes: Codes,
  slot: Int32Array,
): PairedSums {
  const { weights, sign } = columns
  const length = items?.length ?? columns.ours.length
  const touched = new GrowingArray(new Uint32Array(0))
  const most = Math.min(length, slot.length)
  const sums = () => new Float64Array(most)
  const [ours, theirs, sizes, balance] = [sums(), sums(), sums(), new Int32Array(most)]
  const weighed = weights && { ours: sums(), theirs: sums() }
  const lostItems = new GrowingArray(new Uint32Array(0))
  const lostGroups = new GrowingArray(new Uint32Array(0))
  let [unanswered, won, lowest, highest] = [0, 0, 0, 0]
  for (let position = 0; position < length; position += 1) {
    const index = items === undefined ? position : items[position]!
    const our = columns.ours[index]!
    const their = columns.theirs[index]!
    if (Number.isNaN(our) || Number.isNaN(their)) {
      unanswered += 1
      continue
    }
    const group = codes[index]!
    let at = slot[group]!
    if (at < 0) {
      at = slot[group] = touched.length
      touched.push(group)
    }
    sizes[at]! += 1
    ours[at]! += our
    theirs[at]! += their
    lowest = Math.min(lowest, our, their)
    highest = Math.max(highest, our, their)
    if (weights !== undefined && weighed !== undefined) {
      weighed.ours[at]! += weights.ours[index]!
      weighed.theirs[at]! += weights.theirs[index]!
    }
    const difference = sign * (our - their)
    if (difference > 0) {
      won += 1
      balance[at]! += 1
    } else if (difference < 0) {
      balance[at]! -= 1
      lostItems.push(index)
      lostGroups.push(at)
    }
  }
  const groups = touched.length
  for (const group of touched.take()) slot[group] = -1
  const used = sizes.subarray(0, groups)
  // If improvements and regressions cancel within a group, the sum over the groups is less than their number.
  let unanimous = 0
  const isOneAnswerEach = used.every((size, at) => {
    unanimous += Math.abs(balance[at]!)
    return size === used[0] && (balance[at] === 0 || Math.abs(balance[at]!) === size)
  })
  return {
    ours: ours.subarray(0, groups),
    theirs: theirs.subarray(0, groups),
    sizes: used,
    ourWeights: weighed?.ours.subarray(0, groups) ?? used,
    theirWeights: weighed?.theirs.subarray(0, groups) ?? used,
    lostItems: lostItems.take(),
    lostGroups: lostGroups.take(),
    won,
    unanswered,
    extent: [lowest, highest],
    isOneAnswerEach: isOneAnswerEach && unanimous === lostItems.length + won,
  }
}
