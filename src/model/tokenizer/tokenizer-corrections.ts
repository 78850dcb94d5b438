import type { Tokenizer } from '@huggingface/tokenizers'
import { type SplitBehavior, splitText } from './split-text.js'
import { isNormalized } from './tokenizer-settings.js'
import { type UnigramModel, unigramPieces } from './unigram-pieces.js'

type Settings = Readonly<Record<string, unknown>>

/** What the library keeps and does not declare. */
interface Inside {
  readonly normalizer: object | null
  readonly pre_tokenizer: PreTokenizer | null
  readonly decoder: Decoder | null
  splitter_unnormalized: object
  splitter_normalized: object
  readonly model: Model
}

interface PreTokenizer {
  pre_tokenize_text: (text: string, options?: unknown) => readonly string[]
}

interface Decoder {
  decode_chain: (tokens: readonly string[]) => readonly string[]
}

interface Model {
  _call: (words: readonly string[]) => readonly string[]
  encode: (words: readonly string[]) => readonly string[]
  readonly tokens_to_ids: ReadonlyMap<string, number>
}

// Rust's `\s`, `\w` and char::is_numeric follow Unicode. JavaScript's `\w` and `\d` are ASCII, and its `\s` has U+FEFF but not U+0085.
const space = '\\p{White_Space}'
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}'
const byteLevel = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${space}\\p{L}\\p{N}]+|${space}+(?!\\P{White_Space})|${space}+`,
  'gu',
)
const words = new RegExp(`[${word}]+|[^${word}${space}]+`, 'gu')
const withoutSpace = /\P{White_Space}+/gu
const punctuation = /[\p{P}!-/:-@[-`{-~]/gu

/** Makes the parts of a tokenizer split, encode and decode as those of the library for Rust and Python do. */
export function correctTokenizer(tokenizer: Tokenizer, settings: Settings): void {
  const inside = tokenizer as unknown as Inside
  const parts = leaves(inside.pre_tokenizer, 'tokenizers')
  // The instances do not keep their settings, but they have the order of the file.
  for (const [index, own] of leaves(settings['pre_tokenizer'] as Settings | null, 'pretokenizers').entries())
    correctPreTokenizer(parts[index]!, own)
  const decoders = leaves(inside.decoder, 'decoders')
  for (const [index, own] of leaves(settings['decoder'] as Settings | null, 'decoders').entries())
    correctDecoder(decoders[index]!, own)
  correctModel(inside.model, settings['model'] as Settings)
  if (inside.normalizer === null) separateAddedTokens(inside, settings['added_tokens'] as readonly Settings[])
}

function leaves<P extends object>(part: P | null | undefined, parts: string): readonly P[] {
  if (part === null || part === undefined) return []
  const inner = (part as Settings)[parts] as readonly P[] | undefined
  return inner === undefined ? [part] : inner.flatMap((one) => leaves(one, parts))
}

function correctPreTokenizer(part: PreTokenizer, settings: Settings): void {
  const split = (pattern: RegExp, behavior: SplitBehavior, invert?: boolean) => {
    part.pre_tokenize_text = (text) => splitText(text, pattern, behavior, invert)
  }
  const { pattern } = part as unknown as { readonly pattern: RegExp }
  switch (settings['type']) {
    case 'ByteLevel':
      Object.assign(part, { pattern: byteLevel })
      return
    case 'WhitespaceSplit':
      split(withoutSpace, 'Removed', true)
      return
    case 'Whitespace':
      split(words, 'Removed', true)
      return
    case 'Digits':
      split(/\p{N}/gu, settings['individual_digits'] === true ? 'Isolated' : 'Contiguous')
      return
    case 'Punctuation':
      split(punctuation, (settings['behavior'] ?? 'Isolated') as SplitBehavior)
      return
    case 'Split':
      split(pattern, settings['behavior'] as SplitBehavior, settings['invert'] === true)
      return
    case 'Metaspace':
      if (settings['split'] !== false) splitMetaspace(part, String(settings['replacement'] ?? '\u2581'))
  }
}

/** The library keeps a text whole; Metaspace begins a piece at every replaced space, unless `split` is false. */
function splitMetaspace(part: PreTokenizer, replacement: string): void {
  const replace = part.pre_tokenize_text.bind(part)
  const pattern = new RegExp(`[${replacement}]`, 'gu')
  part.pre_tokenize_text = (text, options) =>
    replace(text, options).flatMap((piece) => splitText(piece, pattern, 'MergedWithNext'))
}

/** Unknown characters are fused, and without an unk_token dropped before the merges, in each word alone. */
function correctModel(
  model: Model,
  { type, unk_token: unknown, byte_fallback: fallback, ignore_merges: whole }: Settings,
): void {
  if (type === 'Unigram') {
    const unigram = model as unknown as UnigramModel
    model.encode = (words) => words.flatMap((word) => unigramPieces(word, unigram))
  }
  const encode = model._call.bind(model)
  const ids = model.tokens_to_ids
  const drops = type === 'BPE' && typeof unknown !== 'string' && fallback !== true
  const known = (text: string) =>
    drops && !(whole === true && ids.has(text))
      ? Array.from(text)
          .filter((one) => ids.has(one))
          .join('')
      : text
  model._call = (texts) => texts.flatMap((text) => encode([known(text)]))
}

/** Without a normalizer, too, the tokens that are not normalized are found first. */
function separateAddedTokens(tokenizer: Inside, added: readonly Settings[]): void {
  const Splitter = tokenizer.splitter_unnormalized.constructor as new (contents: readonly unknown[]) => object
  tokenizer.splitter_unnormalized = new Splitter(
    added.filter((token) => !isNormalized(token)).map(({ content }) => content),
  )
  tokenizer.splitter_normalized = new Splitter(added.filter(isNormalized).map(({ content }) => content))
}

function correctDecoder(part: Decoder, settings: Settings): void {
  const { type, replacement = '\u2581', prepend_scheme: scheme } = settings
  if (type === 'ByteFallback') Object.assign(part, { text_decoder: { decode: decodeBytes } })
  else if (type === 'ByteLevel') correctByteLevel(part)
  else if (type === 'Metaspace')
    // The first token loses every replaced space, wherever it is.
    part.decode_chain = (tokens) =>
      tokens.map((token, index) => token.replaceAll(String(replacement), index === 0 && scheme !== 'never' ? '' : ' '))
}

/** Tokens whose bytes are kept, and the length of the longest of them, in UTF-16 units: bounds of memory. */
const [mostKnown, longestKnown] = [2 ** 18, 64]

/** A token with a character that stands for no byte is its own UTF-8. */
function correctByteLevel(part: Decoder): void {
  const { byte_decoder: bytes } = part as unknown as {
    readonly byte_decoder: Readonly<Record<string, number | string>>
  }
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  /** By token, because this runs for each token of an answer. */
  const known = new Map<string, Uint8Array>()
  const bytesOf = (token: string): Uint8Array => {
    let found = known.get(token)
    if (found === undefined) {
      const own = Array.from(token, (character) => bytes[character])
      found = own.includes(undefined) ? encoder.encode(token) : Uint8Array.from(own, Number)
      // Decoders before this one may give it texts that are not of the vocabulary.
      if (known.size < mostKnown && token.length <= longestKnown) known.set(token, found)
    }
    return found
  }
  part.decode_chain = (tokens) => [decoder.decode(Buffer.concat(tokens.map(bytesOf)))]
}

/** Bytes that are not UTF-8 become one U+FFFD each. */
function decodeBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return '\ufffd'.repeat(bytes.length)
  }
}
