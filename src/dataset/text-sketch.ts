// Sketches of texts: the smallest hashes of all pairs of neighbouring words. Two sketches estimate the similarity of two texts.
//
// Broder 1997, "On the resemblance and containment of documents"; Cohen and Kaplan 2007, "Summarizing data using bottom-k
// sketches"; Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3.

/** Number of hashes in a sketch. A text with fewer word pairs is in its sketch without loss. */
export const sketchSize = 256
/** Texts with fewer pairs may be equal by chance, such as `thank you very much`. */
export const fewestPairs = 4
/** Pairs that occur in more than this share of texts are boilerplate, such as a prompt. */
const frameShare = 0.5

const number = /^\p{N}/u
const wordPattern = /[\p{L}\p{M}]+|\p{N}+/gu
// Scripts without spaces between words: each character counts as a word.
const unspaced = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\u{20000}-\u{3ffff}]/u
/** Only the start of a text is compared, so that one huge text costs little more than others. In UTF-16 code units. */
export const comparedLength = 100_000

/** The words and numbers of a text in lower case. */
export const wordsOf = (text: string): readonly string[] =>
  text.normalize('NFKC').toLowerCase().match(wordPattern) ?? []

export interface SketchOptions {
  /** Whether any number counts as the same word. @default true */
  readonly numbersAlike?: boolean | undefined
  /** Word pairs to leave out, from `frameOf`. @default none */
  readonly frame?: ReadonlySet<number> | undefined
}

/** The smallest hashes of all pairs of neighbouring words of the start of a text: distinct, sorted. */
export function sketchOf(text: string, { numbersAlike = true, frame }: SketchOptions = {}): Uint32Array {
  const hashes = wordHashes(text.slice(0, comparedLength), numbersAlike)
  const pairs = new Uint32Array(Math.max(0, hashes.length - 1))
  let size = 0
  for (let index = 1; index < hashes.length; index += 1) {
    const pair = mix(Math.imul(hashes[index - 1]!, 31) + hashes[index]!)
    if (frame?.has(pair) !== true) pairs[size++] = pair
  }
  return smallest(pairs.subarray(0, size).sort())
}

const ascii = /^[\0-\x7f]*$/
/** The hash of every number, if numbers are alike. */
const anyNumber = 1

/** The hashes of the words and numbers of a text, in order. */
export function wordHashes(text: string, numbersAlike: boolean): ArrayLike<number> {
  if (ascii.test(text)) return asciiWordHashes(text, numbersAlike)
  const found = wordsOf(text)
  const words = unspaced.test(text) ? found.flatMap((word) => (unspaced.test(word) ? [...word] : word)) : found
  return words.map((word) => (numbersAlike && number.test(word) ? anyNumber : hashOf(word)))
}

/** As the general case, without a string for each word: three times as fast. */
function asciiWordHashes(text: string, numbersAlike: boolean): Uint32Array {
  const hashes = new Uint32Array((text.length + 1) >> 1)
  let [size, kind, hash] = [0, 0, start]
  for (let index = 0; index <= text.length; index += 1) {
    let code = index < text.length ? text.charCodeAt(index) : 0
    if (code >= 65 && code <= 90) code |= 32
    const next = code >= 97 && code <= 122 ? 1 : code >= 48 && code <= 57 ? 2 : 0
    if (next !== kind) {
      if (kind !== 0) hashes[size++] = kind === 2 && numbersAlike ? anyNumber : hash >>> 0
      kind = next
      hash = start
    }
    if (next !== 0) hash = Math.imul(hash ^ code, prime)
  }
  return hashes.subarray(0, size)
}

/** The first distinct values of a sorted array. */
function smallest(sorted: Uint32Array): Uint32Array {
  let size = 0
  for (let index = 0; index < sorted.length && size < sketchSize; index += 1)
    if (index === 0 || sorted[index] !== sorted[index - 1]) sorted[size++] = sorted[index]!
  return sorted.slice(0, size)
}

/** The pairs that more than a share of the texts have: boilerplate, such as a prompt. */
export function frameOf(sketches: readonly Uint32Array[], share = frameShare): ReadonlySet<number> {
  const counts = new Map<number, number>()
  for (const sketch of sketches) for (const pair of sketch) counts.set(pair, (counts.get(pair) ?? 0) + 1)
  const most = Math.max(2, share * sketches.length)
  return new Set([...counts].flatMap(([pair, count]) => (count > most ? [pair] : [])))
}

/**
 * The estimated Jaccard similarity of two texts: of the smallest hashes of both together, the share that both have. Exact if
 * neither text has more word pairs than a sketch.
 */
export function similarityOf(left: Uint32Array, right: Uint32Array): number {
  // A full sketch says nothing about hashes above its last one.
  const limit = left.length < sketchSize && right.length < sketchSize ? Number.POSITIVE_INFINITY : sketchSize
  let [a, b, shared, union] = [0, 0, 0, 0]
  while (union < limit && (a < left.length || b < right.length)) {
    const [one, other] = [left[a] ?? Number.POSITIVE_INFINITY, right[b] ?? Number.POSITIVE_INFINITY]
    if (one === other) shared += 1
    if (one <= other) a += 1
    if (other <= one) b += 1
    union += 1
  }
  return union === 0 ? 0 : shared / union
}

/** How sketches are divided into bands. Two texts are compared if all minima of one band are equal. */
export interface BandPlan {
  readonly bands: number
  readonly rows: number
}

const minima = 64

/** The most selective plan by which two texts with this similarity miss each other with a probability below 0.001. */
export function bandPlan(similarity: number): BandPlan {
  for (let rows = 8; rows > 1; rows -= 1) {
    const bands = Math.floor(minima / rows)
    if ((1 - similarity ** rows) ** bands < 0.001) return { bands, rows }
  }
  return { bands: minima, rows: 1 }
}

/** The key of one band of a sketch. Equal sketches have equal keys. */
export function bandKey(sketch: Uint32Array, band: number, { rows }: BandPlan): number {
  let key = band
  for (let row = 0; row < rows; row += 1) {
    // A product with an odd number permutes the hashes, which are uniform already. Its upper bits decide about the minimum.
    const salt = mix(band * rows + row + 1)
    const factor = mix(salt) | 1
    let least = 0x7fffffff
    for (let index = 0; index < sketch.length; index += 1) {
      const value = (Math.imul(sketch[index]!, factor) + salt) | 0
      if (value < least) least = value
    }
    key = mix(Math.imul(key, 31) + least)
  }
  return key
}

const start = 0x811c9dc5 | 0
const prime = 0x01000193

/** FNV-1a over UTF-16 code units. */
export function hashOf(word: string): number {
  let hash = start
  for (let index = 0; index < word.length; index += 1) hash = Math.imul(hash ^ word.charCodeAt(index), prime)
  return hash >>> 0
}

/** The finalizer of MurmurHash3. */
export function mix(value: number): number {
  let hash = value >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
