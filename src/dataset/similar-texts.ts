import { type Groups, groupSimilar, SketchSet } from './sketch-set.js'
import { frameOf, sketchOf } from './text-sketch.js'

/** Two texts are similar if they share this part of their word pairs. */
export const alikeShare = 0.5
/** Enough texts to tell what most of them contain. */
const textsForFrame = 1_000

export interface SimilarTexts {
  /** Number of groups of two or more similar texts. */
  readonly groups: number
  /** Number of texts in these groups. */
  readonly texts: number
  /** Indices of two texts of the largest group. */
  readonly example: readonly [number, number]
}

/**
 * Groups nearly equal texts: equal except for letter case, punctuation and numbers, made from one template, or with a long part
 * in common. Uses MinHash with locality-sensitive hashing, in time linear in the number of words.
 */
export function groupTexts(texts: readonly string[]): Groups {
  const frame = frameOf(texts.slice(0, textsForFrame).map((text) => sketchOf(text)))
  const sketches = new SketchSet(alikeShare)
  for (const text of texts) sketches.add(sketchOf(text, { frame }))
  return groupSimilar(sketches)
}

/** The groups of `groupTexts` with two or more texts; `undefined` if there are none. */
export function similarTexts(texts: readonly string[]): SimilarTexts | undefined {
  const groups = groupTexts(texts)
    .members(texts.length)
    .filter(({ length }) => length > 1)
  if (groups.length === 0) return undefined
  const largest = groups.reduce((most, group) => (group.length > most.length ? group : most))
  return {
    groups: groups.length,
    texts: groups.reduce((sum, { length }) => sum + length, 0),
    example: [largest[0]!, largest[1]!],
  }
}
