export interface TextFeatureSettings {
  /** A power of two: how many weights words share. */
  readonly buckets: number
  /** What follows is not read. */
  readonly maximumTokens: number
  /** Pairs of neighbouring words too. */
  readonly bigrams: boolean
  /** Sequences of 3 and 4 characters within words too. @default false */
  readonly characters?: boolean | undefined
}

/** A text as a sparse vector of length 1. */
export interface TextFeatures {
  /** Buckets, each once. */
  readonly indices: Int32Array
  readonly values: Float32Array
}

// Words of any script, numbers, and signs that carry meaning in short texts.
const tokens = /[\p{L}\p{N}]+|[$€£%!?]/gu

// Long texts have words enough, and sequences of characters are most of the work.
const mostCharacters = 300
const [shortest, longest] = [3, 4]
/** The weight of a sequence of characters. There are several per word, and a word should count for more than one. */
const characterWeight = 0.5

/**
 * Words, pairs of them and sequences of characters, hashed into buckets (Weinberger et al. 2009, "Feature Hashing"): no
 * vocabulary, so a word never seen is nothing special. Counts are damped, 1 + ln(count), sequences of characters count half,
 * and the vector is scaled to length 1.
 *
 * The sequences are those of a word with a space on both sides, so that beginnings and endings differ from what is within
 * (Cavnar and Trenkle 1994, "N-Gram-Based Text Categorization"). They are read from the first 300 characters of the words.
 */
export function textFeatures(
  text: string,
  { buckets, maximumTokens, bigrams, characters = false }: TextFeatureSettings,
): TextFeatures {
  // A prediction spends most of its time here, so the loops avoid iterators and callbacks.
  // A feature is its bucket, doubled, plus 1 for sequences of characters: below 2²⁴.
  const found: number[] = []
  const mask = buckets - 1
  let previous: number | undefined
  let left = characters ? mostCharacters : 0
  const lower = text.toLowerCase()
  tokens.lastIndex = 0
  for (let read = 0; read < maximumTokens; read += 1) {
    const match = tokens.exec(lower)
    if (match === null) break
    const word = match[0]
    const hash = hashToken(word)
    found.push((mix(hash) & mask) * 2)
    if (bigrams && previous !== undefined) found.push((mix(Math.imul(previous, 31) ^ hash) & mask) * 2)
    previous = hash
    if (left === 0) continue
    // Character `place` of the word with its spaces; the word itself is no sequence.
    const length = Math.min(word.length, left)
    left -= length
    const end = length + 2
    for (let first = 0; first + shortest <= end; first += 1) {
      let sequence = sequenceSeed
      for (let size = 1; size <= longest && size < end && first + size <= end; size += 1) {
        const place = first + size - 1
        sequence = hashUnit(sequence, place === 0 || place > length ? space : word.charCodeAt(place - 1))
        if (size >= shortest) found.push((mix(sequence) & mask) * 2 + 1)
      }
    }
  }
  const sorted = Int32Array.from(found).sort()
  const indices = new Int32Array(sorted.length)
  const values = new Float32Array(sorted.length)
  let size = 0
  for (let first = 0, end = 0; first < sorted.length; first = end) {
    const feature = sorted[first]!
    while (sorted[end] === feature) end += 1
    const bucket = feature >> 1
    const value = (1 + Math.log(end - first)) * ((feature & 1) === 1 ? characterWeight : 1)
    // The words of a bucket come right before its sequences of characters.
    if (size > 0 && indices[size - 1] === bucket) values[size - 1]! += value
    else {
      indices[size] = bucket
      values[size] = value
      size += 1
    }
  }
  let squares = 0
  for (let index = 0; index < size; index += 1) squares += values[index]! * values[index]!
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
  for (let index = 0; index < token.length; index += 1) hash = hashUnit(hash, token.charCodeAt(index))
  return hash
}

const hashUnit = (hash: number, unit: number) => Math.imul(hash ^ unit, 0x01000193)
/** Another start than a word's, so that a sequence of characters is another feature than the same word. */
const sequenceSeed = 0x01000193
const space = 0x20

/** The finaliser of MurmurHash3: FNV's low bits alone are not evenly spread. */
function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
