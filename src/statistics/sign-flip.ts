import { SheikhError, seededRandom } from '../core/index.js'
import { checkedCount } from './options.js'

export interface SignFlipOptions {
  /** One a group, candidate less baseline; finite. */
  readonly differences: ArrayLike<number>
  /**
   * What the mean difference is tested against: −margin asks whether the candidate is better than `margin` worse.
   * @default 0
   */
  readonly shift?: number
  /** Up to this many differences that are not nought, all sign patterns are counted; beyond, chance draws. @default 20 */
  readonly exactUpTo?: number
  /** Draws where there are too many patterns. @default 10,000 */
  readonly resamples?: number
  /** @default 0 */
  readonly seed?: number | string
}

export interface SignFlipResult {
  /** One-sided p-value that the mean lies above `shift`: small speaks for better. */
  readonly better: number
  /** One-sided p-value that the mean lies below `shift`: small speaks for worse. */
  readonly worse: number
  /** Whether every pattern was counted. */
  readonly exact: boolean
}

/**
 * The paired permutation test on the mean difference: under no effect each difference is as likely to have the other sign.
 *
 * Exact where there are few differences; else p = (hits + 1) / (resamples + 1), which is valid at any number of draws.
 *
 * Sources: R. A. Fisher, The Design of Experiments (1935), § 21; B. Phipson and G. K. Smyth, Stat. Appl. Genet. Mol. Biol.
 * 9:39 (2010) for the draws.
 *
 * @throws `invalid-options` for no differences, or one that is not finite.
 */
export function signFlip({
  differences,
  shift = 0,
  exactUpTo = 20,
  resamples = 10_000,
  seed = 0,
}: SignFlipOptions): SignFlipResult {
  checkedCount('resamples', resamples, 1)
  if (checkedCount('exactUpTo', exactUpTo) > 30) throw invalid(`"exactUpTo" is ${exactUpTo}: 30 are the most`)
  if (differences.length === 0) throw invalid('there are no differences')
  const sizes: number[] = []
  let observed = 0
  for (let index = 0; index < differences.length; index += 1) {
    const moved = differences[index]! - shift
    if (!Number.isFinite(moved)) throw invalid(`the difference at ${index} is ${differences[index]}`)
    observed += moved
    if (moved !== 0) sizes.push(Math.abs(moved))
  }
  // Sums that are equal in theory differ by rounding, and a tie left out would make p too small.
  const tie = 1e-12 * sizes.reduce((sum, size) => sum + size, 0)
  const exact = sizes.length <= exactUpTo
  const { above, below, total } = exact
    ? countPatterns(sizes, observed, tie)
    : drawPatterns(Float64Array.from(sizes), observed, tie, resamples, seed)
  return { better: above / total, worse: below / total, exact }
}

interface Counts {
  /** Patterns whose sum is at least what was observed. */
  readonly above: number
  /** At most what was observed. */
  readonly below: number
  readonly total: number
}

/** Every pattern, each one sign away from the one before (F. Gray's code). */
function countPatterns(sizes: readonly number[], observed: number, tie: number): Counts {
  const total = 2 ** sizes.length
  const signs = new Int8Array(sizes.length).fill(1)
  let sum = sizes.reduce((all, size) => all + size, 0)
  let above = 0
  let below = 0
  for (let step = 1; ; step += 1) {
    if (sum >= observed - tie) above += 1
    if (sum <= observed + tie) below += 1
    if (step === total) return { above, below, total }
    const flipped = 31 - Math.clz32(step & -step)
    signs[flipped] = -signs[flipped]!
    // Anew now and then: a million small roundings would add up.
    sum = step % 1024 === 0 ? dot(signs, sizes) : sum + 2 * signs[flipped]! * sizes[flipped]!
  }
}

const dot = (signs: Int8Array, sizes: readonly number[]) =>
  sizes.reduce((sum, size, index) => sum + signs[index]! * size, 0)

function drawPatterns(
  sizes: Float64Array,
  observed: number,
  tie: number,
  resamples: number,
  seed: number | string,
): Counts {
  const random = seededRandom(seed)
  // The pattern that was seen is one of them: never p = 0.
  let above = 1
  let below = 1
  for (let draw = 0; draw < resamples; draw += 1) {
    let sum = 0
    for (let index = 0; index < sizes.length; ) {
      let bits = random.uint32()
      for (const end = Math.min(index + 32, sizes.length); index < end; index += 1) {
        sum += (bits & 1) === 0 ? sizes[index]! : -sizes[index]!
        bits >>>= 1
      }
    }
    if (sum >= observed - tie) above += 1
    if (sum <= observed + tie) below += 1
  }
  return { above, below, total: resamples + 1 }
}

const invalid = (fact: string) =>
  new SheikhError('invalid-options', `Cannot test differences: ${fact}. Give one finite number a group.`)
