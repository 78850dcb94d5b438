import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../../src/core/index.js'
import { readSafetensors } from '../../../src/model/safetensors.js'
import { findNonFinite } from '../../../src/model/safetensors-finite.js'
import { readSafetensorsHeader } from '../../../src/model/safetensors-header.js'
import { writeSafetensors } from '../../../src/model/safetensors-writer.js'
import { rounds } from '../../whole.js'
import { temporaryFolder } from '../files.js'

const context = callContext()
const path = join(temporaryFolder(), 'model.safetensors')
const { cases } = JSON.parse(readFileSync(new URL('../reference/safetensors.json', import.meta.url), 'utf8')) as {
  cases: { file: string }[]
}
const seeds = cases.map(({ file }) => Buffer.from(file, 'base64'))

type Edit = (file: Buffer) => Buffer
// Not fc.double: it draws over bit patterns, and nearly all of those are close to 0.
const at = fc.nat(999_999).map((millionths) => millionths / 1e6)
const placed = (share: number, file: Buffer) => Math.floor(share * file.length)
// Half of the edits aim at the header: that is where a file can lie.
const inHeader = (share: number, file: Buffer) => 8 + Math.floor(share * Number(file.readBigUInt64LE(0)))
const tokens = [...'"{}[],:-.e09\\ \0', 'null', '4294967296', 'F64', '\ud83d\ude00']

const harmful: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(at, fc.nat(255)).map(
    ([share, byte]): Edit =>
      (file) => {
        const copy = Buffer.from(file)
        copy[placed(share, file)] = byte
        return copy
      },
  ),
  fc.tuple(at, fc.constantFrom(...tokens), fc.nat(2)).map(
    ([share, token, removed]): Edit =>
      (file) => {
        const position = inHeader(share, file)
        return Buffer.concat([file.subarray(0, position), Buffer.from(token), file.subarray(position + removed)])
      },
  ),
  // As above, with a length that is right again: what follows is then about the JSON alone.
  fc.tuple(at, fc.constantFrom(...tokens), fc.nat(3)).map(
    ([share, token, removed]): Edit =>
      (file) => {
        const position = inHeader(share, file)
        const length = file.readBigUInt64LE(0)
        const copy = Buffer.concat([file.subarray(0, position), Buffer.from(token), file.subarray(position + removed)])
        copy.writeBigUInt64LE(BigInt.asUintN(64, length + BigInt(Buffer.byteLength(token) - removed)))
        return copy
      },
  ),
  at.map(
    (share): Edit =>
      (file) =>
        file.subarray(0, placed(share, file)),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 9 }).map(
    (rest): Edit =>
      (file) =>
        Buffer.concat([file, rest]),
  ),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(
    (length): Edit =>
      (file) => {
        const copy = Buffer.from(file)
        copy.writeBigUInt64LE(length)
        return copy
      },
  ),
  fc.tuple(at, fc.nat(9)).map(
    ([share, digit]): Edit =>
      (file) => {
        // Another digit in the place of one: shapes and offsets that are JSON and do not fit.
        const digits = [...file.keys()].filter((index) => index >= 8 && file[index]! >= 0x30 && file[index]! <= 0x39)
        const copy = Buffer.from(file)
        if (digits.length > 0) copy[digits[Math.floor(share * digits.length)]!] = 0x30 + digit
        return copy
      },
  ),
)

// What a file may hold as well: other data, and white space between tokens.
const harmless: fc.Arbitrary<Edit> = fc.oneof(
  fc.tuple(at, fc.nat(255)).map(
    ([share, byte]): Edit =>
      (file) => {
        const start = inHeader(1, file)
        const copy = Buffer.from(file)
        if (start < copy.length) copy[start + Math.floor(share * (copy.length - start))] = byte
        return copy
      },
  ),
  fc.tuple(at, fc.constantFrom(' ', '\n', '\r\n', '\t')).map(
    ([share, space]): Edit =>
      (file) => {
        const colons = [...file.subarray(0, inHeader(1, file)).keys()].filter(
          (index) => index >= 8 && file[index] === 0x3a,
        )
        const position = colons[Math.floor(share * colons.length)] ?? 8
        const copy = Buffer.concat([file.subarray(0, position), Buffer.from(space), file.subarray(position)])
        copy.writeBigUInt64LE(BigInt.asUintN(64, file.readBigUInt64LE(0) + BigInt(space.length)))
        return copy
      },
  ),
)
const edit = fc.oneof({ arbitrary: harmful, weight: 2 }, { arbitrary: harmless, weight: 1 })

async function readOrRefused(file: Uint8Array): Promise<boolean> {
  writeFileSync(path, file)
  try {
    const header = await readSafetensorsHeader(path, context)
    const { metadata, tensors } = await readSafetensors(path, context)
    await findNonFinite(path, header, context)
    const start = file.length - header.tensors.reduce((sum, { begin, end }) => sum + end - begin, 0)
    const said = JSON.parse(Buffer.from(file.subarray(8, start)).toString()) as Record<string, unknown>
    expect(Object.keys(said).filter((key) => key !== '__metadata__')).toHaveLength(tensors.length)
    for (const { name, dtype, shape, begin, end } of header.tensors)
      expect(said[name]).toEqual({ dtype, shape, data_offsets: [begin - start, end - start] })
    // Every byte of the data is in one tensor, in order; and what was read can be written and read again.
    const data = Buffer.concat(tensors.map((tensor) => tensor.data))
    expect(data.equals(file.subarray(file.length - data.length))).toBe(true)
    await writeSafetensors(path, tensors, { metadata }, context)
    const again = await readSafetensors(path, context)
    expect({ ...again.metadata }).toEqual({ ...metadata })
    const sorted = (list: typeof tensors) => [...list].sort((left, right) => (left.name < right.name ? -1 : 1))
    expect(sorted(again.tensors)).toEqual(sorted(tensors))
    return true
  } catch (error) {
    if (!isSheikhError(error, 'artifact-corrupt')) throw error
    expect(error.message).toContain(path)
    return false
  }
}

describe('a safetensors file that was tampered with', () => {
  it('reads as what it says, or is refused as corrupt: never another error', async () => {
    let refused = 0
    let read = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...seeds),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        async (seed, edits) => {
          const file = edits.reduce<Buffer>((bytes, apply) => (bytes.length < 8 ? bytes : apply(bytes)), seed)
          if (await readOrRefused(file)) read += 1
          else refused += 1
        },
      ),
      { numRuns: rounds(600), seed: 1 },
    )
    // Both happen: the edits are neither harmless nor all deadly at the first check.
    expect(read).toBeGreaterThan(rounds(20))
    expect(refused).toBeGreaterThan(rounds(200))
  })

  it('fails before memory is taken, whatever length it claims', async () => {
    const before = process.memoryUsage().arrayBuffers
    for (const claim of [10n, 25_000_000n, 100_000_000n, 1n << 31n, 1n << 32n, 1n << 53n, (1n << 64n) - 1n]) {
      const file = Buffer.alloc(16)
      file.writeBigUInt64LE(claim)
      expect(await readOrRefused(file)).toBe(false)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(5_000_000)
  })
})
