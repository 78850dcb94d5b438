/** What the library keeps of a Unigram model. */
export interface UnigramModel {
  readonly tokens_to_ids: ReadonlyMap<string, number>
  readonly scores: readonly number[]
  /** Of a character without a token. */
  readonly unk_score: number
  readonly trie: { readonly root: TrieNode }
}

interface TrieNode {
  readonly children: ReadonlyMap<string, TrieNode>
  readonly is_leaf: boolean
}

/**
 * The most probable pieces of a word, by the order of additions of the library for Rust (`encode_optimized`). Time and memory grow
 * with the length of the word; the library for JavaScript runs out of stack above 120,000 pieces.
 */
export function unigramPieces(word: string, model: UnigramModel): readonly string[] {
  const characters = Array.from(word)
  const { length } = characters
  /** By the number of characters: the score of the best pieces so far, and where the last of them begins. */
  const best = new Float64Array(length + 1).fill(Number.NEGATIVE_INFINITY)
  const start = new Int32Array(length + 1)
  best[0] = 0
  const offer = (from: number, to: number, score: number) => {
    if (best[from]! + score <= best[to]!) return
    best[to] = best[from]! + score
    start[to] = from
  }
  for (let from = 0; from < length; from += 1) {
    let node: TrieNode | undefined = model.trie.root
    let text = ''
    let isSingle = false
    for (let to = from; to < length; to += 1) {
      node = node.children.get(characters[to]!)
      if (node === undefined) break
      text += characters[to]!
      if (!node.is_leaf) continue
      isSingle ||= to === from
      offer(from, to + 1, model.scores[model.tokens_to_ids.get(text)!]!)
    }
    if (!isSingle) offer(from, from + 1, model.unk_score)
  }
  const pieces: string[] = []
  for (let to = length; to > 0; to = start[to]!) pieces.push(characters.slice(start[to]!, to).join(''))
  return pieces.reverse()
}
