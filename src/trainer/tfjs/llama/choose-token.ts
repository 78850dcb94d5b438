import type { Random } from '../../../core/index.js'

export interface SamplingOptions {
  /** 0 always selects the likeliest token. Above 0, logits are divided by this value. @default 0 */
  readonly temperature?: number | undefined
  /** Samples only from this many likeliest tokens. @default all */
  readonly topK?: number | undefined
  /** Samples only from the fewest likeliest tokens whose probabilities add up to this share, 0 to 1. @default 1 */
  readonly topP?: number | undefined
}

/**
 * Applies temperature, then top-k, then top-p, like transformers. Ties are ordered by token number. Candidates are ordered by
 * likelihood, unless all tokens are candidates: then no order is needed.
 */
export function chooseToken(
  logits: Float32Array,
  { temperature = 0, topK = Number.POSITIVE_INFINITY, topP = 1 }: SamplingOptions,
  random: Random,
): number {
  let best = 0
  for (let token = 1; token < logits.length; token += 1) if (logits[token]! > logits[best]!) best = token
  if (temperature === 0) return best
  const count = Math.min(topK, logits.length)
  const candidates = count === logits.length && topP >= 1 ? undefined : ordered(logits, count)
  const shares = new Float64Array(count)
  let total = 0
  for (let index = 0; index < count; index += 1) {
    shares[index] = Math.exp((logits[candidates?.[index] ?? index]! - logits[best]!) / temperature)
    total += shares[index]!
  }
  let kept = count
  let keptTotal = total
  if (topP < 1)
    for (kept = 0, keptTotal = 0; kept < count && (kept === 0 || keptTotal < topP * total); kept += 1)
      keptTotal += shares[kept]!
  let left = random.uniform() * keptTotal
  let last = 0
  for (let index = 0; index < kept; index += 1) {
    if (shares[index] === 0) continue
    last = index
    left -= shares[index]!
    if (left < 0) break
  }
  return candidates?.[last] ?? last
}

const ordered = (logits: Float32Array, count: number) =>
  count > mostInserted ? byLikelihood(logits).subarray(0, count) : likeliest(logits, count)

/** Up to this many candidates are inserted one by one. To sort all tokens takes as long for any number of candidates. */
const mostInserted = 256

function likeliest(logits: Float32Array, count: number): readonly number[] {
  const found: number[] = []
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token]!
    if (found.length === count && !(logit > logits[found[count - 1]!]!)) continue
    let place = found.length === count ? count - 1 : found.length
    for (; place > 0 && logit > logits[found[place - 1]!]!; place -= 1) found[place] = found[place - 1]!
    found[place] = token
  }
  return found
}

/**
 * All tokens. A radix sort by the four bytes of the bits: this runs for each token of an answer, and its cost depends on the
 * vocabulary alone. With two digits of 16 bits, a token of a vocabulary of 320 took 17 times as long.
 */
function byLikelihood(logits: Float32Array): Uint32Array {
  // Adding 0 turns -0 into 0.
  const keys = new Uint32Array(logits.map((logit) => logit + 0).buffer)
  // As integers, bits of positive numbers rise with the number, and those of negative numbers fall.
  for (let token = 0; token < keys.length; token += 1)
    if (keys[token]! < 0x8000_0000) keys[token] = 0x7fff_ffff - keys[token]!
  let tokens = new Uint32Array(keys.length)
  let sorted = new Uint32Array(keys.length)
  for (let token = 0; token < tokens.length; token += 1) tokens[token] = token
  const places = new Uint32Array(0x101)
  for (const shift of [0, 8, 16, 24]) {
    places.fill(0)
    for (let token = 0; token < keys.length; token += 1) places[((keys[token]! >>> shift) & 0xff) + 1]! += 1
    for (let digit = 1; digit < places.length; digit += 1) places[digit]! += places[digit - 1]!
    // Tokens of equal keys keep their order.
    for (let index = 0; index < tokens.length; index += 1) {
      const token = tokens[index]!
      sorted[places[(keys[token]! >>> shift) & 0xff]!++] = token
    }
    ;[tokens, sorted] = [sorted, tokens]
  }
  return tokens
}
