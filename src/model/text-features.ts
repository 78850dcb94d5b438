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
  // A prediction spends most of its time here, so the loops avoid iterators and callbacks.
  const found: number[] = []
  let previous: number | undefined
  const lower = text.toLowerCase()
  tokens.lastIndex = 0
  for (let read = 0; read < maximumTokens; read += 1) {
    const word = tokens.exec(lower)
    if (word === null) break
    const hash = hashToken(word[0])
    found.push(mix(hash) & (buckets - 1))
    if (bigrams && previous !== undefined) found.push(mix(Math.imul(previous, 31) ^ hash) & (buckets - 1))
    previous = hash
  }
  const sorted = Int32Array.from(found).sort()
  const indices = new Int32Array(sorted.length)
  const values = new Float32Array(sorted.length)
  let size = 0
  let squares = 0
  for (let first = 0, end = 0; first < sorted.length; first = end) {
    const bucket = sorted[first]!
    while (sorted[end] === bucket) end += 1
    indices[size] = bucket
    values[size] = 1 + Math.log(end - first)
    squares += values[size]! * values[size]!
    size += 1
  }
  const length = Math.sqrt(squares)
  for (let index = 0; index < size; index += 1) values[index]! /= length
  return { indices: indices.slice(0, size), values: values.slice(0, size) }
}

/** The words that `textFeatures` counts, in lower case and in order. @param maximum what follows is not read. */
export function wordsOf(text: string, maximum: number): readonly string[] {
  const found: string[] = []
  // matchAll begins at lastIndex, which textFeatures leaves where it stopped reading a long text.
  tokens.lastIndex = 0
  for (const [word] of text.toLowerCase().matchAll(tokens)) if (found.push(word) === maximum) break
  return found
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
