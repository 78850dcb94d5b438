import { areAlike, bandsOf, fewestPairs, frameOf, sketchOf, withoutFrame } from './text-sketch.js'

/**
 * Maximum number of texts in a bucket that a further one is compared with. Bounds the time, since texts in a bucket are
 * very similar.
 */
const mostCompared = 4

export interface SimilarTexts {
  /** Number of groups of two or more similar texts. */
  readonly groups: number
  /** Number of texts in these groups. */
  readonly texts: number
  /** Indices of two texts of the largest group. */
  readonly example: readonly [number, number]
}

/**
 * Finds groups of nearly equal texts: equal except for letter case, punctuation and numbers, made from one template, or
 * with a long part in common. Uses MinHash with locality-sensitive hashing, in time linear in the number of words.
 *
 * Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman and Ullman, "Mining of Massive
 * Datasets", chapter 3.
 */
export function similarTexts(texts: readonly string[]): SimilarTexts | undefined {
  const whole = texts.map(sketchOf)
  const frame = frameOf(whole)
  const sketches = whole.map((sketch) => withoutFrame(sketch, frame))
  const parents = sketches.map((_, index) => index)
  const buckets = new Map<number, number[]>()
  for (const [index, sketch] of sketches.entries()) {
    if (sketch.length < fewestPairs) continue
    for (const key of bandsOf(sketch)) {
      const others = buckets.get(key)
      if (others === undefined) buckets.set(key, [index])
      else if (!join(parents, index, others, sketches) && others.length < mostCompared) others.push(index)
    }
  }
  const members = new Map<number, number[]>()
  for (const index of parents.keys()) {
    const root = rootOf(parents, index)
    const group = members.get(root)
    if (group === undefined) members.set(root, [index])
    else group.push(index)
  }
  const groups = [...members.values()].filter(({ length }) => length > 1)
  if (groups.length === 0) return undefined
  const largest = groups.reduce((most, group) => (group.length > most.length ? group : most))
  return {
    groups: groups.length,
    texts: groups.reduce((sum, { length }) => sum + length, 0),
    example: [largest[0]!, largest[1]!],
  }
}

/** Joins a text to the first similar text. @returns whether one was found. */
function join(parents: number[], index: number, others: readonly number[], sketches: readonly Uint32Array[]): boolean {
  return others.some((other) => {
    const [left, right] = [rootOf(parents, index), rootOf(parents, other)]
    if (left === right) return true
    if (!areAlike(sketches[index]!, sketches[other]!)) return false
    parents[Math.max(left, right)] = Math.min(left, right)
    return true
  })
}

function rootOf(parents: number[], index: number): number {
  let root = index
  while (parents[root] !== root) {
    parents[root] = parents[parents[root]!]!
    root = parents[root]!
  }
  return root
}
