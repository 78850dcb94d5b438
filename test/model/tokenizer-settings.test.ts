import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { splitText } from '../../src/model/tokenizer/split-text.js'
import { unsupportedSettings } from '../../src/model/tokenizer/tokenizer-settings.js'
import { parseLlamaConfig } from '../../src/trainer/tfjs/llama/llama-config.js'
import { loadTokens } from '../../src/trainer/tfjs/llama/tokens.js'
import { tinyConfig } from '../trainer/llama/base.js'

const folder = await mkdtemp(join(tmpdir(), 'sheikh-tokenizer-'))
afterAll(() => rm(folder, { recursive: true }))
const fail = (fact: string) => new Error(fact)

async function load(tokenizer: object, config: object = {}) {
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
  const { ...llama } = parseLlamaConfig(tinyConfig, fail)
  return loadTokens(folder, { ...llama, endTokens: [] }, fail)
}

const vocab = { '<unk>': 3, a: 4, b: 5, '-': 6, ab: 7 }
const wordLevel = {
  added_tokens: [{ id: 8, content: '<s>', special: true, normalized: false }],
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  post_processor: null,
  decoder: null,
  model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
}

// The expected tokens are those of Python's tokenizers 0.23.3.
describe('a tokenizer', () => {
  it('gives an unknown word the unk_token of its model', async () => {
    expect((await load(wordLevel)).encodePrompt('a zzz b')).toEqual([4, 3, 5])
  })

  it('that has no token for a word is an error, and not token 0', async () => {
    const { unk_token: _, ...model } = wordLevel.model
    const tokens = await load({ ...wordLevel, model })
    expect(tokens.encodePrompt('a b')).toEqual([4, 5])
    expect(() => tokens.encodePrompt('a zzz')).toThrow(/no token for a part of a text/)
  })

  it.each([
    [{ type: 'Split', pattern: { String: '-' }, behavior: 'Removed', invert: false }, [4, 5, 4]],
    [{ type: 'Split', pattern: { String: '-' }, behavior: 'Isolated', invert: false }, [4, 6, 5, 6, 4]],
    [{ type: 'Punctuation', behavior: 'Removed' }, [4, 5, 4]],
    [{ type: 'Punctuation', behavior: 'MergedWithNext' }, [4, 3, 3]],
  ])('splits by %j', async (pre_tokenizer, ids) => {
    expect((await load({ ...wordLevel, pre_tokenizer })).encodePrompt('a-b-a')).toEqual(ids)
  })

  it('drops an unknown character before the merges', async () => {
    const model = { type: 'BPE', vocab, merges: [['a', 'b']], unk_token: null }
    expect((await load({ ...wordLevel, model, pre_tokenizer: null })).encodePrompt('aéb')).toEqual([7])
  })

  it('with settings that are not supported is refused, and names them all', async () => {
    const pre_tokenizer = { type: 'BertPreTokenizer' }
    await expect(load({ ...wordLevel, pre_tokenizer }, { split_special_tokens: true })).rejects.toThrow(
      'settings that are not supported: pre_tokenizer.type is "BertPreTokenizer", split_special_tokens is true; train',
    )
  })
})

describe('unsupportedSettings', () => {
  const added = (token: object) => ({ ...wordLevel, added_tokens: [{ id: 8, content: '<t>', ...token }] })
  const byteLevel = { ...wordLevel, pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false } }
  it.each([
    [wordLevel, {}, []],
    [wordLevel, { bos_token: '<s>', added_tokens_decoder: { 8: { content: '<s>', special: true } } }, []],
    [added({ single_word: true }), {}, ['added_tokens["<t>"].single_word is true']],
    [added({ lstrip: true }), {}, ['added_tokens["<t>"].lstrip is true']],
    [{ ...wordLevel, normalizer: { type: 'Lowercase' } }, {}, ['normalizer.type is "Lowercase"']],
    [
      { ...wordLevel, normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Strip' }] } },
      {},
      ['normalizer.type is "Strip"'],
    ],
    [{ ...wordLevel, model: { ...wordLevel.model, unk_token: '<x>' } }, {}, ['model.unk_token is "<x>"']],
    [{ ...wordLevel, model: { type: 'BPE', vocab, merges: [], dropout: 0.1 } }, {}, ['model.dropout is 0.1']],
    [
      { ...wordLevel, model: { type: 'Unigram', vocab: [['a', -1]], byte_fallback: true } },
      {},
      ['model.byte_fallback is true'],
    ],
    [byteLevel, { add_prefix_space: true }, ['add_prefix_space is true']],
    [byteLevel, { add_prefix_space: false }, []],
    [wordLevel, { additional_special_tokens: ['<s>', '<only>'] }, ['additional_special_tokens is "<only>"']],
    [wordLevel, { extra_special_tokens: { image: '<only>' } }, ['extra_special_tokens is "<only>"']],
    [wordLevel, { added_tokens_decoder: { 9: { content: '<only>' } } }, ['added_tokens_decoder["9"] is "<only>"']],
    [wordLevel, { eos_token: { content: 'a' } }, ['eos_token is "a (not an added token)"']],
    [wordLevel, { tokenizer_class: 'LlamaTokenizer', bos_token: '<s>' }, ['add_bos_token is true']],
  ])('of %j with %j', (tokenizer, config, settings) => {
    expect(unsupportedSettings(tokenizer, config, {})).toEqual(settings)
  })

  it('reads special_tokens_map.json, too', () => {
    expect(unsupportedSettings(wordLevel, {}, { pad_token: '<pad>' })).toEqual(['pad_token is "<pad>"'])
  })
})

it.each([
  ['Removed', ['a', 'bc']],
  ['Isolated', ['-', 'a', '-', '-', 'bc', '-']],
  ['MergedWithPrevious', ['-', 'a-', '-', 'bc-']],
  ['MergedWithNext', ['-a', '-', '-bc', '-']],
  ['Contiguous', ['-', 'a', '--', 'bc', '-']],
] as const)('splitText: %s', (behavior, pieces) => {
  expect(splitText('-a--bc-', /-/g, behavior)).toEqual(pieces)
})

it('splits a single word of 200,000 characters into as many pieces, as Unigram models do', async () => {
  const model = {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<unk>', 0],
      ['a', -1],
      ['b', -1],
      ['ab', -3],
    ],
  }
  const tokens = await load({ ...wordLevel, model, pre_tokenizer: null, added_tokens: [] })
  const ids = tokens.encodePrompt('ab'.repeat(100_000))
  expect(ids).toHaveLength(200_000)
  expect(new Set(ids)).toEqual(new Set([1, 2]))
  expect(tokens.encodePrompt('azzb')).toEqual([1, 0, 2])
})
