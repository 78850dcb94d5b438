import { binomialPmf } from './binomial.js'
import { binomialUpperTail } from './binomial-tail.js'
import { tangoScore } from './tango.js'

/**
 * A set of outcomes (b, c) of n pairs, written as the least c that belongs to it for each number of discordant pairs
 * t = b + c; t + 1 where none does.
 */
export type PairedRegion = Int32Array

/** How the pairs fall: the chance that they are discordant, and how that chance splits. */
interface PairedChances {
  /** P(baseline right, candidate wrong) + P(baseline wrong, candidate right). */
  readonly discordance: number
  /** P(baseline wrong, candidate right) − P(baseline right, candidate wrong); at most `discordance` either way. */
  readonly difference: number
}

// Two outcomes with the same score may differ in the last digits; the one that was seen belongs to its own region.
const tieTolerance = 1e-10

/**
 * The outcomes whose score against the true difference −margin is at least `z`.
 *
 * The score rises with c and falls with b (Barnard's convexity), so that from one t to the next the least c stays or
 * rises by one: a walk, linear in n.
 */
export function scoreRegion({ n, margin, z }: { readonly n: number; readonly margin: number; readonly z: number }) {
  const least: PairedRegion = new Int32Array(n + 1)
  const limit = z - tieTolerance * Math.max(1, Math.abs(z))
  let c = 0
  for (let t = 0; t <= n; t++) {
    while (c <= t && tangoScore(t - c, c, n, -margin) < limit) c++
    least[t] = c
  }
  return least
}

/**
 * The chance of an outcome in `region`, summed over the exact distribution; absolute error about 1e-12.
 *
 * The number of discordant pairs t is binomial, and given t so is c: one sum over t, with the tail over c carried along
 * from t to t + 1 by one term instead of being computed anew.
 */
export function regionChance(region: PairedRegion, { discordance, difference }: PairedChances): number {
  const n = region.length - 1
  const gain = discordance > 0 ? (1 + difference / discordance) / 2 : 0.5
  if (gain <= 0 || gain >= 1) {
    return sumOverDiscordant(n, discordance, (t) => ((gain >= 1 ? t : 0) >= (region[t] as number) ? 1 : 0))
  }
  return certainChance(region, discordance, gain) ?? sumOverDiscordant(n, discordance, tailWalk(region, gain))
}

// Of a normal law 6e-16 lie beyond eight standard deviations; between two looks the distance changes by less than four.
const farAway = 12
const looks = 9
/** Below this variance a binomial is too far from normal to be judged by standard deviations. */
const leastVariance = 100

/**
 * 0 or 1 where the region's edge is so far from where c falls, at every t that is likely, that no sum is needed; else
 * `undefined`. Most discordances of a large n are such.
 */
function certainChance(region: PairedRegion, discordance: number, gain: number): number | undefined {
  const n = region.length - 1
  const reach = 9 * Math.sqrt(n * discordance * (1 - discordance))
  const [low, high] = [Math.max(0, n * discordance - reach), Math.min(n, n * discordance + reach)]
  let side = 0
  for (let look = 0; look < looks; look++) {
    const t = Math.round(low + ((high - low) * look) / (looks - 1))
    const variance = t * gain * (1 - gain)
    if (variance < leastVariance) return undefined
    const distance = ((region[t] as number) - 0.5 - t * gain) / Math.sqrt(variance)
    if (Math.abs(distance) < farAway || (side !== 0 && Math.sign(distance) !== side)) return undefined
    side = Math.sign(distance)
  }
  return side > 0 ? 0 : 1
}

// Terms below this share of the largest are left out: all of them together are under 1e-13.
const negligible = 1e-17

function sumOverDiscordant(n: number, q: number, tailAt: (t: number) => number): number {
  if (q <= 0 || q >= 1) return tailAt(q <= 0 ? 0 : n)
  const mode = Math.min(n, Math.floor((n + 1) * q))
  const peak = binomialPmf(mode, n, q)
  const odds = q / (1 - q)
  // Down from the mode to where the terms vanish, then up through all of them, because the tail is carried upwards.
  let t = mode
  let weight = peak
  while (t > 0 && weight > peak * negligible) {
    weight *= t / ((n - t + 1) * odds)
    t--
  }
  let sum = 0
  for (; t <= n; t++) {
    sum += weight * tailAt(t)
    if (t > mode && weight <= peak * negligible) break
    weight *= ((n - t) * odds) / (t + 1)
  }
  return Math.min(1, sum)
}

// Below this a product of doubles starts to lose digits; the term is then computed afresh.
const smallestSafe = 1e-280

/** P(C ≥ region[t]) for C ~ Binomial(t, gain), called with t rising by one. */
function tailWalk(region: PairedRegion, gain: number): (t: number) => number {
  const loss = 1 - gain
  const odds = gain / loss
  let at = -1
  let k = 0
  let tail = 1
  let below = 0 // P(C = k − 1 | t)
  const safe = (value: number, t: number) => (value > smallestSafe ? value : binomialPmf(k - 1, t, gain, loss))

  return (t) => {
    const target = region[t] as number
    if (at < 0) {
      k = target
      tail = binomialUpperTail(k, t, gain)
      below = binomialPmf(k - 1, t, gain, loss)
    } else {
      tail += gain * below
      below = k === 0 ? 0 : safe((below * loss * t) / (t - k + 1), t)
    }
    at = t
    while (k < target) {
      k++
      below = safe((below * odds * (t - k + 2)) / (k - 1), t)
      tail -= below
    }
    while (k > target) {
      tail += below
      k--
      below = k === 0 ? 0 : safe((below * k) / ((t - k + 1) * odds), t)
    }
    return Math.max(tail, 0)
  }
}
