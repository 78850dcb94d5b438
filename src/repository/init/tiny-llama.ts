import { digestBytes, digestManifest, manifestOf } from '../../core/index.js'
import type { LayoutFile } from './layout-files.js'

const folder = 'models/base'
const endToken = 256

/**
 * A base model without weights, as Hugging Face lays it out: a configuration and a tokenizer with one token per byte. Trains from
 * scratch in seconds, as a stand-in until a real base is fetched.
 */
export function tinyLlama(): { readonly files: readonly LayoutFile[]; readonly digest: string } {
  const documents = {
    'config.json': config,
    'tokenizer.json': tokenizer(),
    'tokenizer_config.json': { eos_token: '</s>' },
  }
  const files = Object.entries(documents).map(([name, value]) => ({
    name,
    text: `${JSON.stringify(value, null, 1)}\n`,
  }))
  const entries = files.map(({ name, text }) => ({
    path: name,
    sizeBytes: Buffer.byteLength(text),
    digest: digestBytes(text),
  }))
  return {
    files: files.map(({ name, text }) => ({ path: `${folder}/${name}`, text })),
    digest: digestManifest(manifestOf(entries)),
  }
}

const config = {
  model_type: 'llama',
  architectures: ['LlamaForCausalLM'],
  vocab_size: endToken + 1,
  eos_token_id: endToken,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 192,
  tie_word_embeddings: true,
}

function tokenizer() {
  // The names of bytes in byte-level tokenizers: printable bytes are named by themselves, the others by characters from 256 on.
  const isPrintable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  const bytes = Array.from({ length: 256 }, (_, byte) => byte)
  const others = bytes.filter((byte) => !isPrintable(byte))
  const nameOf = (byte: number) => String.fromCharCode(isPrintable(byte) ? byte : 256 + others.indexOf(byte))
  return {
    version: '1.0',
    added_tokens: [
      {
        id: endToken,
        content: '</s>',
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      },
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
    model: { type: 'BPE', vocab: Object.fromEntries(bytes.map((byte) => [nameOf(byte), byte])), merges: [] },
  }
}
