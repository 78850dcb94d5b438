import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import {
  checkWeights,
  float32Of,
  readWeights,
  readWeightsDirectory,
  tensorOfFloat32,
  writeWeights,
} from '../../src/model/index.js'

const context = callContext()
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-shards-'))
  await writeFile(join(folder, 'config.json'), '{}')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const tensors = ['d', 'a', 'c', 'b'].map((name, index) => tensorOfFloat32(name, [5], new Float32Array(5).fill(index)))
const names = async () => (await readdir(folder)).filter((name) => name !== 'config.json').sort()

describe('weights', () => {
  it.each([
    [1e9, ['model.safetensors']],
    [40, ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model.safetensors.index.json']],
    [1, [...[1, 2, 3, 4].map((number) => `model-0000${number}-of-00004.safetensors`), 'model.safetensors.index.json']],
  ])('with files up to %d bytes are %j, sound and whole', async (maximumShardBytes, files) => {
    await writeWeights(folder, 'model', tensors, { maximumShardBytes }, context)
    expect(await names()).toEqual(files)
    expect(await checkWeights(await readWeightsDirectory(folder, context), context)).toEqual([])
    const found = await readWeights(folder, 'model', (name) => name !== 'c', context)
    expect([...found.keys()].sort()).toEqual(['a', 'b', 'd'])
    expect(float32Of(found.get('b')!)).toEqual(new Float32Array(5).fill(3))
  })

  it('have an index as transformers writes it', async () => {
    await writeWeights(folder, 'model', tensors, { maximumShardBytes: 60 }, context)
    const [first, second] = await names()
    expect(JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))).toEqual({
      metadata: { total_size: 80 },
      weight_map: { a: first, b: first, c: first, d: second },
    })
  })

  it.each([
    ['no file', undefined],
    ['an index that is torn', '{"weight_map":'],
    ['an index without a map', '{}'],
    ['an index of nothing', '{"weight_map":{}}'],
    ['a file that is not there', '{"weight_map":{"a":"gone.safetensors"}}'],
    ['a file outside', '{"weight_map":{"a":"../model.safetensors"}}'],
    ['no name', '{"weight_map":{"a":7}}'],
  ])('are refused where there is %s', async (_, index) => {
    if (index !== undefined) await writeFile(join(folder, 'model.safetensors.index.json'), index)
    await expect(readWeights(folder, 'model', () => true, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})
