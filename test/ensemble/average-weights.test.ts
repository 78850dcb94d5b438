import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { averageWeights } from '../../src/ensemble/average-weights.js'
import {
  fromFloat32,
  readSafetensors,
  readWeightsDirectory,
  type Tensor,
  tensorOf,
  tensorOfFloat32,
  toFloat32,
  writeSafetensors,
} from '../../src/model/index.js'

let below = ''
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-average-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))
const context = callContext()
const fresh = () => mkdtemp(join(below, 'weights-'))

interface Files {
  readonly tensors?: readonly Tensor[]
  readonly file?: string
  readonly others?: Readonly<Record<string, string>>
}
async function member(name: string, { tensors = [], file = 'model.safetensors', others = {} }: Files, share = 1) {
  const path = await fresh()
  if (tensors.length > 0) await writeSafetensors(join(path, file), tensors, { metadata: { format: 'pt' } }, context)
  for (const [other, text] of Object.entries({ 'config.json': '{}', ...others }))
    await writeFile(join(path, other), text)
  return { name, share, weights: await readWeightsDirectory(path, context) }
}
const floats = (...values: readonly number[]) => tensorOfFloat32('w', [values.length], Float32Array.from(values))

async function averageOf(...members: Parameters<typeof averageWeights>[0]) {
  const directory = await fresh()
  await averageWeights(members, directory, context)
  return directory
}
const valuesIn = async (directory: string) => {
  const { tensors } = await readSafetensors(join(directory, 'model.safetensors'), context)
  return [...toFloat32(tensors[0]!)]
}

describe('the mean of weights', () => {
  it('is that of each number, by the shares', async () => {
    const low = await member('low', { tensors: [floats(0.5, -1, 8)] }, 3)
    const high = await member('high', { tensors: [floats(4.5, 1, 8)] }, 1)
    const directory = await averageOf(low, high)
    expect(await valuesIn(directory)).toEqual([1.5, -0.5, 8])
    expect(await readFile(join(directory, 'config.json'), 'utf8')).toBe('{}')
  })

  it('is the same weights of one member, and of equal members, with any shares', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 4 }),
        async (values, shares) => {
          const members = await Promise.all(
            shares.map((share, index) => member(`m${index}`, { tensors: [floats(...values, index + 0.5)] }, share)),
          )
          const mean = await valuesIn(await averageOf(...members))
          // A zero may lose its sign.
          const unsigned = (list: Iterable<number>) => [...list].map((value) => value + 0)
          expect(unsigned(mean.slice(0, -1))).toEqual(unsigned(Float32Array.from(values)))
          expect(mean.at(-1)).toBeCloseTo(
            shares.reduce((sum, share, index) => sum + share * (index + 0.5), 0) /
              shares.reduce((sum, share) => sum + share, 0),
            4,
          )
        },
      ),
      { numRuns: 30 },
    )
  })

  it.each(['BF16', 'F16'] as const)('of %s stays %s', async (dtype) => {
    const half = (value: number) => [fromFloat32('w', dtype, [2], Float32Array.of(value, 0.25))]
    const directory = await averageOf(
      await member('a', { tensors: half(1.5) }),
      await member('b', { tensors: half(2.5) }),
    )
    const { tensors } = await readSafetensors(join(directory, 'model.safetensors'), context)
    expect(tensors).toMatchObject([{ dtype }])
    expect(await valuesIn(directory)).toEqual([2, 0.25])
  })

  it.each([
    ['BF16', 1, 1 + 2 ** -7],
    ['F16', 1, 1 + 2 ** -10],
  ] as const)('of %s is rounded once', async (dtype, low, high) => {
    // Just above the middle of two neighbours, by less than float32 can tell: rounded twice, it would be the even one below.
    const half = (value: number) => [fromFloat32('w', dtype, [2], Float32Array.of(value, 0.25))]
    const directory = await averageOf(
      await member('a', { tensors: half(low) }, 0.5 - 1e-9),
      await member('b', { tensors: half(high) }, 0.5 + 1e-9),
    )
    expect(await valuesIn(directory)).toEqual([high, 0.25])
  })

  it('takes whole numbers and shards that are equal as they are', async () => {
    const shards = async (value: number) => {
      const made = await member('m', { tensors: [floats(value)], file: 'model-00001-of-00002.safetensors' })
      const { path } = made.weights
      const indices = tensorOf('rows', 'U32', [2], Uint32Array.of(7, 9))
      await writeSafetensors(join(path, 'model-00002-of-00002.safetensors'), [indices], {}, context)
      return { ...made, weights: await readWeightsDirectory(path, context) }
    }
    const directory = await averageOf(await shards(0.5), await shards(1))
    const [first, second] = await Promise.all(
      [1, 2].map((at) => readSafetensors(join(directory, `model-0000${at}-of-00002.safetensors`), context)),
    )
    expect([...toFloat32(first!.tensors[0]!)]).toEqual([0.75])
    expect(new Uint32Array(second!.tensors[0]!.data.buffer)).toEqual(Uint32Array.of(7, 9))
  })

  it.each<[string, Files, Files, string]>([
    [
      'another shape',
      { tensors: [floats(0.5)] },
      { tensors: [floats(0.5, 1)] },
      'the tensor "w" is F32 [1] in "a" and F32 [2] in "b"',
    ],
    [
      'another dtype',
      { tensors: [floats(0.5)] },
      { tensors: [fromFloat32('w', 'F16', [1], Float32Array.of(1))] },
      'F16 [1] in "b"',
    ],
    [
      'a tensor less',
      { tensors: [floats(0.5), { ...floats(1), name: 'v' }] },
      { tensors: [floats(0.5)] },
      '"v" is F32 [1] in "a" and absent in "b"',
    ],
    [
      'a tensor more',
      { tensors: [floats(0.5)] },
      { tensors: [floats(0.5), { ...floats(1), name: 'v' }] },
      '"v" is absent in "a" and F32 [1] in "b"',
    ],
    [
      'another configuration',
      { tensors: [floats(0.5)] },
      { tensors: [floats(1)], others: { 'config.json': '{"a":1}' } },
      'the file "config.json" of "a" and "b" differs',
    ],
    [
      'another file',
      { tensors: [floats(0.5)] },
      { tensors: [floats(1)], others: { 'model.onnx': 'x' } },
      '"model.onnx" of "a" and "b" is in only one',
    ],
    [
      'adapters',
      { tensors: [floats(0.5)], file: 'adapter_model.safetensors' },
      { tensors: [floats(1)], file: 'adapter_model.safetensors' },
      '"a" has adapters',
    ],
    ['no safetensors', {}, {}, '"a" has no safetensors'],
    [
      'other indices, as floats',
      { tensors: [floats(1, 2)] },
      { tensors: [floats(2, 1)] },
      'only whole numbers, which differ',
    ],
    [
      'other indices',
      { tensors: [tensorOf('i', 'U32', [1], Uint32Array.of(1))] },
      { tensors: [tensorOf('i', 'U32', [1], Uint32Array.of(2))] },
      'the dtype U32, which differ',
    ],
  ])('is refused for %s', async (_, one, other, fact) => {
    await expect(averageOf(await member('a', one), await member('b', other))).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining(fact),
    })
  })
})
