import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { readSafetensors } from '../../../src/model/safetensors.js'
import { maximumHeaderBytes, readSafetensorsHeader } from '../../../src/model/safetensors-header.js'
import { rawFile, rejection, temporaryFolder } from '../files.js'

const context = callContext()
const folder = temporaryFolder()
const path = join(folder, 'model.safetensors')
const tensor = (name: string, begin: number, end: number, shape = `[${end - begin}]`, dtype = 'U8') =>
  `"${name}":{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`
const four = new Uint8Array(4)

function claiming(headerBytes: bigint): Buffer {
  const file = rawFile('{}')
  file.writeBigUInt64LE(headerBytes)
  return file
}

const attacks: readonly [fact: string, file: Uint8Array][] = [
  ['it has 0 bytes', new Uint8Array()],
  ['it has 7 bytes', new Uint8Array(7)],
  ['its header claims 3 bytes, but the file has 10', claiming(3n)],
  ['its header claims 2147483648 bytes, but the limit is 100000000', claiming(1n << 31n)],
  ['its header claims 18446744073709551615 bytes', claiming((1n << 64n) - 1n)],
  ['its header claims 99999999 bytes, but the file has 10', claiming(99_999_999n)],
  ['does not start with "{"', claiming(0n)],
  ['does not start with "{"', rawFile('\u00a0{}')],
  ['does not start with "{"', rawFile('   ')],
  ['does not start with "{"', rawFile('\ufeff{}')],
  ['does not start with "{"', rawFile('[]')],
  ['is not UTF-8', rawFile(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))],
  ['no ":" at character 4', rawFile('{"a"}')],
  ['no """ at character 2', rawFile('{ ')],
  ['no """ at character 1', rawFile('{')],
  ['no "}" at character 21', rawFile('{"__metadata__":{}   ')],
  ['a string is not closed', rawFile('{"a')],
  ['a string is not closed', rawFile('{"a\\')],
  ['a string is not closed', rawFile('{"a\n":1}')],
  ['an invalid escape', rawFile('{"\\x41":1}')],
  ['a lone surrogate', rawFile('{"\\ud800":1}')],
  ['something other than white space follows', rawFile('{}\v')],
  ['something other than white space follows', rawFile('{}\0')],
  ['something other than white space follows', rawFile('{} {}')],
  ['the key "a" appears twice in the header', rawFile(`{${tensor('a', 0, 4)},${tensor('a', 0, 4)}}`, four)],
  ['the key "a" appears twice in the header', rawFile(`{${tensor('a', 0, 4)},${tensor('\\u0061', 0, 4)}}`, four)],
  ['the key "__metadata__" appears twice', rawFile('{"__metadata__":{},"__metadata__":{}}')],
  ['the key "k" appears twice in __metadata__', rawFile('{"__metadata__":{"k":"1","k":"2"}}')],
  ['appears twice in tensor "a"', rawFile('{"a":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}')],
  ['something other than a string under "k"', rawFile('{"__metadata__":{"k":1}}')],
  ['appears twice in the header', rawFile('{"__metadata__":{},"__metadata__":null}')],
  ['something other than a string under "k"', rawFile('{"__metadata__":{"k":null}}')],
  ['no "{"', rawFile('{"__metadata__":nul}')],
  ['no "{"', rawFile('{"a":null}')],
  ['no "{"', rawFile('{"a":[]}')],
  ['has an unknown key "extra"', rawFile('{"a":{"extra":1}}')],
  ['lacks dtype, shape or data_offsets', rawFile('{"a":{"dtype":"U8","shape":[]}}')],
  ['has the unknown dtype "U9"', rawFile(`{${tensor('a', 0, 4, '[4]', 'U9')}}`, four)],
  ['has the unknown dtype "toString"', rawFile(`{${tensor('a', 0, 4, '[4]', 'toString')}}`, four)],
  ['no """', rawFile('{"a":{"dtype":4,"shape":[],"data_offsets":[0,1]}}')],
  ['a size in the shape of tensor "a" is not a plain integer', rawFile(`{${tensor('a', 0, 4, '[-4]')}}`, four)],
  ['a size in the shape of tensor "a" is not a plain integer', rawFile(`{${tensor('a', 0, 4, '[4.0]')}}`, four)],
  ['a size in the shape of tensor "a" is not a plain integer', rawFile(`{${tensor('a', 0, 4, '[4e0]')}}`, four)],
  ['a size in the shape of tensor "a" is not a plain integer', rawFile(`{${tensor('a', 0, 4, '[04]')}}`, four)],
  ['a size in the shape of tensor "a" is not a plain integer', rawFile(`{${tensor('a', 0, 4, '["4"]')}}`, four)],
  ['a size in the shape of tensor "a" is not a plain integer', rawFile(`{${tensor('a', 0, 4, '[4,]')}}`, four)],
  ['is above 2^53 - 1', rawFile(`{${tensor('a', 0, 4, '[9007199254740992]')}}`, four)],
  ['is not a plain integer', rawFile(`{${tensor('a', 0, 4, '[18446744073709551616]')}}`, four)],
  ['whose product is above 2^53 - 1', rawFile(`{${tensor('a', 0, 4, '[4294967296,4294967296,4]')}}`, four)],
  ['whose product is above', rawFile(`{${tensor('a', 0, 0, '[9007199254740991,9007199254740991,0]')}}`)],
  ['more than 2^53 - 1 bits', rawFile(`{${tensor('a', 0, 4, '[9007199254740991]')}}`, four)],
  ['ends inside a byte', rawFile(`{${tensor('a', 0, 4, '[7]', 'F4')}}`, four)],
  ['has 4 bytes of data, but its shape needs 3', rawFile(`{${tensor('a', 0, 4, '[3]')}}`, four)],
  ['has 4 bytes of data, but its shape needs 20', rawFile(`{${tensor('a', 0, 4, '[5]', 'F32')}}`, four)],
  ['not a begin and an end', rawFile('{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}}', four)],
  ['not a begin and an end', rawFile('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0]}}', four)],
  ['not a begin and an end', rawFile('{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}}', four)],
  ['"b" overlaps the one before it by 2 bytes', rawFile(`{${tensor('a', 0, 3)},${tensor('b', 1, 4)}}`, four)],
  ['"b" overlaps the one before it by 4 bytes', rawFile(`{${tensor('a', 0, 4)},${tensor('b', 0, 4)}}`, four)],
  ['1 bytes before tensor "b" belong to no tensor', rawFile(`{${tensor('a', 0, 2)},${tensor('b', 3, 4)}}`, four)],
  ['1 bytes before tensor "a" belong to no tensor', rawFile(`{${tensor('a', 1, 4)}}`, four)],
  ['1 bytes at its end belong to no tensor', rawFile(`{${tensor('a', 0, 3)}}`, four)],
  ['4 bytes at its end belong to no tensor', rawFile('{}', four)],
  ['its tensors need', rawFile(`{${tensor('a', 0, 5)}}`, four)],
  ['its tensors need 1000000000', rawFile(`{${tensor('a', 0, 1e12)}}`, four)],
]

describe('a header that is not sound', () => {
  for (const [index, [fact, file]] of attacks.entries())
    it(`is refused (${index}): ${fact}`, async () => {
      writeFileSync(path, file)
      for (const read of [readSafetensorsHeader, readSafetensors]) {
        const error = await rejection(read(path, context))
        expect(error.code).toBe('artifact-corrupt')
        expect(error.message).toContain(path)
        expect(error.message).toContain(fact)
        expect(error.message).toMatch(/^[^\n]{1,500}\.$/)
      }
    })

  for (const header of [' {}', '\r\n\t {}', '{}\n', '{}\r \t\n', '{"__metadata__":null}', '{"__metadata__": null }'])
    it(`is accepted as Python accepts it: ${JSON.stringify(header)}`, async () => {
      writeFileSync(path, rawFile(header))
      expect(await readSafetensors(path, context)).toEqual({ metadata: {}, tensors: [] })
    })

  it('never quotes a name at length', async () => {
    writeFileSync(path, rawFile(`{"${'n'.repeat(1_000_000)}":{"x":1}}`))
    expect((await rejection(readSafetensorsHeader(path, context))).message.length).toBeLessThan(400)
  })

  it('is held to a lower limit where one is set, and never to a higher one', async () => {
    writeFileSync(path, rawFile(`{}${' '.repeat(100)}`))
    expect((await readSafetensorsHeader(path, context)).tensors).toEqual([])
    const error = await rejection(readSafetensorsHeader(path, context, { maximumHeaderBytes: 100 }))
    expect(error.message).toContain('its header claims 102 bytes, but the limit is 100')
    writeFileSync(path, claiming(BigInt(maximumHeaderBytes + 1)))
    const higher = await rejection(readSafetensorsHeader(path, context, { maximumHeaderBytes: 1e12 }))
    expect(higher.message).toContain('but the limit is 100000000')
  })

  it('costs no memory by nesting', async () => {
    writeFileSync(path, rawFile(`{"a":${'['.repeat(20_000_000)}`))
    expect((await rejection(readSafetensorsHeader(path, context))).message).toContain('no "{"')
  })
})

describe('what is not a plain file', () => {
  it('is refused: a link, a folder, and a pipe that nobody writes to', async () => {
    const target = join(folder, 'target.safetensors')
    writeFileSync(target, rawFile('{}'))
    const link = join(folder, 'link.safetensors')
    symlinkSync(target, link)
    const directory = join(folder, 'folder.safetensors')
    mkdirSync(directory)
    const pipe = join(folder, 'pipe.safetensors')
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0)
    for (const odd of [link, directory, pipe]) {
      const error = await rejection(readSafetensors(odd, context))
      expect(error.code).toBe('artifact-corrupt')
      expect(error.message).toContain('not a plain file')
    }
  })

  it('is not-found where there is nothing', async () => {
    expect((await rejection(readSafetensors(join(folder, 'absent'), context))).code).toBe('not-found')
  })
})
