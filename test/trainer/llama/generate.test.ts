import { expect, it } from 'vitest'
import { callContext, seededRandom } from '../../../src/core/index.js'
import { type Device, openDevice } from '../../../src/trainer/tfjs/devices.js'
import { createGenerator, type Generator } from '../../../src/trainer/tfjs/llama/generate.js'
import type { Llama } from '../../../src/trainer/tfjs/llama/llama.js'
import { llamaShapes, parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'
import { isWhole } from '../../whole.js'
import { tinyConfig } from './base.js'

const config = parseLlamaConfig({ ...tinyConfig, max_position_embeddings: 300 }, (fact) => new Error(fact))

/** Random weights, large enough that answers do not repeat one token. */
function randomLlama({ tf, use }: Device): Llama {
  const random = seededRandom('weights')
  const weights = use(() =>
    Object.fromEntries(
      Object.entries(llamaShapes(config)).map(([name, shape]) => {
        const size = shape.reduce((product, length) => product * length, 1)
        const values = Float32Array.from({ length: size }, () => (name.includes('norm') ? 1 : 0.3 * random.normal()))
        return [name, tf.tensor(values, [...shape])]
      }),
    ),
  )
  return { tf, config, weights }
}

const never = new AbortController().signal

async function answer(
  generator: Generator,
  seed: number,
  [promptTokens, maximumNewTokens]: readonly [number, number],
  { signal = never, onToken = () => {} }: { readonly signal?: AbortSignal; readonly onToken?: () => void } = {},
) {
  const random = seededRandom(seed)
  const tokens: number[] = []
  const end = await generator.generate(
    {
      prompt: Array.from({ length: promptTokens }, () => random.below(320)),
      ...{ maximumNewTokens, random, temperature: seed % 2, topP: 0.9 },
      take(token) {
        tokens.push(token)
        onToken()
        return false
      },
    },
    signal,
  )
  return { end, tokens }
}

async function answerAlone(device: Device, llama: Llama, seed: number, length: readonly [number, number]) {
  const generator = createGenerator(device, llama, 1)
  try {
    return await answer(generator, seed, length)
  } finally {
    await generator.stop()
  }
}

// Prompt and answer in tokens: some cross the 128 positions after which the cache grows.
const lengths = [
  ...([
    [3, 40],
    [120, 30],
    [1, 8],
    [60, 90],
    [200, 60],
    [5, 5],
    [126, 4],
    [250, 100],
  ] as const),
]

/** More than there are places, and some cross those positions. */
const quick = [
  [3, 20],
  [120, 12],
  [1, 8],
  [126, 4],
  [5, 5],
  [60, 10],
] as const

it.each(isWhole ? (['wasm', 'js'] as const) : (['wasm'] as const))(
  'several answers at a time have the same bytes as alone, on %s',
  async (name) => {
    const device = await openDevice(name, callContext())
    const llama = randomLlama(device)
    const tensors = device.tf.memory().numTensors
    const some = !isWhole ? quick : name === 'js' ? lengths.slice(0, 3) : lengths
    const alone = []
    for (const [seed, length] of some.entries()) alone.push(await answerAlone(device, llama, seed, length))
    expect(alone.map(({ tokens }) => tokens.length)).toEqual(
      some.map(([prompt, most]) => Math.min(most, config.maximumPositions - prompt)),
    )
    expect(new Set(alone[0]!.tokens).size).toBeGreaterThan(5)
    const generator = createGenerator(device, llama, 5)
    const together = some.map((length, seed) => answer(generator, seed, length))
    expect(await Promise.all(together)).toEqual(alone)
    // Again, in another order and joining later.
    let later: Promise<unknown> | undefined
    const first = answer(generator, 3, lengths[3]!, {
      onToken() {
        later ??= Promise.all([2, 1, 0].map((seed) => answer(generator, seed, some[seed]!)))
      },
    })
    await first
    expect(await later).toEqual([alone[2], alone[1], alone[0]])
    await generator.stop()
    expect(device.tf.memory().numTensors).toBe(tensors)
    device.tf.dispose(llama.weights as never)
  },
)

it('an abort ends one answer and frees its place, and an error of the caller ends its own', async () => {
  const device = await openDevice('wasm', callContext())
  const llama = randomLlama(device)
  const generator = createGenerator(device, llama, 2)
  const alone = await answer(generator, 7, [4, 50])
  // With the transposes that are kept until the generator stops.
  const tensors = device.tf.memory().numTensors
  const leaving = new AbortController()
  const waiting = new AbortController()
  const [left, waited, failed, stayed] = await Promise.allSettled([
    answer(generator, 1, [4, 200], { signal: leaving.signal, onToken: () => leaving.abort(new Error('left')) }),
    answer(generator, 1, [4, 200], { signal: waiting.signal }),
    answer(generator, 2, [4, 200], {
      onToken() {
        waiting.abort(new Error('no longer'))
        throw new Error('cannot take it')
      },
    }),
    answer(generator, 7, [4, 50]),
  ])
  expect([left, waited, failed].map((one) => one.status === 'rejected' && (one.reason as Error).message)).toEqual([
    'left',
    'no longer',
    'cannot take it',
  ])
  expect(stayed).toEqual({ status: 'fulfilled', value: alone })
  expect(device.tf.memory().numTensors).toBe(tensors)
  // Freed weights: an error of the pass itself.
  device.tf.dispose(llama.weights as never)
  await expect(answer(generator, 7, [4, 50])).rejects.toThrow()
  expect(await answer(generator, 7, [300, 50])).toEqual({ end: 'length', tokens: [] })
  await generator.stop()
})

it('transposes each weight once, with the same answers as if each product did', async () => {
  const device = await openDevice('wasm', callContext())
  const llama = randomLlama(device)
  const tensors = device.tf.memory().numTensors
  // Nothing is kept on a device of another name.
  const each = await answerAlone({ ...device, name: 'native' }, llama, 3, [4, 12])
  const generator = createGenerator(device, llama, 1)
  expect(await answer(generator, 3, [4, 12])).toEqual(each)
  const kept = device.tf.memory().numTensors - tensors
  expect(kept).toBe(Object.keys(llama.weights).filter((name) => /(?:_proj|embed_tokens)\.weight$/.test(name)).length)
  expect(await answer(generator, 3, [4, 12])).toEqual(each)
  expect(device.tf.memory().numTensors - tensors).toBe(kept)
  await generator.stop()
  expect(device.tf.memory().numTensors).toBe(tensors)
  device.tf.dispose(llama.weights as never)
})
