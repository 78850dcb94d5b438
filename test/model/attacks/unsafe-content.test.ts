import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { findUnsafeContent } from '../../../src/model/find-unsafe-content.js'
import { temporaryFolder } from '../files.js'

const path = join(mkdtempSync(join(temporaryFolder(), 'unsafe-')), 'vocabulary.txt')
const unsafe = (content: Uint8Array) => {
  writeFileSync(path, content)
  return findUnsafeContent(path, callContext())
}

const pickle = Buffer.from('\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x03abc\x94.', 'latin1')
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const text = (content: string) => Buffer.from(content)

/** ustar, as Python's tarfile writes it. */
function tar(entries: Readonly<Record<string, Uint8Array>>): Buffer {
  const blocks = Object.entries(entries).flatMap(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('        0', 148)
    header.write('ustar\x0000', 257)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** One stored entry. */
function zip(name: string, content: Uint8Array): Buffer {
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50)
  local.writeUInt16LE(name.length, 26)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50)
  entry.writeUInt32LE(content.length, 20)
  entry.writeUInt32LE(content.length, 24)
  entry.writeUInt16LE(name.length, 28)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(46 + name.length, 12)
  end.writeUInt32LE(30 + name.length + content.length, 16)
  return Buffer.concat([local, text(name), content, entry, text(name), end])
}

const hdf5 = (content: string) => Buffer.concat([hex('89484446 0d0a1a0a'), Buffer.alloc(3000), text(content)])
const layer = (name: string) => `{"config": {"layers": [{"class_name": "${name}", "config": {}}]}}`

describe('content that is refused, whatever the name of the file', () => {
  const refused: readonly (readonly [what: string, content: Uint8Array, fact: RegExp])[] = [
    [
      'a pickle in tar',
      tar({ 'notes.txt': text('notes'), weights: pickle }),
      /tar archive whose entry "weights" .*pickle/,
    ],
    ['a pickle in tar.gz', gzipSync(tar({ weights: pickle })), /tar archive whose entry "weights" .*pickle/],
    ['a pickle compressed twice', gzipSync(deflateSync(pickle)), /pickle .*, compressed/],
    [
      'a pickle compressed ten times',
      Array.from({ length: 10 }).reduce<Buffer>((c) => gzipSync(c), pickle),
      /more than 4/,
    ],
    ['tar in tar', tar({ inner: tar({ weights: pickle }) }), /archive inside another/],
    ['gzip in tar', tar({ inner: gzipSync(pickle) }), /archive inside another/],
    ['zip in gzip', gzipSync(zip('weights', pickle)), /archive inside another/],
    ['zip in zip', zip('inner', zip('weights', pickle)), /archive inside another/],
    ['tar in zip', zip('inner', tar({ weights: pickle })), /archive inside another/],
    ['gzip in zip', zip('inner', gzipSync(pickle)), /entry "inner" is a Python pickle/],
    [
      'a tar archive whose second header is damaged',
      tar({ a: pickle.subarray(0, 1) }).fill('x', 1024, 1100),
      /cannot be checked/,
    ],
    ['a tar archive that begins like zlib', tar({ 'x\x01': pickle }), /tar archive whose entry/],
    ['bzip2', hex('425a6839 314159265359'), /compressed with bzip2/],
    ['xz', hex('fd377a585a00 0004'), /compressed with xz/],
    ['lzma', hex('5d 00008000 ffffffffffffffff 00 40 19 00 00'), /compressed with lzma/],
    ['lzma of a known size', hex('5d 00001000 2000000000000000 00 40 19 00 00'), /compressed with lzma/],
    ['zstd', hex('28b52ffd 0458'), /compressed with zstd/],
    ['zstd behind a skippable frame', hex('5e2a4d18 00000000 28b52ffd'), /compressed with zstd/],
    ['lz4', hex('04224d18 64'), /compressed with lz4/],
    ['7z', hex('377abcaf271c'), /compressed with 7z/],
    ['xz in gzip', gzipSync(hex('fd377a585a00 0004')), /compressed with xz/],
    ['a Lambda layer in HDF5', hdf5(layer('Lambda')), /Lambda layer/],
    [
      'a Lambda layer in HDF5 behind a block of the user',
      Buffer.concat([Buffer.alloc(512), hdf5(layer('Lambda'))]),
      /Lambda layer/,
    ],
    ['a Lambda layer in .keras', zip('config.json', text(layer('Lambda'))), /Lambda layer/],
    ['a registered Lambda layer', text(layer('custom>Lambda')), /Lambda layer/],
    ['a Lambda layer spelt by escapes', hdf5(layer('\\u004cambda')), /Lambda layer/],
    ['a serialized lambda of Keras 3', zip('config.json', text(layer('__lambda__'))), /Lambda layer/],
    ['a Lambda layer across two pieces', hdf5(`${' '.repeat((1 << 20) - 3060)}${layer('Lambda')}`), /Lambda layer/],
  ]
  for (const [what, content, fact] of refused) it(what, async () => expect(await unsafe(content)).toMatch(fact))
})

describe('content that is accepted', () => {
  const accepted: readonly (readonly [what: string, content: Uint8Array])[] = [
    ['an empty file', new Uint8Array()],
    ['text', text('xylophone\nBZ is not a magic number\n')],
    ['a tar archive of text', tar({ 'a.txt': text('a'), 'b.txt': Buffer.alloc(512, 'b'), 'c.txt': new Uint8Array() })],
    ['a compressed text', gzipSync(text('text'.repeat(100_000)))],
    ['a compressed archive of text', gzipSync(tar({ 'a.txt': text('a') }))],
    ['a Keras model without code', hdf5(layer('Dense'))],
    ['a layer of TensorFlow operations', zip('config.json', text(layer('TFOpLambda')))],
    ['a document about Lambda layers', text(`Do not use ${layer('Lambda')}.`)],
    ['zeros', Buffer.alloc(4096)],
    ['float32 values', Buffer.from(Float32Array.from({ length: 1000 }, (_, index) => index / 7).buffer)],
  ]
  for (const [what, content] of accepted) it(what, async () => expect(await unsafe(content)).toBeUndefined())
})
