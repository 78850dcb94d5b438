/** Number of word pairs in a sketch: the pairs of neighbouring words with the smallest hashes, a uniform sample. */
const sketchSize = 64
/** Texts with fewer pairs may be equal by chance, such as `thank you very much`. */
export const fewestPairs = 4
/** Pairs that occur in more than this share of texts are boilerplate, such as a prompt. */
const frameShare = 0.5
/** Two texts are similar if they share this part of their word pairs. */
const alikeShare = 0.5
// A pair of texts that share half of their words meets in one of 16 bands with probability 1 - (1 - 0.5²)¹⁶ = 0.99.
const bands = 16
const rowsPerBand = 2

const number = /^\p{N}/u
const wordPattern = /[\p{L}\p{M}]+|\p{N}+/gu
// Scripts without spaces between words: each character counts as a word.
const unspaced = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\u{20000}-\u{3ffff}]/u
/** Enough for a sketch, so that one huge text costs no more than others. In UTF-16 code units. */
const longestText = 4_000

/** The words and numbers of a text in lower case. */
export const wordsOf = (text: string): readonly string[] =>
  text.normalize('NFKC').toLowerCase().match(wordPattern) ?? []

/** The smallest hashes of all pairs of neighbouring words, sorted. Any number counts as the same word. */
export function sketchOf(text: string): Uint32Array {
  const found = wordsOf(text.slice(0, longestText))
  const words = unspaced.test(text) ? found.flatMap((word) => (unspaced.test(word) ? [...word] : word)) : found
  const hashes = words.map((word) => (number.test(word) ? 1 : hashOf(word)))
  const pairs = new Set<number>()
  for (let index = 1; index < hashes.length; index += 1)
    pairs.add(mix(Math.imul(hashes[index - 1]!, 31) + hashes[index]!))
  return Uint32Array.from(pairs).sort().slice(0, sketchSize)
}

/** The pairs that most texts have: boilerplate, such as a prompt. */
export function frameOf(sketches: readonly Uint32Array[]): ReadonlySet<number> {
  const counts = new Map<number, number>()
  for (const sketch of sketches) for (const pair of sketch) counts.set(pair, (counts.get(pair) ?? 0) + 1)
  const most = Math.max(2, frameShare * sketches.length)
  return new Set([...counts].flatMap(([pair, count]) => (count > most ? [pair] : [])))
}

export const withoutFrame = (sketch: Uint32Array, frame: ReadonlySet<number>): Uint32Array =>
  frame.size === 0 ? sketch : sketch.filter((pair) => !frame.has(pair))

export function bandsOf(sketch: Uint32Array): readonly number[] {
  const keys: number[] = []
  for (let band = 0; band < bands; band += 1) {
    let key = band
    for (let row = 0; row < rowsPerBand; row += 1) {
      const salt = Math.imul(band * rowsPerBand + row + 1, 0x9e3779b1)
      let smallest = 0xffffffff
      for (const pair of sketch) smallest = Math.min(smallest, mix(pair ^ salt))
      key = mix(Math.imul(key, 31) + smallest)
    }
    keys.push(key * bands + band)
  }
  return keys
}

/** Whether the shared part of two sorted sketches is large enough. */
export function areAlike(left: Uint32Array, right: Uint32Array): boolean {
  let [a, b, shared] = [0, 0, 0]
  while (a < left.length && b < right.length) {
    const difference = left[a]! - right[b]!
    if (difference === 0) shared += 1
    if (difference <= 0) a += 1
    if (difference >= 0) b += 1
  }
  return shared >= alikeShare * (left.length + right.length - shared)
}

/** FNV-1a over UTF-16 code units. */
function hashOf(word: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < word.length; index += 1) hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193)
  return hash >>> 0
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let hash = value >>> 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
