import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { checkFormat } from '../../src/model/check-format.js'
import { temporaryFolder } from './files.js'

const folder = temporaryFolder()
const check = (name: string, content: Uint8Array) => {
  writeFileSync(join(folder, name), content)
  return checkFormat(join(folder, name), callContext())
}

/** A length-delimited field of Protocol Buffers, of less than 128 bytes. */
const field = (number: number, content: Uint8Array) =>
  Buffer.concat([Uint8Array.of(number * 8 + 2, content.length), content])
const graph = field(7, Buffer.concat([field(1, Buffer.from([0x22, 3, 65, 100, 100])), field(2, Buffer.from('graph'))]))
const onnx = Buffer.concat([Uint8Array.of(8, 8), graph, field(8, Uint8Array.of(0x10, 13))])

const count = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const text = (value: string) => Buffer.concat([count(value.length), Buffer.from(value)])
const uint32 = (value: number) => Buffer.from(Uint32Array.of(value).buffer)
const ggufHeader = Buffer.concat([
  Buffer.from('GGUF'),
  ...[uint32(3), count(1), count(2)],
  ...[text('general.architecture'), uint32(8), text('llama')],
  ...[text('tokens'), uint32(9), uint32(8), count(2), text('a'), text('b')],
  ...[text('weight'), uint32(1), count(4), uint32(0), count(0)],
])
const gguf = Buffer.concat([ggufHeader, Buffer.alloc((32 - (ggufHeader.length % 32)) % 32), Buffer.alloc(16)])

describe('the format of a file', () => {
  it('is recognised by its content', async () => {
    expect(await check('model.onnx', onnx)).toEqual({ format: 'ONNX' })
    expect(await check('weights.dat', gguf)).toEqual({ format: 'GGUF' })
    expect(await check('a.dat', Buffer.from('\x93NUMPY\x01\0', 'latin1'))).toEqual({ format: 'NumPy' })
    expect(await check('b.dat', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'))).toEqual({ format: 'HDF5' })
    expect(await check('tree.json', Buffer.from('{"root":{"split":1}}'))).toEqual({ format: 'JSON' })
    expect(await check('vocabulary.txt', Buffer.from('cat\ndog'))).toEqual({})
    expect(await check('tokenizer.json', Buffer.from('{"model":{}}'))).toEqual({})
  })

  it('is refused when a part of an ONNX model is missing', async () => {
    for (let length = 0; length < onnx.length; length += 1)
      expect((await check('model.onnx', onnx.subarray(0, length))).problem).toMatch(/ONNX model/)
    expect((await check('model.onnx', Buffer.from('not a model'))).problem).toMatch(/ONNX model/)
    const empty = Buffer.concat([Uint8Array.of(8, 8), field(7, Uint8Array.of()), field(8, Uint8Array.of(0x10, 13))])
    expect((await check('model.onnx', empty)).problem).toMatch(/graph is empty/)
  })

  it('is refused when a part of a GGUF model is missing', async () => {
    for (const length of [4, 20, 60, ggufHeader.length - 1, ggufHeader.length])
      expect((await check('model.gguf', gguf.subarray(0, length))).problem).toMatch(/damaged|truncated/)
    const old = Buffer.from(gguf)
    old.writeUInt32LE(1, 4)
    expect((await check('model.gguf', old)).problem).toMatch(/version 1/)
  })
})
