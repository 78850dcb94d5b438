import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tokenizer } from '@huggingface/tokenizers'
import { messageOf } from '../../core/index.js'
import { correctTokenizer } from './tokenizer-corrections.js'
import { unsupportedSettings } from './tokenizer-settings.js'

/** A tokenizer in the layout of Hugging Face. It makes the same tokens as the library for Rust and Python. */
export interface TextTokenizer {
  /**
   * @param special adds the tokens that begin and end a text.
   * @returns ids. `undefined`: a part of the text has no token, and there is no token for unknown parts.
   */
  encode(text: string, special: boolean): (number | undefined)[]
  /** Without special tokens. */
  decode(ids: readonly number[]): string
}

/** The package that splits texts. Its version decides which tokens a text has. */
export const tokenizerPackage = '@huggingface/tokenizers'

/** The files that make up a tokenizer; the first two decide. */
export const tokenizerFiles = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'] as const

type Settings = Readonly<Record<string, unknown>>
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

/**
 * Reads the tokenizer of a folder. Refuses settings by which the tokens would differ from those in Python.
 *
 * @param fail makes the error of a sentence without name and stop. @param remedy for settings that are not supported.
 */
export async function readTokenizer(
  directory: string,
  fail: (fact: string, cause?: unknown) => Error,
  remedy: string,
): Promise<TextTokenizer> {
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
    const whole = { ...absent, ...model }
    tokenizer = new library.Tokenizer(whole, { ...config, unk_token })
    correctTokenizer(tokenizer, whole)
  } catch (error) {
    throw refusal ?? fail(`its tokenizer cannot be read (${messageOf(error)})`, error)
  }
  return {
    encode: (text, special) =>
      (tokenizer.encode(text, { add_special_tokens: special }) as { readonly ids: (number | undefined)[] }).ids,
    decode: (ids) =>
      ids.length === 0
        ? ''
        : tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }),
  }
}
