import { canonicalJson } from '../core/index.js'
import { alikeShare } from './similar-texts.js'
import { bandKey, bandPlan, fewestPairs, frameOf, similarityOf, sketchOf, wordsOf } from './text-sketch.js'

const plan = bandPlan(alikeShare)

/** Maximum number of texts that a further one is compared with per band. Bounds the time for hostile texts. */
const mostCompared = 64

/**
 * Finds inputs that are equal or nearly equal to one of a set, as `similarTexts` does within a list. Texts of fewer than five words
 * are found only if they have the same words, and values without text only if they are equal.
 */
export class TextIndex {
  readonly #frame: ReadonlySet<number>
  readonly #equal = new Map<string, string>()
  readonly #buckets = new Map<number, Entry[]>()

  /** @param inputs inputs of the same kind. Word pairs that most of them contain are ignored, such as those of a prompt. */
  constructor(inputs: readonly unknown[] = []) {
    this.#frame = frameOf(inputs.map((input) => sketchOf(textOf(input))))
  }

  /** @param key what `find` returns. */
  add(key: string, input: unknown): void {
    const equal = equalityOf(input)
    if (!this.#equal.has(equal)) this.#equal.set(equal, key)
    const sketch = this.#sketchOf(input)
    if (sketch.length < fewestPairs) return
    for (const band of bandsOf(sketch)) {
      const bucket = this.#buckets.get(band)
      if (bucket === undefined) this.#buckets.set(band, [{ key, sketch }])
      else if (bucket.length < mostCompared) bucket.push({ key, sketch })
    }
  }

  /** The keys of inputs that are equal or similar to this one. */
  find(input: unknown): ReadonlySet<string> {
    const found = new Set<string>()
    const equal = this.#equal.get(equalityOf(input))
    if (equal !== undefined) found.add(equal)
    const sketch = this.#sketchOf(input)
    if (sketch.length < fewestPairs) return found
    for (const band of bandsOf(sketch))
      for (const other of this.#buckets.get(band) ?? [])
        if (!found.has(other.key) && similarityOf(sketch, other.sketch) >= alikeShare) found.add(other.key)
    return found
  }

  #sketchOf(input: unknown): Uint32Array {
    return sketchOf(textOf(input), { frame: this.#frame })
  }
}

/** The keys of all bands, each of another range. */
function bandsOf(sketch: Uint32Array): readonly number[] {
  return Array.from({ length: plan.bands }, (_, band) => bandKey(sketch, band, plan) * plan.bands + band)
}

interface Entry {
  readonly key: string
  readonly sketch: Uint32Array
}

/** All text in an input of any shape. */
export function textOf(input: unknown): string {
  if (typeof input === 'string') return input
  if (typeof input !== 'object' || input === null) return ''
  return Object.values(input).map(textOf).join(' ')
}

/** Equal for texts of the same words, and for other values that are equal. */
export function equalityOf(input: unknown): string {
  const words = typeof input === 'string' ? wordsOf(input) : []
  return words.length > 0 ? words.join(' ') : canonicalJson(input)
}
