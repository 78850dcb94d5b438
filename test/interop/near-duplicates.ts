import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { seededRandom } from '../../src/core/index.js'
import { interopPython } from './python.js'

const vocabulary = 20_000
/** Texts per family: variants of one text, with up to a fifth of the words replaced. */
const familySize = 5
const permille = (share: number) => Math.round(1_000 * share)

/** Words of letters only: the number in the base 26. */
const wordOf = (index: number): string =>
  (index < 26 ? '' : wordOf(Math.floor(index / 26) - 1)) + String.fromCharCode(97 + (index % 26))

/** Synthetic texts, of which a tenth are variants of others. The frequency of words is that of Zipf's law. */
export function variedTexts(count: number, words: number, seed: string): readonly string[] {
  const random = seededRandom(seed)
  const word = () => wordOf(Math.floor(vocabulary ** random.uniform()) - 1)
  const text = () => Array.from({ length: words }, word)
  const variant = (of: readonly string[]) => {
    const share = random.below(permille(0.2)) / 1_000
    return of.map((one) => (random.uniform() < share ? word() : one))
  }
  const texts: string[] = []
  while (texts.length < count) {
    const first = text()
    const size = random.below(10 * familySize) < familySize ? familySize : 1
    texts.push(first.join(' '))
    for (let copy = 1; copy < size; copy += 1) texts.push(variant(first).join(' '))
  }
  return texts.slice(0, count)
}

export const linesOf = (texts: readonly string[]): string =>
  texts.map((text, id) => `${JSON.stringify({ id: `t${id}`, text })}\n`).join('')

/** Pairs of indices that datasketch finds: MinHash of 128 permutations, LSH, and the exact similarity of each candidate. */
export function datasketchPairs(lines: string, similarity: number): readonly (readonly [number, number])[] {
  const answer = execFileSync(interopPython()!, [join(import.meta.dirname, 'near-duplicates.py'), String(similarity)], {
    input: lines,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  })
  return JSON.parse(answer)
}

/** The share of pairs whose texts are in one of these groups of ids. */
export function recallOf(
  pairs: readonly (readonly [number, number])[],
  groups: readonly (readonly string[])[],
): number {
  const groupOf = new Map(groups.flatMap((ids, group) => ids.map((id): [string, number] => [id, group])))
  const found = pairs.filter(([one, other]) => {
    const group = groupOf.get(`t${one}`)
    return group !== undefined && group === groupOf.get(`t${other}`)
  })
  return found.length / pairs.length
}
