import type { Random } from '../../../core/index.js'

export interface SamplingOptions {
  /** 0 always selects the likeliest token. Above 0, logits are divided by this value. @default 0 */
  readonly temperature?: number | undefined
  /** Samples only from this many likeliest tokens. @default all */
  readonly topK?: number | undefined
  /** Samples only from the fewest likeliest tokens whose probabilities add up to this share, 0 to 1. @default 1 */
  readonly topP?: number | undefined
}

/** Applies temperature, then top-k, then top-p, like transformers. Ties are ordered by token number. */
export function chooseToken(
  logits: Float32Array,
  { temperature = 0, topK = Number.POSITIVE_INFINITY, topP = 1 }: SamplingOptions,
  random: Random,
): number {
  let best = 0
  for (let token = 1; token < logits.length; token += 1) if (logits[token]! > logits[best]!) best = token
  if (temperature === 0) return best
  const byLikelihood = [...logits.keys()].sort((left, right) => logits[right]! - logits[left]! || left - right)
  const candidates = byLikelihood.slice(0, topK)
  const shares = candidates.map((token) => Math.exp((logits[token]! - logits[best]!) / temperature))
  const total = shares.reduce((sum, share) => sum + share, 0)
  let kept = 0
  for (let together = 0; kept < shares.length && (kept === 0 || together < topP * total); kept += 1)
    together += shares[kept]!
  const keptTotal = shares.slice(0, kept).reduce((sum, share) => sum + share, 0)
  let left = random.uniform() * keptTotal
  for (let index = 0; index < kept; index += 1) {
    left -= shares[index]!
    if (left < 0) return candidates[index]!
  }
  return candidates[kept - 1]!
}
