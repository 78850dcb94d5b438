import { readFileSync } from 'node:fs'
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import { describe, expect, it } from 'vitest'
import { callContext, type JsonObject, seededRandom } from '../../../src/core/index.js'
import { type Device, deviceNames, valuesOf as readValues } from '../../../src/trainer/tfjs/devices.js'
import { listed } from '../../../src/trainer/tfjs/examples.js'
import { createGenerator } from '../../../src/trainer/tfjs/llama/generate.js'
import {
  allLogits,
  type Llama,
  llamaLossAndGradients,
  type TokenSequence,
  targetLogLikelihoods,
} from '../../../src/trainer/tfjs/llama/llama.js'
import { llamaShapes, parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'
import { loraAdapters, loraShapes, merged, toLora } from '../../../src/trainer/tfjs/llama/lora.js'
import { trainLoop } from '../../../src/trainer/tfjs/train-loop.js'
import { sampleOf } from '../../whole.js'
import { deviceForTests } from '../device-for-tests.js'

// Made by transformers, PEFT and PyTorch: reference/make-llama.py.
interface Reference {
  readonly texts: readonly (readonly number[])[]
  readonly prompts: readonly number[]
  readonly cases: readonly Case[]
  readonly lora: { readonly loss: number; readonly gradients: Sketches }
}
interface Case {
  readonly name: string
  readonly config: JsonObject
  readonly logits: readonly (readonly number[])[]
  readonly gradients: Sketches
  readonly greedy: readonly number[]
  readonly losses: readonly number[]
}
type Sketches = Readonly<Record<string, readonly number[]>>

const reference = JSON.parse(readFileSync(new URL('reference/llama.json', import.meta.url), 'utf8')) as Reference
const configOf = ({ config }: Case) => parseLlamaConfig(config, (fact) => new Error(fact))

/** By the script's formula: the same numbers there and here. */
function valuesOf(name: string, size: number): Float32Array {
  const seed = [...name].reduce((sum, letter, place) => sum + letter.charCodeAt(0) * (place + 1), 0)
  return Float32Array.from({ length: size }, (_, index) => {
    const value = ((((index + 1) * 40503 + seed * 977) % 65536) / 65536 - 0.5) * 0.5
    return name.includes('norm') ? 1 + value : value
  })
}

function tensorsOf({ tf }: Device, shapes: Readonly<Record<string, readonly number[]>>) {
  return Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const size = shape.reduce((product, length) => product * length, 1)
      return [name, tf.tensor(valuesOf(name, size), [...shape])]
    }),
  )
}

function sequenceOf(text: readonly number[], prompt: number): TokenSequence {
  return {
    ids: Int32Array.from(text),
    positions: Int32Array.from(text.keys()),
    segments: new Int32Array(text.length),
    targets: Int32Array.from(text, (_, place) => (place + 1 >= prompt ? (text[place + 1] ?? -1) : -1)),
  }
}
const batch = reference.texts.map((text, index) => sequenceOf(text, reference.prompts[index]!))

/** Sum, sum of absolutes, and some of the numbers, as the script has them. */
function sketchOf(values: readonly number[]): readonly number[] {
  const stride = Math.max(1, Math.floor(values.length / 5))
  return [
    values.reduce((sum, value) => sum + value, 0),
    values.reduce((sum, value) => sum + Math.abs(value), 0),
    ...values.filter((_, index) => index % stride === 0).slice(0, 6),
  ]
}

/** To 1e-4 of the numbers' size: float32, added up in another order. */
function expectAlike(found: readonly number[], wanted: readonly number[], what: string): void {
  expect(found.length, what).toBe(wanted.length)
  const size = Math.max(1, ...wanted.map(Math.abs))
  for (const [index, value] of wanted.entries())
    expect(Math.abs(found[index]! - value), `${what}, number ${index}: ${found[index]}, not ${value}`).toBeLessThan(
      1e-4 * size,
    )
}

for (const name of deviceNames) {
  const device = await deviceForTests(name)
  if (typeof device === 'string') {
    console.log(`Llama against transformers on ${name}: skipped. ${device}`)
    continue
  }
  const { tf } = device
  /** What is computed of a Llama whose weights are by the formula, and no tensor is left behind. */
  const computed = async (one: Case, work: (llama: Llama) => Record<string, Tensor>) => {
    const before = tf.memory().numTensors
    const tensors = device.use(() =>
      tf.tidy(() => {
        const config = configOf(one)
        return work({ tf, config, weights: tensorsOf(device, llamaShapes(config)) })
      }),
    )
    const found: Record<string, readonly number[]> = {}
    for (const [part, tensor] of Object.entries(tensors)) found[part] = [...(await readValues(tensor))]
    expect(tf.memory().numTensors).toBe(before)
    return found
  }

  describe(`a Llama on ${name}, against transformers`, () => {
    // On js a case shows that what is computed elsewhere is compared with what is right.
    describe.each(name === 'js' ? sampleOf(reference.cases, 1) : reference.cases)('$name', (one) => {
      it('has its logits, alone and in a batch', async () => {
        const alone = await computed(one, (llama) =>
          Object.fromEntries(batch.map((text, index) => [index, allLogits(llama, [text])])),
        )
        const { together = [] } = await computed(one, (llama) => ({ together: allLogits(llama, batch) }))
        const time = Math.max(...batch.map(({ ids }) => ids.length))
        const width = together.length / (batch.length * time)
        for (const [index, wanted] of one.logits.entries()) {
          expectAlike(alone[index]!, wanted, `text ${index}`)
          const first = index * time * width
          const own = together.slice(first, first + batch[index]!.ids.length * width)
          expectAlike(own, wanted, `text ${index} in a batch`)
        }
      })

      it('has its logits where texts are packed into one sequence', async () => {
        const { logits = [] } = await computed(one, (llama) => ({ logits: allLogits(llama, [pack(batch)]) }))
        let first = 0
        for (const [index, wanted] of one.logits.entries()) {
          expectAlike(logits.slice(first, first + wanted.length), wanted, `text ${index}`)
          first += wanted.length
        }
      })

      it('has its loss and its gradients, by hand as by autograd', async () => {
        const lossAndGradients = (sequences: readonly TokenSequence[]) =>
          computed(one, (llama) => {
            const { loss, gradients, count } = llamaLossAndGradients(llama, sequences, () => true)
            expect(count).toBe(4 + 4 + 6)
            return { loss, ...gradients }
          })
        const { loss = [], ...gradients } = await lossAndGradients(batch)
        expectAlike(loss, [one.losses[0]!], 'the loss')
        expect(Object.keys(gradients).sort()).toEqual(Object.keys(one.gradients).sort())
        for (const [weight, wanted] of Object.entries(one.gradients))
          expectAlike(sketchOf(gradients[weight]!), wanted, weight)
        const packed = await lossAndGradients([pack(batch)])
        expectAlike(packed['loss']!, loss, 'the loss of the packed')
        for (const weight of Object.keys(gradients)) expectAlike(packed[weight]!, gradients[weight]!, weight)
      })

      it('gives its greedy answer, token by token with what it keeps', async () => {
        const config = configOf(one)
        const before = tf.memory().numTensors
        const weights = device.use(() => tensorsOf(device, llamaShapes(config)))
        const ids: number[] = []
        const generator = createGenerator(device, { tf, config, weights }, 1)
        const end = await generator.generate(
          {
            prompt: reference.texts[2]!.slice(0, 5),
            maximumNewTokens: one.greedy.length - 5,
            random: seededRandom(0),
            take: (token) => ids.push(token) < 0,
          },
          callContext().signal,
        )
        expect(end).toBe('length')
        await generator.stop()
        tf.dispose(weights)
        expect([...reference.texts[2]!.slice(0, 5), ...ids]).toEqual(one.greedy)
        expect(tf.memory().numTensors).toBe(before)
      })

      it('gives the likelihoods that its logits say', async () => {
        const { found = [] } = await computed(one, (llama) => ({ found: targetLogLikelihoods(llama, batch) }))
        expectAlike([-found.reduce((sum, value) => sum + value, 0) / found.length], [one.losses[0]!], 'the loss')
      })

      it('learns as by AdamW of PyTorch: clipped, and without decay of the gains', async () => {
        const config = configOf(one)
        const shapes = llamaShapes(config)
        const loop = { epochs: 3, batchSize: 3, learningRate: 0.01, weightDecay: 0.1, schedule: 'constant' as const }
        const { lossCurve } = await trainLoop(
          device,
          {
            loop: { ...loop, maximumSteps: 4, maximumGradientNorm: 1 },
            init: () => tensorsOf(device, shapes),
            lossAndGradients: (_, weights, sequences) =>
              llamaLossAndGradients({ tf, config, weights }, sequences, () => true),
            decays: (weight) => !weight.includes('norm'),
          },
          { config: {}, examples: listed(batch), seed: 1 },
          { ...callContext(), progress() {} },
        )
        expectAlike(
          lossCurve.map(([, loss]) => loss),
          one.losses,
          'losses',
        )
      })
    })

    it('with adapters has the loss and gradients of PEFT, and of the merged matrices', async () => {
      const lora = toLora({ rank: 3, alpha: 6, targets: ['q_proj', 'v_proj', 'down_proj'] })
      const {
        loss = [],
        again = [],
        ...gradients
      } = await computed(reference.cases[0]!, (llama) => {
        const adapters = loraAdapters(llama.config, lora)
        const weights = { ...llama.weights, ...tensorsOf(device, loraShapes(llama.config, lora)) }
        const adapted = llamaLossAndGradients({ ...llama, weights, adapters }, batch, () => false)
        const whole = Object.fromEntries(
          Object.entries(llama.weights).map(([weight, matrix]): [string, Tensor] => {
            const adapter = adapters.get(weight)
            return [weight, adapter === undefined ? matrix : merged(tf, matrix as Tensor2D, adapter, weights)]
          }),
        )
        const again = llamaLossAndGradients({ ...llama, weights: whole }, batch, () => false)
        expect(again.gradients).toEqual({})
        return { loss: adapted.loss, again: again.loss, ...adapted.gradients }
      })
      expectAlike(loss, [reference.lora.loss], 'the loss')
      expectAlike(again, [reference.lora.loss], 'the loss of the merged')
      expect(Object.keys(gradients).sort()).toEqual(Object.keys(reference.lora.gradients).sort())
      for (const [weight, wanted] of Object.entries(reference.lora.gradients))
        expectAlike(sketchOf(gradients[weight]!), wanted, weight)
    })
  })
}

function pack(sequences: readonly TokenSequence[]): TokenSequence {
  const joined = (part: (sequence: TokenSequence, index: number) => Iterable<number>) =>
    Int32Array.from(sequences.flatMap((sequence, index) => [...part(sequence, index)]))
  return {
    ids: joined(({ ids }) => ids),
    positions: joined(({ positions }) => positions),
    segments: joined(({ ids }, index) => ids.map(() => index)),
    targets: joined(({ targets }) => targets),
  }
}
