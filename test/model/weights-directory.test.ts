import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Tensor, tensorOfFloat32 } from '../../src/model/safetensors.js'
import { writeSafetensors } from '../../src/model/safetensors-writer.js'
import { checkWeights, readWeightsDirectory, verifyWeightsDirectory } from '../../src/model/weights-directory.js'
import { rawFile, rejection, temporaryFolder } from './files.js'

const context = callContext()
const weight = tensorOfFloat32('weight', [2, 2], Float32Array.of(1, 2, 3, 4))
const bias = tensorOfFloat32('bias', [2], Float32Array.of(5, 6))

async function madeWeights(files: Readonly<Record<string, readonly Tensor[] | string | Uint8Array>>): Promise<string> {
  const folder = temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    if (typeof content === 'string' || content instanceof Uint8Array) writeFileSync(join(folder, name), content)
    else await writeSafetensors(join(folder, name), content, {}, context)
  }
  return folder
}

const sound = { 'config.json': '{"labels":["ham","spam"]}', 'model.safetensors': [weight, bias] }
const index = (weightMap: unknown) => JSON.stringify({ metadata: { total_size: 24 }, weight_map: weightMap })
const sharded = {
  'config.json': '{}',
  'model-00001-of-00002.safetensors': [weight],
  'model-00002-of-00002.safetensors': [bias],
  'model.safetensors.index.json': index({
    weight: 'model-00001-of-00002.safetensors',
    bias: 'model-00002-of-00002.safetensors',
  }),
}

describe('a weights directory', () => {
  it('has the same digest wherever it lies, and another when a byte differs', async () => {
    const first = await readWeightsDirectory(await madeWeights(sound), context)
    const again = await readWeightsDirectory(await madeWeights(sound), context)
    expect(again.digest).toBe(first.digest)
    expect(first.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
    const other = await readWeightsDirectory(await madeWeights({ ...sound, 'config.json': '{}' }), context)
    expect(other.digest).not.toBe(first.digest)
    await verifyWeightsDirectory(first, context)
  })

  it('names the file that changed', async () => {
    const weights = await readWeightsDirectory(await madeWeights(sound), context)
    appendFileSync(join(weights.path, 'model.safetensors'), '!')
    const error = await rejection(verifyWeightsDirectory(weights, context))
    expect(error.code).toBe('artifact-corrupt')
    expect(error.message).toContain('"model.safetensors" is not what its manifest says')
  })
})

describe('checkWeights', () => {
  const check = async (files: Parameters<typeof madeWeights>[0]) =>
    checkWeights(await readWeightsDirectory(await madeWeights(files), context), context)

  it('finds nothing wrong with sound weights, whole or in shards, in folders too', async () => {
    expect(await check(sound)).toEqual([])
    expect(await check(sharded)).toEqual([])
    const inFolder = Object.entries(sharded).map(([name, content]) => [`encoder/${name}`, content] as const)
    expect(await check({ ...sound, ...Object.fromEntries(inFolder), 'vocabulary.txt': 'cat\ndog\n.' })).toEqual([])
  })

  const bad: readonly [string, Parameters<typeof madeWeights>[0], readonly [file: string, problem: string][]][] = [
    [
      'an empty folder',
      { 'notes.txt': 'nothing' },
      [['.', 'has no weight file in a format that can be checked (safetensors, ONNX, GGUF, NumPy, HDF5, JSON)']],
    ],
    ['a config that is a list', { ...sound, 'config.json': '[]' }, [['config.json', 'is not a JSON object']]],
    ['a config that is cut off', { ...sound, 'config.json': '{"a":' }, [['config.json', 'is not JSON (']]],
    [
      'a config that is a million levels deep',
      { ...sound, 'config.json': `{"a":${'['.repeat(1_000_000)}` },
      [['config.json', 'is nested more than 512 levels deep']],
    ],
    [
      'a value that is not finite',
      { ...sound, 'model.safetensors': [weight, tensorOfFloat32('bias', [2], Float32Array.of(0, Number.NaN))] },
      [['model.safetensors', 'contains a value that is not finite: element 1 of tensor "bias"']],
    ],
    [
      'tensors that overlap',
      {
        ...sound,
        'model.safetensors': rawFile(
          '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}',
          new Uint8Array(2),
        ),
      },
      [['model.safetensors', 'is not sound: tensor "b" overlaps the one before it by 2 bytes']],
    ],
    [
      'a pickle renamed',
      { ...sound, 'model.safetensors': Buffer.from('80025d71002e', 'hex') },
      [['model.safetensors', 'is a Python pickle (protocol 2)']],
    ],
    [
      'a pickle in any other file',
      { ...sound, 'tokenizer.json': "cposix\nsystem\n(S'id'\ntR." },
      [['tokenizer.json', 'is a Python pickle that calls code']],
    ],
    [
      'a shard without an index',
      { 'config.json': '{}', 'model-00001-of-00002.safetensors': [weight] },
      [['model-00001-of-00002.safetensors', 'is a shard, but "model.safetensors.index.json" is missing']],
    ],
    [
      'a shard that is missing',
      { ...sharded, 'model-00002-of-00002.safetensors': 'x' },
      [['model-00002-of-00002.safetensors', 'is not sound: it has 1 bytes']],
    ],
    [
      'an index that names a file elsewhere',
      { ...sound, 'model.safetensors.index.json': index({ weight: '../model.safetensors' }) },
      [['model.safetensors.index.json', 'names "../model.safetensors", which is not a safetensors file']],
    ],
    [
      'an index that gives a shard what it lacks',
      {
        ...sharded,
        'model.safetensors.index.json': index({
          weight: 'model-00002-of-00002.safetensors',
          bias: 'model-00002-of-00002.safetensors',
        }),
      },
      [
        [
          'model.safetensors.index.json',
          'assigns tensor "weight" to "model-00002-of-00002.safetensors", which does not contain it',
        ],
        ['model-00001-of-00002.safetensors', 'is a shard that "model.safetensors.index.json" does not name'],
      ],
    ],
    [
      'a tensor that the index does not place',
      { ...sharded, 'model-00002-of-00002.safetensors': [bias, weight] },
      [
        [
          'model-00002-of-00002.safetensors',
          'contains tensor "weight", which "model.safetensors.index.json" does not assign',
        ],
      ],
    ],
    [
      'an index without a map',
      { ...sharded, 'model.safetensors.index.json': '{"weight_map":[]}' },
      [['model.safetensors.index.json', 'has no object "weight_map"']],
    ],
    [
      'a map to something that is no name',
      { ...sound, 'model.safetensors.index.json': index({ weight: 1 }) },
      [['model.safetensors.index.json', 'names no file for tensor "weight"']],
    ],
  ]
  for (const [what, files, expected] of bad)
    it(`names the file and the fact: ${what}`, async () => {
      const problems = await check(files)
      expect(problems.map(({ file }) => file)).toEqual(expected.map(([file]) => file))
      for (const [place, [, problem]] of expected.entries()) expect(problems[place]!.problem).toContain(problem)
    })

  it('tells of what happened after the weights were read', async () => {
    const weights = await readWeightsDirectory(await madeWeights({ ...sound, 'notes.txt': 'a' }), context)
    truncateSync(join(weights.path, 'model.safetensors'), 30)
    writeFileSync(join(weights.path, 'extra.txt'), '')
    rmSync(join(weights.path, 'notes.txt'))
    const problems = await checkWeights(weights, context)
    expect(problems).toMatchObject([
      { file: 'extra.txt', problem: 'is not in its manifest' },
      { file: 'model.safetensors', problem: 'is not what its manifest says' },
      { file: 'notes.txt', problem: 'is missing' },
      { file: 'model.safetensors', problem: expect.stringContaining('is not sound: its header claims') as string },
    ])
  })

  it('tells of a link in the place of a file, and of a folder that is gone', async () => {
    const weights = await readWeightsDirectory(await madeWeights(sharded), context)
    const outside = await madeWeights(sharded)
    rmSync(join(weights.path, 'model.safetensors.index.json'))
    symlinkSync(join(outside, 'model.safetensors.index.json'), join(weights.path, 'model.safetensors.index.json'))
    const problems = await checkWeights(weights, context)
    expect(problems[0]).toMatchObject({ file: 'model.safetensors.index.json' })
    expect(problems[0]!.problem).toContain('is a symbolic link, not a plain file')
    rmSync(weights.path, { recursive: true })
    expect((await checkWeights(weights, context))[0]).toMatchObject({ file: '.' })
  })

  it('rejects with the reason of an abort, untouched', async () => {
    const weights = await readWeightsDirectory(await madeWeights(sound), context)
    const reason = new Error('stop')
    await expect(checkWeights(weights, callContext({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  })
})
