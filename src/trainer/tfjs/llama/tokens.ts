import { readTokenizer } from '../../../model/index.js'
import type { LlamaConfig } from './llama-config.js'

/** A tokenizer of Hugging Face, as a language model uses it: what is asked, and what is answered. */
export interface Tokens {
  /** With the tokens that begin a text. */
  encodePrompt(text: string): readonly number[]
  /** As the text is, for one that contains the tokens that begin it. */
  encodeChat(text: string): readonly number[]
  /** What follows a prompt, with the token that ends an answer, if the model has one. */
  encodeAnswer(text: string): readonly number[]
  /** The text of an answer: without special tokens, and without white space at its ends. */
  decodeAnswer(prompt: readonly number[], answer: readonly number[]): string
  /** The text of tokens that follow others: without special tokens. */
  decodeAfter(before: readonly number[], ids: readonly number[]): string
}

/** @param fail makes the error of a sentence without name and stop. */
export async function loadTokens(
  directory: string,
  { vocabularySize, endTokens }: LlamaConfig,
  fail: (fact: string, cause?: unknown) => Error,
): Promise<Tokens> {
  const tokenizer = await readTokenizer(directory, fail, 'train this model by commandTrainer')
  const encode = (text: string, special: boolean): number[] => {
    const ids = tokenizer.encode(text, special)
    const foreign = ids.findIndex((id) => !Number.isSafeInteger(id) || id! < 0 || id! >= vocabularySize)
    if (foreign >= 0 && ids[foreign] === undefined)
      throw fail('its tokenizer has no token for a part of a text, and its model has no unk_token')
    if (foreign >= 0) throw fail(`its tokenizer gives the token ${ids[foreign]}, and the model knows ${vocabularySize}`)
    return ids as number[]
  }
  const { decode } = tokenizer
  const isEnd = new Set(endTokens)
  // Together: some tokenizers write a space, or half a character, differently at the start of a text.
  const decodeAfter = (earlier: readonly number[], ids: readonly number[]): string => {
    const [before, whole] = [decode(earlier), decode([...earlier, ...ids])]
    return whole.startsWith(before) ? whole.slice(before.length) : decode(ids)
  }
  return {
    encodePrompt(text) {
      const ids = encode(text, true)
      while (isEnd.has(ids.at(-1)!) && ids.length > 1) ids.pop()
      return ids
    },
    encodeAnswer: (text) => [...encode(text, false), ...endTokens.slice(0, 1)],
    encodeChat: (text) => encode(text, false),
    decodeAnswer: (prompt, answer) => decodeAfter(prompt, answer).trim(),
    decodeAfter,
  }
}
