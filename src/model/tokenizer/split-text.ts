/** What becomes of the parts of a text that a pattern matches: https://huggingface.co/docs/tokenizers/api/pre-tokenizers */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

interface Piece {
  text: string
  readonly isMatch: boolean
}

/** @param pattern with the flag `g`. @param invert splits by what the pattern does not match. */
export function splitText(text: string, pattern: RegExp, behavior: SplitBehavior, invert = false): readonly string[] {
  const pieces: Piece[] = []
  const add = (piece: string, isMatch: boolean) => {
    if (piece !== '') pieces.push({ text: piece, isMatch: isMatch !== invert })
  }
  let end = 0
  for (const { 0: match, index } of text.matchAll(pattern)) {
    add(text.slice(end, index), false)
    add(match, true)
    end = index + match.length
  }
  add(text.slice(end), false)
  return merge(pieces, behavior).map((piece) => piece.text)
}

function merge(pieces: readonly Piece[], behavior: SplitBehavior): readonly Piece[] {
  if (behavior === 'Isolated') return pieces
  if (behavior === 'Removed') return pieces.filter(({ isMatch }) => !isMatch)
  const forwards = behavior !== 'MergedWithNext'
  const merged: Piece[] = []
  let previous: boolean | undefined
  for (const { text, isMatch } of forwards ? pieces : pieces.toReversed()) {
    const last = merged.at(-1)
    const joins = behavior === 'Contiguous' ? isMatch === previous : isMatch && previous !== true
    if (joins && last !== undefined) last.text = forwards ? last.text + text : text + last.text
    else merged.push({ text, isMatch })
    previous = isMatch
  }
  return forwards ? merged : merged.reverse()
}
