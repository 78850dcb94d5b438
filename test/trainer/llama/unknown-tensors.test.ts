import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { fromFloat32, writeWeights } from '../../../src/model/index.js'
import { readValues } from '../../../src/trainer/tfjs/llama/base-model.js'
import { llamaShapes, parseLlamaConfig } from '../../../src/trainer/tfjs/llama/llama-config.js'
import { tinyConfig } from './base.js'

let below: string
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-tensors-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))

const context = callContext()
const shapes = llamaShapes(parseLlamaConfig(tinyConfig, (fact) => new Error(fact)))
const filled = (shape: readonly number[], value: number) =>
  new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(value)

/** The weights of a small model whose embedding is tied, with further tensors beside them. */
async function read(further: Readonly<Record<string, { readonly shape: readonly number[]; readonly value: number }>>) {
  const directory = await mkdtemp(join(below, 'model-'))
  const own = Object.entries(shapes).map(([name, shape]) => fromFloat32(name, 'F32', shape, filled(shape, 0.5)))
  const others = Object.entries(further).map(([name, { shape, value }]) =>
    fromFloat32(name, 'F32', shape, filled(shape, value)),
  )
  await writeWeights(directory, 'model', [...own, ...others], {}, context)
  return readValues(directory, 'model', shapes, context)
}
const embedding = shapes['model.embed_tokens.weight']!

it('a model with scales of quantized weights is refused by their name', async () => {
  const name = 'model.layers.0.self_attn.q_proj.weight_scale'
  await expect(read({ [name]: { shape: [1], value: 2 } })).rejects.toMatchObject({
    code: 'artifact-corrupt',
    message: expect.stringContaining(`it has the tensor "${name}", which this architecture does not have`),
  })
})

it('an lm_head that differs from the tied embedding is refused, with what to set', async () => {
  await expect(read({ 'lm_head.weight': { shape: embedding, value: 0.25 } })).rejects.toMatchObject({
    code: 'artifact-corrupt',
    message: expect.stringContaining('Set tie_word_embeddings to false'),
  })
})

it('an lm_head that repeats the tied embedding, and computed tables, are read', async () => {
  const values = await read({
    'lm_head.weight': { shape: embedding, value: 0.5 },
    'model.layers.0.self_attn.rotary_emb.inv_freq': { shape: [4], value: 1 },
  })
  expect(Object.keys(values).sort()).toEqual(Object.keys(shapes).sort())
})
