import { expect, it } from 'vitest'
import { callContext, seededRandom } from '../../../src/core/index.js'
import { openDevice } from '../../../src/trainer/tfjs/devices.js'
import { type Decoding, decodingOf } from '../../../src/trainer/tfjs/llama/decoding.js'
import { llamaShapes, parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'
import { tinyConfig } from './base.js'

/** Prompts of these lengths join before these steps; the rows that stay are kept after them. */
const plan = [
  { before: 0, join: 5 },
  { before: 2, join: 126 },
  { before: 3, join: 1 },
  { before: 6, keep: [0, 2] },
  { before: 7, join: 40 },
  { before: 9, keep: [2] },
] as const

/** The logits of every pass. Tokens are given, so that a rounding changes no later token. */
async function passes(decoding: Decoding): Promise<readonly Float32Array[]> {
  const random = seededRandom('tokens')
  const found: Float32Array[] = []
  let positions: number[] = []
  for (let step = 0; step < 11; step += 1) {
    for (const event of plan.filter(({ before }) => before === step)) {
      if ('keep' in event) {
        positions = event.keep.map((row) => positions[row]!)
        decoding.keep(event.keep)
        continue
      }
      const prompt = await decoding.read(Array.from({ length: event.join }, () => random.below(320)))
      found.push(prompt.logits)
      prompt.join()
      prompt.dispose()
      positions.push(event.join)
    }
    const tokens = positions.map(() => random.below(320))
    found.push(await decoding.step(tokens, positions))
    positions = positions.map((position) => position + 1)
  }
  decoding.keep([])
  return found
}

it.each([
  ['two heads of queries for one of keys', 2, 32],
  ['a head size that four does not divide', 4, 24],
] as const)('keys and values in arrays give the logits of those in tensors: %s', async (_, keyHeads, hidden) => {
  const device = await openDevice('wasm', callContext())
  const { tf, use } = device
  const config = parseLlamaConfig(
    { ...tinyConfig, max_position_embeddings: 300, num_key_value_heads: keyHeads, hidden_size: hidden },
    (fact) => new Error(fact),
  )
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
  const llama = { tf, config, weights }
  const before = tf.memory().numTensors
  const arrays = await passes(decodingOf(device, llama))
  // A device whose memory is not the processor's.
  const tensors = await passes(decodingOf({ ...device, name: 'webgpu' }, llama))
  expect(tf.memory().numTensors).toBe(before)
  expect(arrays.length).toBe(tensors.length)
  for (const [pass, logits] of arrays.entries()) {
    const largest = Math.max(...logits.map(Math.abs))
    const difference = Math.max(...logits.map((logit, token) => Math.abs(logit - tensors[pass]![token]!)))
    // Sums of float32 in another order.
    expect(difference / largest).toBeLessThan(1e-5)
  }
  tf.dispose(weights as never)
})
