import type { Tokens } from './tokens.js'

/** Tokens before a new one that decide how it is written. */
const contextTokens = 8
/** A character has at most 4 bytes, so at most 4 tokens. After more, the bytes are not text. */
const longestCharacter = 4
const incomplete = '\ufffd'

export interface AnswerText {
  /** @returns whether the text contains one of the texts that end it. */
  add(token: number): boolean
  /** The text that later tokens do not change, from its start. */
  settled(): string
  /** The complete text. */
  complete(): string
}

/**
 * The text of an answer while its tokens are made. Decodes only the last tokens, so that a token costs the same in a long
 * answer. What may still change is held back: half a character, white space at the end, and the beginning of a text in
 * `stop`.
 */
export function answerText(tokens: Tokens, prompt: readonly number[], stop: readonly string[]): AnswerText {
  const all = [...prompt]
  /** What comes before is in `before`. */
  let from = prompt.length
  let before = ''
  let after = ''

  const decode = (end: number) =>
    tokens.decodeAfter(all.slice(Math.max(0, from - contextTokens), from), all.slice(from, end))
  const moveTo = (end: number, text: string) => {
    before += text
    from = end
  }
  const cut = (text: string) =>
    text.slice(0, Math.min(...stop.map((one) => text.indexOf(one)).filter((place) => place >= 0), text.length))
  const soFar = () => (before + after).trimStart()

  return {
    add(token) {
      all.push(token)
      if (all.length - from > 3 * longestCharacter)
        moveTo(all.length - longestCharacter, decode(all.length - longestCharacter))
      after = decode(all.length)
      if (!after.endsWith(incomplete)) {
        moveTo(all.length, after)
        after = ''
      }
      return stop.length > 0 && cut(soFar()) !== soFar()
    },
    settled() {
      let text = cut(soFar())
      while (text.endsWith(incomplete)) text = text.slice(0, -1)
      const held = Math.max(0, ...stop.map((one) => overlap(text, one)))
      return text.slice(0, text.length - held).trimEnd()
    },
    complete: () => cut(tokens.decodeAnswer(prompt, all.slice(prompt.length))).trimEnd(),
  }
}

/** The length of the longest end of the text that is a beginning of the other. */
function overlap(text: string, other: string): number {
  for (let length = Math.min(text.length, other.length - 1); length > 0; length -= 1)
    if (text.endsWith(other.slice(0, length))) return length
  return 0
}
