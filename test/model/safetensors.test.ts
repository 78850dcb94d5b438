import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { float32Of, readSafetensors, type Tensor, tensorOfFloat32 } from '../../src/model/safetensors.js'
import type { Dtype } from '../../src/model/safetensors-dtype.js'
import { readSafetensorsHeader } from '../../src/model/safetensors-header.js'
import { writeSafetensors } from '../../src/model/safetensors-writer.js'
import { rounds } from '../whole.js'
import { rejection, temporaryFolder } from './files.js'

interface Reference {
  readonly case: string
  readonly metadata: Record<string, string> | null
  readonly tensors: readonly { name: string; dtype: Dtype; shape: number[]; data: string }[]
  readonly file: string
}

const { cases } = JSON.parse(readFileSync(new URL('reference/safetensors.json', import.meta.url), 'utf8')) as {
  cases: Reference[]
}
const context = callContext()
const folder = temporaryFolder()
const tensorsOf = (reference: Reference): Tensor[] =>
  reference.tensors.map((tensor) => ({ ...tensor, data: Buffer.from(tensor.data, 'base64') }))

describe('against the reference writer', () => {
  for (const reference of cases) {
    const path = join(folder, `${reference.case}.safetensors`)

    const { metadata: given } = reference
    if (given !== null)
      it(`writes the same bytes in any order of tensors: ${reference.case}`, async () => {
        const expected = Buffer.from(reference.file, 'base64')
        for (let seed = 0; seed < 5; seed += 1) {
          const tensors = seededRandom(seed).shuffle(tensorsOf(reference))
          const written = await writeSafetensors(path, tensors, { metadata: given }, context)
          expect(readFileSync(path)).toEqual(expected)
          expect(written).toEqual({
            sizeBytes: expected.length,
            digest: `sha256:${createHash('sha256').update(expected).digest('hex')}`,
          })
        }
      })

    it(`reads its files: ${reference.case}`, async () => {
      writeFileSync(path, Buffer.from(reference.file, 'base64'))
      const { metadata, tensors } = await readSafetensors(path, context)
      expect(metadata).toEqual(reference.metadata ?? {})
      const byName = (tensor: { name: string }) => [tensor.name, tensor] as const
      const plain = tensors.map((tensor) => ({ ...tensor, data: Buffer.from(tensor.data).toString('base64') }))
      expect(new Map(plain.map(byName))).toEqual(new Map(reference.tensors.map(byName)))
    })
  }

  it('keeps a tensor and a metadata key called __proto__', async () => {
    const path = join(folder, 'proto.safetensors')
    const metadata = JSON.parse('{"__proto__":"kept"}') as Record<string, string>
    await writeSafetensors(path, [tensorOfFloat32('__proto__', [1], Float32Array.of(1))], { metadata }, context)
    const read = await readSafetensors(path, context)
    expect(Object.entries(read.metadata)).toEqual([['__proto__', 'kept']])
    expect(read.tensors.map(({ name }) => name)).toEqual(['__proto__'])
  })
})

describe('tensors', () => {
  it('gives back what was written', async () => {
    const path = join(folder, 'property.safetensors')
    const tensor = fc.record({
      name: fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
      values: fc.float32Array({ maxLength: 20 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(tensor, { selector: ({ name }) => name, maxLength: 6 }),
        fc.dictionary(fc.string(), fc.string()),
        async (given, metadata) => {
          const tensors = given.map(({ name, values }) => tensorOfFloat32(name, [values.length], values))
          await writeSafetensors(path, tensors, { metadata }, context)
          const read = await readSafetensors(path, context)
          expect({ ...read.metadata }).toEqual({ ...metadata })
          const values = new Map(read.tensors.map((found) => [found.name, float32Of(found)]))
          expect(values).toEqual(new Map(given.map((one) => [one.name, one.values])))
        },
      ),
      { numRuns: rounds(60) },
    )
  })

  it('copies floats from data that is not aligned, and shares no memory', () => {
    const backing = new Uint8Array(13)
    new DataView(backing.buffer).setFloat32(5, 1.5, true)
    const tensor: Tensor = { name: 'x', dtype: 'F32', shape: [2], data: backing.subarray(5) }
    const values = float32Of(tensor)
    backing.fill(255)
    expect(values).toEqual(Float32Array.of(1.5, 0))
    const source = Float32Array.of(0, 1, 2)
    const made = tensorOfFloat32('x', [2], source.subarray(1))
    source.fill(9)
    expect(float32Of(made)).toEqual(Float32Array.of(1, 2))
  })

  it('refuses values that do not fill the shape, and a dtype that is not F32', () => {
    expect(() => tensorOfFloat32('x', [2, 2], new Float32Array(3))).toThrow('3 values do not match the shape [2, 2]')
    expect(() => float32Of({ name: 'x', dtype: 'F16', shape: [1], data: new Uint8Array(2) })).toThrow('dtype is F16')
  })
})

describe('the writer', () => {
  const one = tensorOfFloat32('x', [1], Float32Array.of(1))
  const refused: readonly [string, readonly Tensor[]][] = [
    ['it appears twice', [one, one]],
    ['the format reserves this name', [{ ...one, name: '__metadata__' }]],
    ['lone surrogate', [{ ...one, name: '\ud800' }]],
    ['is not a dtype', [{ ...one, dtype: 'F128' as Dtype }]],
    ['its shape contains -1', [{ ...one, shape: [-1] }]],
    ['its shape contains 0.5', [{ ...one, shape: [0.5] }]],
    ['its shape needs 8', [{ ...one, shape: [2] }]],
    ['above 2^53 - 1', [{ ...one, shape: [2 ** 40, 2 ** 40] }]],
    ['ends inside a byte', [{ ...one, dtype: 'F4', shape: [9] }]],
  ]
  for (const [fact, tensors] of refused)
    it(`refuses: ${fact}`, async () => {
      const path = join(folder, 'refused.safetensors')
      const error = await rejection(writeSafetensors(path, tensors, {}, context))
      expect(error.code).toBe('invalid-options')
      expect(error.message).toContain(fact)
      expect(existsSync(path)).toBe(false)
    })

  it('says in the metadata that the layout is that of PyTorch, unless told otherwise', async () => {
    const path = join(folder, 'default.safetensors')
    await writeSafetensors(path, [one], {}, context)
    expect((await readSafetensorsHeader(path, context)).metadata).toEqual({ format: 'pt' })
  })

  it('replaces a file whole or not at all, and leaves nothing else behind', async () => {
    const target = temporaryFolder()
    const path = join(target, 'model.safetensors')
    await writeSafetensors(path, [one], {}, context)
    const before = readFileSync(path)
    const abort = new AbortController()
    const large = { name: 'large', dtype: 'U8', shape: [40 << 20], data: new Uint8Array(40 << 20) } as const
    const writing = writeSafetensors(path, [large], {}, callContext({ signal: abort.signal }))
    abort.abort('enough')
    await expect(writing).rejects.toBe('enough')
    expect(readFileSync(path)).toEqual(before)
    expect(readdirSync(target)).toEqual(['model.safetensors'])
  })

  it('says storage-failed where there is no folder', async () => {
    const error = await rejection(writeSafetensors(join(folder, 'absent', 'x.safetensors'), [one], {}, context))
    expect(error.code).toBe('storage-failed')
  })

  it('starts nothing once aborted', async () => {
    const aborted = callContext({ signal: AbortSignal.abort('stop') })
    const path = join(folder, 'aborted.safetensors')
    await expect(writeSafetensors(path, [one], {}, aborted)).rejects.toBe('stop')
    await expect(readSafetensors(path, aborted)).rejects.toBe('stop')
    await expect(readSafetensorsHeader(path, aborted)).rejects.toBe('stop')
    expect(existsSync(path)).toBe(false)
  })
})
