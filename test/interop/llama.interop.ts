// Language models there and back: checkpoints of transformers read here, and what is released here read by transformers and PEFT.
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Rows, readWeightsDirectory } from '../../src/model/index.js'
import { openDevice } from '../../src/trainer/tfjs/devices.js'
import { readConfig, readValues } from '../../src/trainer/tfjs/llama/base-model.js'
import { allLogits, type Llama } from '../../src/trainer/tfjs/llama/llama.js'
import { llamaShapes } from '../../src/trainer/tfjs/llama/llama-config.js'
import type { LlamaTrainerOptions } from '../../src/trainer/tfjs/llama/llama-options.js'
import { llamaTrainer } from '../../src/trainer/tfjs/llama/llama-trainer.js'
import { loraAdapters, loraShapes, toLora } from '../../src/trainer/tfjs/llama/lora.js'
import { sequenceOf } from '../../src/trainer/tfjs/llama/sequences.js'
import { tinyConfig, tokenizer } from '../trainer/llama/base.js'
import { transformersPython } from './transformers.js'

const python = transformersPython()
const context = callContext()
const texts = ['Is this mail spam or ham?', 'What has wheels and a bell?']
const lora = { rank: 4, targets: ['q_proj', 'o_proj', 'gate_proj'] } as const

interface Answer {
  readonly ids: readonly number[]
  readonly logits: readonly number[]
  readonly text: string
}

function ask(question: object): readonly Answer[] {
  const answer = execFileSync(python!, [join(import.meta.dirname, 'llama.py')], {
    input: JSON.stringify(question),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, HF_HUB_OFFLINE: '1', TRANSFORMERS_VERBOSITY: 'error' },
  })
  return JSON.parse(answer) as readonly Answer[]
}

const rows = Array.from({ length: 24 }, (_, index) => ({
  id: String(index),
  input: index % 2 === 0 ? `Is this mail ${index} spam or ham?` : `What has ${index} wheels and a bell?`,
  target: index % 2 === 0 ? 'spam' : 'A bus',
  slices: {},
}))
const training: Rows<string, string> = {
  size: rows.length,
  digest: `sha256:${'3'.repeat(64)}`,
  async *[Symbol.asyncIterator]() {
    yield* rows
  },
}

if (python === undefined) {
  console.log('Skipped: there is no transformers here. npm run setup:interop says how to get it')
  it.skip('language models of transformers')
} else {
  let below: string
  beforeAll(async () => {
    below = await mkdtemp(join(tmpdir(), 'sheikh-interop-llama-'))
  })
  afterAll(() => rm(below, { recursive: true, force: true }))

  const make = async (dtype: string, shard = '5GB', seed = 1) => {
    const directory = await mkdtemp(join(below, 'base-'))
    // Larger than transformers begins with, so that answers differ.
    const config = { ...tinyConfig, initializer_range: 0.2 }
    ask({ kind: 'make', directory, config, tokenizer, dtype, shard, seed })
    return { directory, digest: (await readWeightsDirectory(directory, context)).digest }
  }

  /** Our logits of the ids, on wasm. */
  const logitsOf = async (directory: string, ids: readonly number[], adapter?: string): Promise<readonly number[]> => {
    const device = await openDevice('wasm', context)
    const { config } = await readConfig(directory)
    const values = {
      ...(await readValues(directory, 'model', llamaShapes(config), context)),
      ...(adapter && (await readValues(adapter, 'adapter_model', loraShapes(config, toLora(lora)), context))),
    }
    return device.use(() => {
      let logits: readonly number[] = []
      device.tf.tidy(() => {
        const weights = Object.fromEntries(
          Object.entries(values).map(([name, one]) => [name, device.tf.tensor(one.values, [...one.shape])]),
        )
        const llama: Llama = {
          ...{ tf: device.tf, config, weights },
          ...(adapter && { adapters: loraAdapters(config, toLora(lora)) }),
        }
        logits = [...allLogits(llama, [sequenceOf([...ids, 0], [], false)]).dataSync()]
      })
      return logits
    })
  }

  const expectAlike = (found: readonly number[], wanted: readonly number[]) => {
    expect(found.length).toBe(wanted.length)
    const size = Math.max(1, ...wanted.map(Math.abs))
    const worst = Math.max(...found.map((value, index) => Math.abs(value - wanted[index]!)))
    expect(worst).toBeLessThan(1e-4 * size)
  }

  const train = async (options: LlamaTrainerOptions) => {
    const trainer = llamaTrainer({ learningRate: 0.005, epochs: 3, ...options })
    const directory = await mkdtemp(join(below, 'weights-'))
    const { weights } = await trainer.fit({ training, seed: 1, directory }, { ...context, progress() {} })
    await using model = await trainer.load(weights, context)
    const written = (await model.predict(texts, context)).map((one) => (one.kind === 'text' ? one.text : undefined))
    return { weights, written }
  }
  const answer = { kind: 'text', maximumNewTokens: 8 } as const

  describe('a checkpoint of transformers', () => {
    it.each([
      ['float32', '5GB'],
      ['float16', '20KB'],
      ['bfloat16', '20KB'],
    ])('in %s, in files up to %s, has the same logits here', async (dtype, shard) => {
      const { directory } = await make(dtype, shard)
      for (const { ids, logits } of ask({ kind: 'ask', directory, texts, tokens: 1 }))
        expectAlike(await logitsOf(directory, ids), logits)
    })
  })

  describe('what is trained here', () => {
    it.each([
      ['whole', {}],
      ['whole, in shards of bfloat16', { dtype: 'BF16', maximumShardBytes: 20_000 }],
      ['by adapters that are merged', { lora }],
    ] as const)('%s, is loaded by AutoModelForCausalLM, with our logits and our answers', async (_, options) => {
      const base = await make('float32')
      const { weights, written } = await train({ base, answer, ...options })
      const theirs = ask({ kind: 'ask', directory: weights.path, texts, tokens: 8 })
      for (const { ids, logits } of theirs) expectAlike(await logitsOf(weights.path, ids), logits)
      expect(written).toEqual(theirs.map(({ text }) => text.trim()))
    })

    it('by adapters beside the base, is loaded by PEFT, with our logits and our answers', async () => {
      const base = await make('float32')
      const { weights, written } = await train({ base, answer, lora: { ...lora, merge: false } })
      const theirs = ask({ kind: 'ask', directory: base.directory, adapter: weights.path, texts, tokens: 8 })
      for (const { ids, logits } of theirs) expectAlike(await logitsOf(base.directory, ids, weights.path), logits)
      expect(written).toEqual(theirs.map(({ text }) => text.trim()))
    })
  })
}
