import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Tensor, tensorOfFloat32 } from '../../src/model/safetensors.js'
import type { Dtype } from '../../src/model/safetensors-dtype.js'
import { checkFinite, findNonFinite } from '../../src/model/safetensors-finite.js'
import { readSafetensorsHeader } from '../../src/model/safetensors-header.js'
import { writeSafetensors } from '../../src/model/safetensors-writer.js'
import { temporaryFolder } from './files.js'

const context = callContext()
const folder = temporaryFolder()

/** Bits of one element: the largest finite value, then values that are not finite. */
const patterns: readonly [Dtype, number, readonly string[], readonly string[]][] = [
  ['F16', 2, ['7bff', 'fbff', '8000'], ['7c00', 'fc00', '7e00', 'fc01']],
  ['BF16', 2, ['7f7f', 'ff7f', '8000'], ['7f80', 'ff80', '7fc0', 'ff81']],
  ['F32', 4, ['7f7fffff', 'ff7fffff', '00000001'], ['7f800000', 'ff800000', '7fc00000', '7f800001']],
  ['F64', 8, ['7fefffffffffffff', 'ffefffffffffffff'], ['7ff0000000000000', 'fff0000000000000', '7ff8000000000000']],
  ['C64', 8, ['7f7fffffff7fffff'], ['7f80000000000000', '000000007fc00000']],
  ['F8_E5M2', 1, ['7b', 'fb', '80'], ['7c', 'fc', '7d', 'ff']],
  ['F8_E4M3', 1, ['7e', 'fe', '80'], ['7f', 'ff']],
  ['F8_E8M0', 1, ['fe', '7f', '80'], ['ff']],
  ['F8_E4M3FNUZ', 1, ['7f', 'ff'], ['80']],
  ['F8_E5M2FNUZ', 1, ['7f', 'ff'], ['80']],
]

function tensorOf(dtype: Dtype, bytes: number, values: readonly string[]): Tensor {
  const data = Buffer.concat(values.map((value) => Buffer.from(value, 'hex').reverse()))
  return { name: 'x', dtype, shape: [data.length / bytes], data }
}

describe('checkFinite', () => {
  for (const [dtype, bytes, finite, others] of patterns)
    it(`tells finite ${dtype} from infinite and from not-a-number`, () => {
      expect(checkFinite(tensorOf(dtype, bytes, finite))).toBeUndefined()
      for (const other of others) expect(checkFinite(tensorOf(dtype, bytes, [...finite, other]))).toBe(finite.length)
    })

  it('agrees with Number.isFinite on every exponent of 16 and 32 bits', () => {
    const wrong: number[] = []
    for (let top = 0; top < 65536; top += 1) {
      const value = new Float32Array(Uint32Array.of(top * 65536).buffer)
      const expected = Number.isFinite(value[0]) ? undefined : 0
      const brain = { name: 'x', dtype: 'BF16', shape: [1], data: new Uint8Array(Uint16Array.of(top).buffer) } as const
      if (checkFinite(tensorOfFloat32('x', [1], value)) !== expected || checkFinite(brain) !== expected) wrong.push(top)
    }
    expect(wrong).toEqual([])
  })

  it('has nothing to say about integers', () => {
    expect(checkFinite({ name: 'x', dtype: 'I32', shape: [1], data: Buffer.from('ffffffff', 'hex') })).toBeUndefined()
  })
})

describe('findNonFinite', () => {
  it('finds the first one in a file longer than a piece, by tensor and index', async () => {
    const path = join(folder, 'large.safetensors')
    const values = new Float32Array(600_000)
    values[500_001] = Number.NaN
    values[500_002] = Number.POSITIVE_INFINITY
    const tensors = [
      tensorOfFloat32('a', [3], Float32Array.of(1, 2, 3)),
      tensorOfFloat32('b', [600, 1000], values),
      { name: 'i', dtype: 'I16', shape: [1], data: Buffer.from('ffff', 'hex') } as const,
    ]
    await writeSafetensors(path, tensors, {}, context)
    const header = await readSafetensorsHeader(path, context)
    expect(await findNonFinite(path, header, context)).toEqual({ tensor: 'b', index: 500_001 })
    values[500_001] = values[500_002] = 0
    await writeSafetensors(path, [tensorOfFloat32('b', [600, 1000], values), tensors[0]!, tensors[2]!], {}, context)
    expect(await findNonFinite(path, header, context)).toBeUndefined()
  })

  it('stops at once when aborted, and refuses a file that is not the one of the header', async () => {
    const path = join(folder, 'small.safetensors')
    await writeSafetensors(path, [tensorOfFloat32('a', [1], Float32Array.of(1))], {}, context)
    const header = await readSafetensorsHeader(path, context)
    const aborted = callContext({ signal: AbortSignal.abort('stop') })
    await expect(findNonFinite(path, header, aborted)).rejects.toBe('stop')
    await writeSafetensors(path, [tensorOfFloat32('a', [2], Float32Array.of(1, 2))], {}, context)
    await expect(findNonFinite(path, header, context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })
})
