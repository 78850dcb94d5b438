// A language model of your own, trained here, released, and asked. Run: npx tsx examples/language-model.ts
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  atLeast,
  callContext,
  Dataset,
  exactMatch,
  loadRelease,
  memorySamples,
  Pipeline,
  pinnedSet,
  proposePinnedSet,
  qualityGate,
  readWeightsDirectory,
  weightIntegrity,
} from 'sheikh-freemium'
import { memoryRegistry } from 'sheikh-freemium/testing'
import { llamaTrainer } from 'sheikh-freemium/tfjs'

// What a base is: a folder as Hugging Face has it. This one has no weights yet, and a token for each of 256 bytes.
const folder = await mkdtemp(join(tmpdir(), 'sheikh-example-'))
const write = (name: string, value: object) => writeFile(join(folder, name), JSON.stringify(value))
const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable(byte))
// The bytes' names in byte-level tokenizers: themselves where they can be printed, else what follows 255.
const names = Array.from({ length: 256 }, (_, byte) =>
  String.fromCharCode(printable(byte) ? byte : 256 + others.indexOf(byte)),
)
const end = {
  id: 256,
  content: '</s>',
  special: true,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
}
await write('tokenizer.json', {
  added_tokens: [end],
  normalizer: null,
  post_processor: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
  decoder: { type: 'ByteLevel' },
  model: { type: 'BPE', vocab: Object.fromEntries(names.map((name, byte) => [name, byte])), merges: [] },
})
await write('tokenizer_config.json', { eos_token: '</s>' })
await write('config.json', {
  ...{
    model_type: 'llama',
    vocab_size: 257,
    eos_token_id: 256,
    max_position_embeddings: 64,
    tie_word_embeddings: true,
  },
  ...{ hidden_size: 48, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 4 },
})
const { digest } = await readWeightsDirectory(folder, callContext())

const plurals = [
  'cat',
  'dog',
  'car',
  'box',
  'fox',
  'bus',
  'fax',
  'hat',
  'cup',
  'mix',
  'tax',
  'gas',
  'map',
  'bag',
  'pen',
]
const samples = plurals.flatMap((word) =>
  ['One', 'A', 'My', 'The', 'Your'].map((article) => ({
    id: `${article}-${word}`,
    text: `${article} ${word}, two `,
    answer: /[xs]$/.test(word) ? `${word}es` : `${word}s`,
  })),
)
const source = memorySamples(samples)
const identities = await new Dataset({ source, input: 'text', target: 'answer' }).identities()
const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'plurals', share: 0.4 }))

const trainer = llamaTrainer({
  base: { directory: folder, digest },
  fromScratch: true,
  ...{ epochs: 40, batchSize: 16, learningRate: 0.005, warmupRatio: 0.1, schedule: 'cosine' },
  answer: { kind: 'text', maximumNewTokens: 8 },
})
const releaser = memoryRegistry()
const pipeline = new Pipeline({
  ...{ dataset: new Dataset({ source, input: 'text', target: 'answer', evaluation }), trainer, releaser },
  gate: qualityGate([atLeast(exactMatch(), 0.5), weightIntegrity()]),
})
pipeline.on('train-progress', ({ epoch, step, steps, loss }) => {
  if (step % 20 === 0) console.log(`epoch ${epoch}, step ${step} of ${steps}, loss ${loss.toFixed(3)}`)
})
const result = await pipeline.run()
console.log(result.status, result.status === 'released' ? result.release.version : '')

await using model = await loadRelease(releaser, { channel: 'latest', trainer })
for (const question of ['The fox, two ', 'A cup, two ']) {
  const [answer] = await model.predict([question], callContext())
  console.log(question + (answer?.kind === 'text' ? answer.text : ''))
}
await rm(folder, { recursive: true, force: true })
if (result.status !== 'released') process.exitCode = 1
