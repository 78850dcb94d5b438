import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, type JsonObject, type Log } from '../../../src/core/index.js'
import { crossEntropy, evaluate, exactMatch } from '../../../src/evaluation/index.js'
import {
  checkWeights,
  type Prediction,
  type Rows,
  readSafetensors,
  readWeightsDirectory,
} from '../../../src/model/index.js'
import type { ContractTest } from '../../../src/testing/contract-test.js'
import { trainerContract } from '../../../src/testing/trainer-contract.js'
import { openDevice } from '../../../src/trainer/tfjs/devices.js'
import type { BaseModel } from '../../../src/trainer/tfjs/llama/base-model.js'
import { llamaLossAndGradients, stepBytes } from '../../../src/trainer/tfjs/llama/llama.js'
import { llamaShapes, parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'
import type { LlamaTrainerOptions } from '../../../src/trainer/tfjs/llama/llama-options.js'
import { llamaTrainer } from '../../../src/trainer/tfjs/llama/llama-trainer.js'
import { sequenceOf } from '../../../src/trainer/tfjs/llama/sequences.js'
import { loadTokens } from '../../../src/trainer/tfjs/llama/tokens.js'
import { itInFull } from '../../in-full.js'
import { isWhole, sampleOf } from '../../whole.js'
import { deviceForTests } from '../device-for-tests.js'
import { makeBase, tinyConfig, tokenizer } from './base.js'

let below: string
let base: BaseModel
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-llama-'))
  base = await makeBase(below)
})
afterAll(() => rm(below, { recursive: true, force: true }))

const context = callContext()
const quick = { epochs: 4, batchSize: 16, learningRate: 0.01 }
const choice = { kind: 'choice', choices: ['fruit', 'vehicle'] } as const

/** warm-start.test.ts and thread.test.ts train language models too. */
const repeated = new Set([
  'a trainer gives the same bytes for the same rows and seed',
  'a trainer that says so starts from its base, to the same bytes',
  'a trainer reports progress up to its last step',
])
const contractTest: ContractTest = (name, body) => void (repeated.has(name) ? itInFull : it)(name, body)

// On js it takes a quarter of a minute a training; what is computed there is compared with transformers in parity.test.ts.
for (const device of ['cuda', 'native', 'wasm'] as const) {
  const opened = await deviceForTests(device)
  const missing = typeof opened === 'string' ? opened : undefined
  console.log(`The trainer contract for Llama on ${device}: ${missing === undefined ? 'run' : `skipped. ${missing}`}`)
  describe.skipIf(missing !== undefined)(`a language model that chooses, on ${device}`, () =>
    trainerContract(contractTest, async () => {
      const empty = await makeBase(below, { weights: false })
      return llamaTrainer({ ...quick, base: empty, fromScratch: true, answer: choice, device })
    }),
  )
}

const words = ['apple', 'bus', 'pear', 'tram']
const rows = Array.from({ length: 32 }, (_, index) => ({
  id: String(index).padStart(2, '0'),
  input: `What is ${words[index % 4]} number ${index}?`,
  target: index % 2 === 0 ? 'fruit' : 'vehicle',
  slices: {},
}))
const training = rowsOf(rows)
function rowsOf(
  all: readonly { id: string; input: string; target: string; slices: Readonly<Record<string, string>> }[],
): Rows<string, string> {
  return {
    size: all.length,
    digest: `sha256:${'2'.repeat(64)}`,
    async *[Symbol.asyncIterator]() {
      yield* all
    },
  }
}

async function train(
  options: Partial<LlamaTrainerOptions>,
  { stopAt, checkpoints, log }: { readonly stopAt?: number; readonly checkpoints?: string; readonly log?: Log } = {},
) {
  const trainer = llamaTrainer({ ...quick, base, answer: choice, thread: 'caller', ...options })
  const controller = new AbortController()
  const resumed = new Set<number | undefined>()
  const { weights, record } = await trainer.fit(
    { training, seed: 5, directory: await mkdtemp(join(below, 'weights-')), ...(checkpoints && { checkpoints }) },
    {
      ...callContext({ signal: controller.signal, log }),
      progress({ step, resumedFrom }) {
        resumed.add(resumedFrom)
        if (step === stopAt) controller.abort('stopped')
      },
    },
  )
  return { trainer, weights, record, resumed: [...resumed] }
}

async function answers(
  { trainer, weights }: Pick<Awaited<ReturnType<typeof train>>, 'trainer' | 'weights'>,
  inputs: readonly string[],
): Promise<readonly Prediction[]> {
  await using model = await trainer.load(weights, context)
  return await model.predict(inputs, context)
}
type Trained = ReturnType<typeof train>
let whole: Trained | undefined
let writing: Trained | undefined
/** What several tests look at, and none changes: trained once. */
const trainWhole = (): Trained => (whole ??= train({}))
const text = { kind: 'text', maximumNewTokens: 12 } as const
const trainWriting = (): Trained => (writing ??= train({ answer: text, epochs: 12 }))
const inputs = rows.slice(0, 8).map(({ input }) => input)
const probabilityOfFruit = (predictions: readonly Prediction[]) =>
  predictions.map((one) => (one.kind === 'label' ? one.probabilities!['fruit']! : Number.NaN))

describe('a language model', () => {
  it('is trained whole, and what is released is sound and as Hugging Face lays it out', async () => {
    const { weights } = await trainWhole()
    expect(await checkWeights(weights, context)).toEqual([])
    expect((await readdir(weights.path)).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ])
    const config = JSON.parse(await readFile(join(weights.path, 'config.json'), 'utf8')) as JsonObject
    expect(config).toEqual(tinyConfig)
  })

  it.each(isWhole ? (['wasm', 'js'] as const) : (['wasm'] as const))(
    'leaves no tensor behind, whatever is asked of it, on %s',
    async (device) => {
      const { tf } = await openDevice(device, context)
      const before = tf.memory().numTensors
      await answers(await train({ device, maximumSteps: 2 }), inputs.slice(0, 2))
      await answers(await train({ device, maximumSteps: 2, lora: {} }), inputs.slice(0, 2))
      await answers(await train({ device, maximumSteps: 2, lora: { merge: false } }), inputs.slice(0, 2))
      const answer = { ...text, maximumNewTokens: 4, temperature: 0.7 }
      await answers(await train({ device, maximumSteps: 1, answer }), inputs.slice(0, 2))
      await expect(train({ device, learningRate: 1e39 })).rejects.toMatchObject({ code: 'train-diverged' })
      await expect(train({ device, lora: {}, learningRate: 1e39 })).rejects.toMatchObject({ code: 'train-diverged' })
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  it('by adapters answers alike, merged into the base or beside it', async () => {
    const epochs = 8
    const lora = { rank: 4, targets: ['q_proj', 'v_proj', 'up_proj', 'down_proj'] } as const
    const together = await train({ epochs, lora: { ...lora, merge: true } })
    const beside = await train({ epochs, lora: { ...lora, merge: false } })
    expect(await checkWeights(beside.weights, context)).toEqual([])
    const [ours, theirs] = [await answers(together, inputs), await answers(beside, inputs)]
    for (const [index, value] of probabilityOfFruit(ours).entries())
      expect(value).toBeCloseTo(probabilityOfFruit(theirs)[index]!, 4)
    const right = ours.filter((one, index) => one.kind === 'label' && one.label === rows[index]!.target)
    expect(right.length).toBe(inputs.length)
    // PEFT's layout: names without the adapter's own, and only what was trained.
    const { tensors } = await readSafetensors(join(beside.weights.path, 'adapter_model.safetensors'), context)
    expect(tensors).toHaveLength(2 * 2 * 4)
    expect(tensors.map(({ name }) => name)).toContain('base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight')
    const read = async (name: string) =>
      JSON.parse(await readFile(join(beside.weights.path, name), 'utf8')) as JsonObject
    expect(await read('base.json')).toEqual({ formatVersion: 1, digest: base.digest })
    expect(await read('adapter_config.json')).toMatchObject({ peft_type: 'LORA', r: 4, lora_alpha: 16 })
  })

  it('by adapters beside the base is loaded by what was released, and beside no other base', async () => {
    const released = await train({ lora: { rank: 4, alpha: 3, merge: false } })
    const wanted = await answers(released, inputs)
    for (const lora of [undefined, {}, { rank: 2, alpha: 9, merge: false }]) {
      const trainer = llamaTrainer({ ...quick, base, answer: choice, lora })
      expect(await answers({ trainer, weights: released.weights }, inputs)).toEqual(wanted)
    }
    const other = await makeBase(below, { dtype: 'F16' })
    const trainer = llamaTrainer({ ...quick, base: other, answer: choice, lora: { merge: false } })
    await expect(trainer.load(released.weights, context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringContaining(`belongs to the base ${base.digest}`),
    })
    for (const [name, text] of [
      ['adapter_config.json', '{"r":0,"lora_alpha":1,"target_modules":["q_proj"]}'],
      ['adapter_config.json', '{}'],
      ['base.json', '{"digest'],
    ] as const) {
      await writeFile(join(released.weights.path, name), text)
      await expect(released.trainer.load(released.weights, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
    }
  })

  itInFull('goes on from what it was released as: a release is a base', async () => {
    const first = await trainWhole()
    const again = { directory: first.weights.path, digest: first.weights.digest }
    const second = await train({ base: again, maximumSteps: 1, learningRate: 1e-30, batchSize: 32 })
    const start = await train({ maximumSteps: 1, batchSize: 32 })
    expect(second.record.lossCurve[0]![1]).toBeLessThan(start.record.lossCurve[0]![1] / 2)
    // A rate that changes nothing: the same weights, by another way.
    const of = async (path: string) => (await readSafetensors(join(path, 'model.safetensors'), context)).tensors
    expect(await of(second.weights.path)).toEqual(await of(first.weights.path))
  })

  it('begins as the base: adapters add nothing before they have learned', async () => {
    // Rate 0 is not allowed; one so small changes nothing in float32.
    const still = { learningRate: 1e-30, maximumSteps: 1 }
    const [whole, adapted] = [await train(still), await train({ ...still, lora: {} })]
    expect(await answers(whole, inputs)).toEqual(await answers(adapted, inputs))
  })

  it.each(sampleOf([{ lora: {} }, {}], 1))('stopped at any step ends with the same bytes: %j', async (options) => {
    const whole = await train(options)
    const checkpoints = join(below, `checkpoints-${'lora' in options}`)
    for (const stopAt of [1, 4, 7]) await expect(train(options, { stopAt, checkpoints })).rejects.toBe('stopped')
    const { weights, record, resumed } = await train(options, { checkpoints })
    expect(resumed).toEqual([7])
    expect(weights.digest).toBe(whole.weights.digest)
    expect(record).toEqual(whole.record)
  })

  it('is released in shards and in half precision, and read back', async () => {
    const parts = { dtype: 'BF16', maximumShardBytes: 20_000 } as const
    const { trainer, weights } = await train(parts)
    expect(await checkWeights(weights, context)).toEqual([])
    const names = (await readdir(weights.path)).filter((name) => name.startsWith('model'))
    expect(names.length).toBeGreaterThan(2)
    expect(names).toContain('model.safetensors.index.json')
    const config = JSON.parse(await readFile(join(weights.path, 'config.json'), 'utf8')) as JsonObject
    expect(config['torch_dtype']).toBe('bfloat16')
    const predictions = await answers({ trainer, weights }, inputs)
    const exact = await answers(await trainWhole(), inputs)
    for (const [index, value] of probabilityOfFruit(predictions).entries())
      expect(Math.abs(value - probabilityOfFruit(exact)[index]!)).toBeLessThan(0.05)
  })

  it.each(sampleOf(['F16', 'BF16'] as const, 1))('starts from a base in %s, in shards', async (dtype) => {
    const halved = await makeBase(below, { dtype, maximumShardBytes: 30_000 })
    const { record } = await train({ base: halved, maximumSteps: 1 })
    const { record: exact } = await train({ maximumSteps: 1 })
    expect(Math.abs(record.lossCurve[0]![1] - exact.lossCurve[0]![1])).toBeLessThan(0.01)
  })

  it('splits a batch that would take too many bytes, by its shapes, and says of how many steps', async () => {
    const whole = await train({ maximumSteps: 3 })
    const parts = await train({ maximumSteps: 3, maximumStepBytes: 1_000_000 })
    expect(whole.record.splitSteps).toBeUndefined()
    expect(parts.record.splitSteps).toBe(3)
    for (const [index, [, loss]] of whole.record.lossCurve.entries())
      expect(parts.record.lossCurve[index]![1]).toBeCloseTo(loss, 4)
    // One example is as small as a batch can be.
    expect((await train({ maximumSteps: 1, maximumStepBytes: 1 })).record.splitSteps).toBe(1)
  })

  it('knows how many bytes a step takes, to a quarter and never less', async () => {
    const { tf, use } = await openDevice('wasm', context)
    for (const [config, size, time] of [
      [tinyConfig, 8, 40],
      [{ ...tinyConfig, num_attention_heads: 8, num_key_value_heads: 1, max_position_embeddings: 256 }, 2, 200],
      [{ ...tinyConfig, hidden_size: 64, intermediate_size: 200, vocab_size: 2000 }, 4, 64],
    ] as const) {
      const parsed = parseLlamaConfig(config, (fact) => new Error(fact))
      const batch = Array.from({ length: size }, () =>
        sequenceOf(
          Array.from({ length: time + 1 }, () => 7),
          [],
          false,
        ),
      )
      use(() =>
        tf.tidy(() => {
          const weights = Object.fromEntries(
            Object.entries(llamaShapes(parsed)).map(([name, shape]) => [name, tf.zeros([...shape])]),
          )
          const before = tf.memory().numBytes
          llamaLossAndGradients({ tf, config: parsed, weights }, batch, () => true)
          const ratio = stepBytes(parsed, batch) / (tf.memory().numBytes - before)
          expect(ratio).toBeGreaterThan(1)
          expect(ratio).toBeLessThan(1.25)
        }),
      )
    }
  })

  it('learns the same from packed texts, in fewer sequences', async () => {
    const { record } = await train({ packing: true, maximumLength: 64, batchSize: 100, maximumSteps: 1 })
    const { record: apart } = await train({ batchSize: 100, maximumSteps: 1 })
    expect(record.lossCurve[0]![1]).toBeCloseTo(apart.lossCurve[0]![1], 4)
  })

  it('writes: until its end, a stop or so many tokens; by chance, the same for the same prompt', async () => {
    const learned = await trainWriting()
    const [first, second] = await answers(learned, inputs)
    expect(first).toEqual({ kind: 'text', text: 'fruit' })
    expect(second).toEqual({ kind: 'text', text: 'vehicle' })
    const asked = (answer: LlamaTrainerOptions['answer']) => ({
      trainer: llamaTrainer({ ...quick, base, answer }),
      weights: learned.weights,
    })
    expect(await answers(asked({ ...text, stop: ['hic'] }), inputs.slice(1, 2))).toEqual([{ kind: 'text', text: 've' }])
    const [short] = await answers(asked({ ...text, maximumNewTokens: 1 }), inputs)
    expect('fruit'.startsWith((short as { text: string }).text)).toBe(true)
    const wild = { ...text, temperature: 5, seed: 3 }
    const some = await answers(asked(wild), inputs)
    expect((await answers(asked(wild), inputs.slice(2, 3)))[0]).toEqual(some[2])
    expect(await answers(asked({ ...wild, seed: 4 }), inputs)).not.toEqual(some)
    expect(await answers(asked({ ...wild, topK: 1 }), inputs.slice(0, 2))).toEqual([first, second])
    // Other settings are another model, for whoever keeps answers by its digest.
    await using one = await asked(text).trainer.load(learned.weights, context)
    await using other = await asked(wild).trainer.load(learned.weights, context)
    expect(one.digest).not.toBe(other.digest)
  })

  it('cuts prompts that are too long at their start, in training and after it, and says so', async () => {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void warnings.push(message) }
    const learned = await train({ maximumLength: 12, maximumSteps: 1 }, { log })
    expect(warnings).toEqual([expect.stringMatching(/^\d+ of 32 prompts are longer/)])
    await using model = await learned.trainer.load(learned.weights, context)
    expect(await model.predict([`${'many words '.repeat(100)}?`, 'a'], callContext({ log }))).toHaveLength(2)
    expect(warnings.slice(1)).toEqual([expect.stringMatching(/^1 of 2 prompts are too long/)])
  })

  it('leaves half of its positions to what is asked, however long an answer may be', async () => {
    const learned = await trainWriting()
    const trainer = llamaTrainer({ ...quick, base, answer: { kind: 'text', maximumNewTokens: 1000 } })
    expect(await answers({ trainer, weights: learned.weights }, inputs)).toEqual(await answers(learned, inputs))
  })

  it('chooses of many as of few', async () => {
    const learned = await trainWhole()
    const choices = ['fruit', ...Array.from({ length: 40 }, (_, index) => `thing ${index}`), 'vehicle']
    const trainer = llamaTrainer({ ...quick, base, answer: { kind: 'choice', choices } })
    const [few, many] = [await answers(learned, inputs), await answers({ trainer, weights: learned.weights }, inputs)]
    for (const [index, one] of many.entries()) {
      const [found, wanted] = [one, few[index]!] as never as { probabilities: Record<string, number> }[]
      const { fruit, vehicle } = found!.probabilities
      expect(fruit! / (fruit! + vehicle!)).toBeCloseTo(wanted!.probabilities['fruit']!, 4)
    }
    const seven = llamaTrainer({ ...quick, base, answer: { kind: 'choice', choices }, evaluationBatchSize: 7 })
    const again = await answers({ trainer: seven, weights: learned.weights }, inputs)
    for (const [index, one] of again.entries()) {
      const [found, wanted] = [one, many[index]!] as never as { label: string; probabilities: Record<string, number> }[]
      expect(found!.label).toBe(wanted!.label)
      expect(found!.probabilities['fruit']).toBeCloseTo(wanted!.probabilities['fruit']!, 4)
    }
  })

  it('says of an empty input that nothing begins its texts', async () => {
    const bare = await makeBase(below)
    const path = join(bare.directory, 'tokenizer.json')
    await writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), post_processor: null }))
    const { digest } = await readWeightsDirectory(bare.directory, context)
    const learned = await train({ base: { ...bare, digest }, maximumSteps: 1 })
    await expect(answers(learned, [''])).rejects.toMatchObject({ code: 'dataset-invalid' })
  })
})

describe('a language model of texts', () => {
  it('learns the inputs alone, and says how likely they are: the metric is what the loss was', async () => {
    const answer = { kind: 'likelihood' } as const
    // A rate so small that the weights stay the base's.
    const still = await train({ answer, batchSize: 100, maximumSteps: 1, learningRate: 1e-30 })
    const rowsOfInputs = rowsOf(rows.map(({ target: _, ...row }) => row as never))
    await using model = await still.trainer.load(still.weights, context)
    const { metrics } = await evaluate({ model, rows: rowsOfInputs, metrics: [crossEntropy()] }, context)
    expect(metrics[0]!.value).toBeCloseTo(still.record.lossCurve[0]![1], 4)
    const learned = await train({ answer, epochs: 5 })
    await using better = await learned.trainer.load(learned.weights, context)
    const after = await evaluate({ model: better, rows: rowsOfInputs, metrics: [crossEntropy()] }, context)
    expect(after.metrics[0]!.value!).toBeLessThan(metrics[0]!.value! / 2)
  })

  it('measures a long text in windows, every token once', async () => {
    const answer = { kind: 'likelihood' } as const
    const { trainer, weights } = await train({ answer, maximumSteps: 1, maximumLength: 10 })
    const long = rows.map(({ input }) => input).join(' ')
    await using model = await trainer.load(weights, context)
    const [found] = await model.predict([long], context)
    const ids = await loadTokens(tokenizer, parseLlamaConfig(tinyConfig, Error), Error)
    expect(found).toMatchObject({ kind: 'vector', values: [expect.any(Number), ids.encodePrompt(long).length] })
    expect(await model.predict([''], context)).toMatchObject([{ values: [expect.any(Number), 1] }])
  })
})

describe('exact match', () => {
  it('is judged by texts, white space at their ends aside', async () => {
    const model = {
      digest: `sha256:${'4'.repeat(64)}`,
      predict: async (texts: readonly string[]) => texts.map((text) => ({ kind: 'text', text }) as const),
      async [Symbol.asyncDispose]() {},
    } as const
    const found = await evaluate(
      {
        model,
        rows: rowsOf([
          { id: 'a', input: 'yes ', target: ' yes', slices: {} },
          { id: 'b', input: 'yes', target: 'no', slices: {} },
        ]),
        metrics: [exactMatch()],
      },
      context,
    )
    expect(found.metrics[0]!.value).toBe(0.5)
  })
})

describe('is refused, before anything is trained', () => {
  it('a base that is another than its digest says', async () => {
    const other = { ...base, digest: `sha256:${'0'.repeat(64)}` } as const
    await expect(train({ base: other })).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringContaining(base.digest),
    })
  })

  it.each([
    [{ model_type: 'gpt2' }, 'commandTrainer'],
    [{ hidden_act: 'gelu' }, 'hidden_act'],
    [{ attention_bias: true }, 'attention_bias'],
    [{ mlp_bias: true }, 'mlp_bias'],
    [{ quantization_config: { quant_method: 'fp8' } }, 'quantization_config'],
    [{ sliding_window: 4096 }, 'sliding_window'],
    [{ partial_rotary_factor: 0.5 }, 'partial_rotary_factor'],
    [{ layer_types: ['sliding_attention'] }, 'layer_types'],
    [{ auto_map: { AutoModel: 'modeling.Model' } }, 'auto_map'],
    [{ rope_scaling: 'linear' }, 'rope_scaling'],
    [{ num_hidden_layers: 1 }, 'it has the tensor "model.layers.1.'],
    [{ num_key_value_heads: 3 }, 'heads'],
    [{ rope_scaling: { rope_type: 'yarn', factor: 2 } }, 'yarn'],
    [{ hidden_size: -1 }, 'hidden_size'],
    [{ vocab_size: 10 }, 'has the shape'],
    [{ hidden_size: 64 }, 'has the shape'],
    [{ num_hidden_layers: 3 }, 'is missing'],
  ])('a model with %j', async (change, said) => {
    const changed = await makeBase(below)
    await writeFile(join(changed.directory, 'config.json'), JSON.stringify({ ...tinyConfig, ...change }))
    const failure = await train({ base: changed }).catch((error) => error)
    const digest = /digest is (sha256:\w+)/.exec(failure.message)![1] as BaseModel['digest']
    await expect(train({ base: { ...changed, digest } })).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringContaining(said),
    })
  })

  it('a tokenizer that knows more tokens than the model', async () => {
    const changed = await makeBase(below)
    await writeFile(join(changed.directory, 'config.json'), JSON.stringify({ ...tinyConfig, vocab_size: 10 }))
    const { digest } = await readWeightsDirectory(changed.directory, context)
    const training = train({ base: { ...changed, digest }, fromScratch: true })
    await expect(training).rejects.toThrow('tokenizer gives the token')
  })

  it.each(['tokenizer.json', 'tokenizer_config.json', 'config.json', 'model.safetensors'])(
    'a base whose %s is torn',
    async (name) => {
      const torn = await makeBase(below)
      const bytes = await readFile(join(torn.directory, name))
      await writeFile(join(torn.directory, name), bytes.subarray(0, bytes.length / 2))
      const failure = await train({ base: torn }).catch((error) => error)
      const digest = /digest is (sha256:\w+)/.exec(failure.message)![1] as BaseModel['digest']
      await expect(train({ base: { ...torn, digest } })).rejects.toMatchObject({ code: 'artifact-corrupt' })
    },
  )

  it('data that is no text, or whose answer has no room', async () => {
    const trainer = llamaTrainer({ ...quick, base, maximumLength: 4 })
    const tried = (row: object) =>
      trainer.fit(
        { training: rowsOf([{ ...rows[0]!, ...row }]), seed: 1, directory: below },
        { ...context, progress() {} },
      )
    for (const row of [{ input: 3 }, { target: undefined }, { target: 'much too long an answer' }])
      await expect(tried(row)).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  it.each([
    { epochs: 0 },
    { learningRate: Number.NaN },
    { dtype: 'F8' as never },
    { answer: { kind: 'choice', choices: ['one'] } as const },
    { answer: { kind: 'choice', choices: ['one', 'one'] } as const },
    { answer: { kind: 'text', temperature: -1 } as const },
    { answer: { kind: 'text', topP: 0 } as const },
    { answer: { kind: 'text', stop: [''] } as const },
    { lora: { rank: 0 } },
    { lora: { targets: [] } },
    { lora: { targets: ['lm_head'] as never } },
    { lora: {}, fromScratch: true },
    { checkpoints: { keepLast: 0 } },
    { base: { directory: 'x', digest: 'x' as never } },
  ] as readonly Partial<LlamaTrainerOptions>[])('options like %j', (options) => {
    expect(() => llamaTrainer({ base, ...options })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})
