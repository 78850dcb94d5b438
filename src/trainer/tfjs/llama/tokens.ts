import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tokenizer } from '@huggingface/tokenizers'
import { messageOf } from '../../../core/index.js'
import type { LlamaConfig } from './llama-config.js'
import { correctTokenizer } from './tokenizer-corrections.js'
import { unsupportedSettings } from './tokenizer-settings.js'

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

export const tokenizerPackage = '@huggingface/tokenizers'

/** The files that make up a tokenizer; the first two decide. */
export const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'] as const

type Settings = Readonly<Record<string, unknown>>
const remedy = 'train this model by commandTrainer'
/** What the library wants to be there. */
const absent = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] }

/** The last file may be absent. */
function readSettings(directory: string): Promise<readonly [Settings, Settings, Settings]> {
  const read = async (name: string) => JSON.parse(await readFile(join(directory, name), 'utf8')) as Settings
  const optional = async (name: string) => {
    try {
      return await read(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
      throw error
    }
  }
  return Promise.all([read(tokenizerFiles[0]), read(tokenizerFiles[1]), optional(tokenizerFiles[2])])
}

/** @param fail makes the error of a sentence without name and stop. */
export async function loadTokens(
  directory: string,
  { vocabularySize, endTokens }: LlamaConfig,
  fail: (fact: string, cause?: unknown) => Error,
): Promise<Tokens> {
  let tokenizer: Tokenizer
  let refusal: Error | undefined
  try {
    const library = await import('@huggingface/tokenizers')
    const [model, config, specialTokens] = await readSettings(directory)
    const unsupported = unsupportedSettings(model, config, specialTokens)
    if (unsupported.length > 0) {
      refusal = fail(`its tokenizer has settings that are not supported: ${unsupported.join(', ')}; ${remedy}`)
      throw refusal
    }
    // The library takes the token for unknown words of a WordLevel model from the other file.
    const { unk_token } = model['model'] as Settings
    tokenizer = new library.Tokenizer({ ...absent, ...model }, { ...config, unk_token })
    correctTokenizer(tokenizer, model)
  } catch (error) {
    throw refusal ?? fail(`its tokenizer cannot be read (${messageOf(error)})`, error)
  }
  const encode = (text: string, special: boolean): number[] => {
    const { ids } = tokenizer.encode(text, { add_special_tokens: special }) as { readonly ids: number[] }
    const foreign = ids.findIndex((id) => !Number.isSafeInteger(id) || id < 0 || id >= vocabularySize)
    if (foreign >= 0 && ids[foreign] === undefined)
      throw fail('its tokenizer has no token for a part of a text, and its model has no unk_token')
    if (foreign >= 0) throw fail(`its tokenizer gives the token ${ids[foreign]}, and the model knows ${vocabularySize}`)
    return ids
  }
  const decode = (ids: readonly number[]) =>
    ids.length === 0
      ? ''
      : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false })
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
