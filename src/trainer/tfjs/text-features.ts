export interface TextFeatureSettings {
  /** A power of two: how many weights words share. */
  readonly buckets: number
  /** What follows is not read. */
  readonly maximumTokens: number
  /** Pairs of neighbouring words too. */
  readonly bigrams: boolean
}

/** A text as a sparse vector of length 1. */
export interface TextFeatures {
  /** Buckets, each once. */
  readonly indices: Int32Array
  readonly values: Float32Array
}

// Words of any script, numbers, and signs that carry meaning in short texts.
const tokens = /[\p{L}\p{N}]+|[$€£%!?]/gu

/**
 * Words, and pairs of them, hashed into buckets (Weinberger et al. 2009, "Feature Hashing"): no vocabulary, so a word never
 * seen is nothing special. Counts are damped, 1 + ln(count), and the vector is scaled to length 1.
 */
export function textFeatures(text: string, { buckets, maximumTokens, bigrams }: TextFeatureSettings): TextFeatures {
  const counts = new Map<number, number>()
  const count = (hash: number) => {
    const bucket = mix(hash) & (buckets - 1)
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  let previous: number | undefined
  let read = 0
  for (const [token] of text.toLowerCase().matchAll(tokens)) {
    if (read === maximumTokens) break
    read += 1
    const hash = hashToken(token)
    count(hash)
    if (bigrams && previous !== undefined) count(Math.imul(previous, 31) ^ hash)
    previous = hash
  }
  const indices = Int32Array.from(counts.keys()).sort()
  const values = Float32Array.from(indices, (bucket) => 1 + Math.log(counts.get(bucket)!))
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  return { indices, values: length === 0 ? values : values.map((value) => value / length) }
}

/** FNV-1a, 32 bits, over UTF-16 code units. */
function hashToken(token: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < token.length; index += 1) hash = Math.imul(hash ^ token.charCodeAt(index), 0x01000193)
  return hash
}

/** The finaliser of MurmurHash3: FNV's low bits alone are not evenly spread. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
