import { normalCdf, normalQuantile } from '../statistics/index.js'

/** The parameters that decide the power of a test over groups, by the normal approximation of Gaffke's bound. */
export interface GroupLaw {
  /** Items in a group, on average. */
  readonly typical: number
  /** Standard deviation of the sum of a group's differences, over `typical`. */
  readonly deviation: number
  /** The largest loss of a group that the sample may have missed, and the size of that group. */
  readonly lost: { readonly sum: number; readonly size: number }
  /** The largest gain of such a group. */
  readonly won: number
}

/** The fewest groups that pass without any regression or improvement: the exact bound for identical groups. */
export function fewestByLaw({ typical, lost }: Pick<GroupLaw, 'typical' | 'lost'>, margin: number, alpha: number) {
  const excess = lost.sum - margin * lost.size
  return excess <= 0 ? 1 : Math.ceil(-Math.log(alpha) / Math.log1p((margin * typical) / excess))
}

/** The distance between bound and estimate, and the standard error of the estimate. */
function reach({ typical, deviation }: GroupLaw, groups: number, unseen: number, alpha: number) {
  const shift = unseen / (typical * groups)
  const spread = deviation / Math.sqrt(groups)
  return { bound: shift + normalQuantile(1 - alpha) * Math.hypot(spread, shift), spread }
}

/** The chance that a candidate with this true change passes at `margin`. */
export function passChanceByLaw(law: GroupLaw, groups: number, margin: number, alpha: number, change: number): number {
  if (groups < fewestByLaw(law, margin, alpha)) return 0
  const { bound, spread } = reach(law, groups, law.lost.sum, alpha)
  return normalCdf((change + margin - bound) / spread)
}

/** The chance that a candidate with this true change fails. */
export function failChanceByLaw(law: GroupLaw, groups: number, alpha: number, change: number): number {
  const { bound, spread } = reach(law, groups, law.won, alpha)
  return normalCdf((-change - bound) / spread)
}

/** The smallest true drop that this many groups detect with 80 % power. */
export function detectableByLaw(law: GroupLaw, groups: number, alpha: number): number {
  const { bound, spread } = reach(law, groups, law.won, alpha)
  return bound + normalQuantile(0.8) * spread
}

/** The margin at which a model of equal quality passes with 80 % power, regardless of the minimum number of groups. */
function marginByLaw(law: GroupLaw, groups: number, alpha: number): number {
  const { bound, spread } = reach(law, groups, law.lost.sum, alpha)
  return bound + normalQuantile(0.8) * spread
}

/** The smallest margin at which a model of equal quality passes with 80 % power; 1 if no smaller margin does. */
export function smallestMarginByLaw(law: GroupLaw, groups: number, alpha: number): number {
  let [low, high] = [marginByLaw(law, groups, alpha), 1]
  if (low >= 1 || fewestByLaw(law, low, alpha) <= groups) return Math.min(low, 1)
  while (high - low > 1e-6) {
    const middle = (low + high) / 2
    if (fewestByLaw(law, middle, alpha) <= groups) high = middle
    else low = middle
  }
  return high
}

/** The fewest groups with which a model of equal quality passes with 80 % power. */
export function groupsNeededByLaw(law: GroupLaw, margin: number, alpha: number): number {
  const fewest = fewestByLaw(law, margin, alpha)
  const enough = (groups: number) => groups >= fewest && marginByLaw(law, groups, alpha) <= margin
  let [low, high] = [0, fewest]
  while (!enough(high) && high < 1e12) [low, high] = [high, 2 * high]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (enough(middle)) high = middle
    else low = middle
  }
  return high
}

/**
 * Groups of these sizes whose models differ on a share `discordance` of the items. Changes of two items of a group have
 * the given correlation: a group of s items has the variance s · (1 + (s − 1) · correlation) of one item, the design
 * effect (L. Kish, Survey Sampling, 1965).
 */
export function lawOfAnswers(
  sizes: readonly number[],
  { discordance, correlation, change }: { discordance: number; correlation: number; change: number },
): GroupLaw {
  let [items, squares, cubes] = [0, 0, 0]
  for (const size of sizes) {
    items += size
    squares += size ** 2
    cubes += size ** 3
  }
  const typical = items / sizes.length
  const variance = ((discordance - change ** 2) * (items + correlation * (squares - items))) / sizes.length
  // As in `sampleOf`: the missed group has the size of the groups that may contain the change.
  const size = cubes / squares
  return { typical, deviation: Math.sqrt(variance) / typical, lost: { sum: size, size }, won: squares / items }
}
