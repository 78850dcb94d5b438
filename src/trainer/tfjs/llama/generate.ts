import { setImmediate } from 'node:timers/promises'
import type { CallContext, Random } from '../../../core/index.js'
import { type Device, valuesOf } from '../devices.js'
import { type Cache, type Llama, type NextToken, nextTokenLogits } from './llama.js'

export interface SamplingOptions {
  /** 0 always selects the likeliest token. Above 0, logits are divided by this value. @default 0 */
  readonly temperature?: number | undefined
  /** Samples only from this many likeliest tokens. @default all */
  readonly topK?: number | undefined
  /** Samples only from the fewest likeliest tokens whose probabilities add up to this share, 0 to 1. @default 1 */
  readonly topP?: number | undefined
}

export interface GenerateRequest extends SamplingOptions {
  readonly prompt: readonly number[]
  readonly maximumNewTokens: number
  readonly random: Random
  /** Called after each token: whether the answer is complete. The answer includes the token that ends it. */
  isComplete(answer: readonly number[]): boolean
}

const tokensBetweenYields = 8

/** Generates an answer to a prompt, token by token. Caches keys and values of earlier tokens. */
export async function generate(
  device: Device,
  llama: Llama,
  { prompt, maximumNewTokens, random, isComplete, ...sampling }: GenerateRequest,
  { signal }: CallContext,
): Promise<readonly number[]> {
  const { tf } = device
  const answer: number[] = []
  const most = Math.min(maximumNewTokens, llama.config.maximumPositions - prompt.length)
  let cache: Cache | undefined
  try {
    let fresh = Int32Array.from(prompt)
    while (answer.length < most) {
      signal.throwIfAborted()
      const behind = prompt.length + answer.length - fresh.length
      const old = cache
      const next = device.use(
        () => tf.tidy(() => ({ ...nextTokenLogits(llama, fresh, old, behind) }) as never) as NextToken,
      )
      cache = next.cache
      tf.dispose((old ?? []) as never)
      const token = chooseToken(await valuesOf(next.logits), sampling, random)
      answer.push(token)
      if (isComplete(answer)) break
      fresh = Int32Array.of(token)
      if (answer.length % tokensBetweenYields === 0) await setImmediate()
    }
    return answer
  } finally {
    device.use(() => tf.dispose((cache ?? []) as never))
  }
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
