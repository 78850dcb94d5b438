import { endianness } from 'node:os'
import { NumberColumn, NumberLists } from './number-lists.js'
import { type BandPlan, bandKey, bandPlan, fewestPairs, similarityOf } from './text-sketch.js'

/** Place of the upper half of a 64-bit integer in a pair of 32-bit ones. */
const upper = endianness() === 'LE' ? 1 : 0

/**
 * Sketches of texts, compared by locality-sensitive hashing: only texts that agree in a band are compared. Time and memory are
 * linear in the number of texts if the number of comparisons per bucket is limited.
 */
export class SketchSet {
  readonly #sketches = new NumberLists<Uint32Array>((length) => new Uint32Array(length))
  readonly #similarity: number
  readonly #plan: BandPlan

  /** @param similarity from which two texts count as similar, above 0 and at most 1. */
  constructor(similarity: number) {
    this.#similarity = similarity
    this.#plan = bandPlan(similarity)
  }

  get size(): number {
    return this.#sketches.size
  }

  /** @returns the index of the sketch. */
  add(sketch: Uint32Array): number {
    return this.#sketches.add(sketch)
  }

  /**
   * Whether two texts are similar.
   *
   * @param similarity at least that of the constructor, which is the default.
   */
  areAlike(left: number, right: number, similarity: number = this.#similarity): boolean {
    return similarityOf(this.#sketches.at(left), this.#sketches.at(right)) >= similarity
  }

  /** For each band, the indices of sketches that agree in it. Sketches of short texts are in no bucket. */
  *buckets(): Generator<Uint32Array> {
    const count = this.#sketches.size
    const packed = new BigUint64Array(count)
    const halves = new Uint32Array(packed.buffer)
    for (let band = 0; band < this.#plan.bands; band += 1) {
      let size = 0
      for (let index = 0; index < count; index += 1) {
        if (this.#sketches.lengthOf(index) < fewestPairs) continue
        halves[2 * size + upper] = bandKey(this.#sketches.at(index), band, this.#plan)
        halves[2 * size + 1 - upper] = index
        size += 1
      }
      // By key, then by index.
      packed.subarray(0, size).sort()
      for (let start = 0; start < size; ) {
        let end = start + 1
        while (end < size && halves[2 * end + upper] === halves[2 * start + upper]) end += 1
        if (end - start > 1)
          yield Uint32Array.from({ length: end - start }, (_, at) => halves[2 * (start + at) + 1 - upper]!)
        start = end
      }
    }
  }
}

/** Disjoint groups of indices, with the smallest index as the root of each (union-find). */
export class Groups {
  readonly #parents = new NumberColumn()

  rootOf(index: number): number {
    const parents = this.#parents
    for (let next = parents.size; next <= index; next += 1) parents.add(next)
    let root = index
    for (let parent = parents.at(root); parent !== root; parent = parents.at(root)) {
      parents.set(root, parents.at(parent))
      root = parents.at(root)
    }
    return root
  }

  join(one: number, other: number): void {
    const [left, right] = [this.rootOf(one), this.rootOf(other)]
    this.#parents.set(Math.max(left, right), Math.min(left, right))
  }

  /** The groups of the indices from 0 to `size - 1`, those of one member included, in the order of their first members. */
  members(size: number): readonly (readonly number[])[] {
    const found = new Map<number, number[]>()
    for (let index = 0; index < size; index += 1) {
      const root = this.rootOf(index)
      const list = found.get(root)
      if (list === undefined) found.set(root, [index])
      else list.push(index)
    }
    return [...found.values()]
  }
}

/**
 * Maximum number of groups in a bucket that a further text is compared with. Bounds the time for hostile texts; texts in a bucket
 * are usually similar.
 */
const mostCompared = 8

/** Joins texts that are similar, directly or through others. */
export function groupSimilar(sketches: SketchSet): Groups {
  const groups = new Groups()
  for (const bucket of sketches.buckets()) joinSimilar(bucket, sketches, groups)
  return groups
}

/** Joins the texts of a bucket that are similar. @param similarity as for `SketchSet.areAlike`. */
export function joinSimilar(bucket: Uint32Array, sketches: SketchSet, groups: Groups, similarity?: number): void {
  // One text for each group that the bucket has so far.
  const others: number[] = []
  for (const index of bucket) {
    const root = groups.rootOf(index)
    if (others.some((other) => groups.rootOf(other) === root)) continue
    const like = others.find((other) => sketches.areAlike(index, other, similarity))
    if (like !== undefined) groups.join(index, like)
    else if (others.length < mostCompared) others.push(index)
  }
}
