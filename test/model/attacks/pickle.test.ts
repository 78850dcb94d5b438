import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { findUnsafeContent } from '../../../src/model/find-unsafe-content.js'
import { pickleScan } from '../../../src/model/pickle-scan.js'
import { rounds } from '../../whole.js'
import { temporaryFolder } from '../files.js'

const context = callContext()
const path = join(temporaryFolder(), 'model.safetensors')
const reference = JSON.parse(readFileSync(new URL('../reference/pickles.json', import.meta.url), 'utf8')) as {
  refused: Record<string, string>
  accepted: Record<string, string>
}
const unpacked = (packed: string) => inflateSync(Buffer.from(packed, 'base64'))

const facts: Readonly<Record<string, string>> = {
  'protocol-2': 'is a Python pickle (protocol 2)',
  'protocol-5': 'is a Python pickle (protocol 5)',
  'code-protocol-0': 'is a Python pickle that calls code',
  'code-protocol-1': 'is a Python pickle that calls code',
  'torch-legacy': 'is a legacy PyTorch file, a Python pickle',
  'torch-zip': 'is a zip archive whose entry "archive/data.pkl" is a Python pickle (protocol 2)',
  'torch-zip64': 'is a zip archive whose entry "archive/data.pkl" is a Python pickle (protocol 2)',
  'zip-deflated': 'is a zip archive whose entry "weights" is a Python pickle (protocol 2)',
  'zip-bzip2': 'is a zip archive whose entry "weights" cannot be checked',
  'zip-behind-other-bytes': 'is a zip archive whose entry "weights" is a Python pickle (protocol 2)',
  'zip-cut-short': 'is a zip archive whose entries cannot be checked',
  'npy-objects': 'is a NumPy array of Python objects, a pickle',
  'npz-objects': 'is a zip archive whose entry "b.npy" is a NumPy array of Python objects, a pickle',
  gzip: 'is a Python pickle (protocol 2), compressed',
}

describe('a pickle under the name of a safetensors file', () => {
  for (const [name, packed] of Object.entries(reference.refused))
    it(`is found: ${name}`, async () => {
      writeFileSync(path, unpacked(packed))
      const found = await findUnsafeContent(path, context)
      expect(found).toMatch(/pickle|cannot be checked/)
      if (name in facts) expect(found).toBe(facts[name])
    })

  it('is found however the bytes are cut into pieces', () => {
    const streams = Object.entries(reference.refused).filter(([name]) => /^(protocol|code|bytes)/.test(name))
    for (const [, packed] of streams) {
      const bytes = unpacked(packed)
      const scan = pickleScan()
      for (const byte of bytes) scan.feed(Uint8Array.of(byte))
      expect(scan.feed(new Uint8Array()).kind).toBe('pickle')
    }
  })
})

describe('what is not a pickle', () => {
  for (const [name, packed] of Object.entries(reference.accepted))
    it(`is left alone: ${name}`, async () => {
      writeFileSync(path, unpacked(packed))
      expect(await findUnsafeContent(path, context)).toBeUndefined()
    })

  it('is left alone: lines of words, JSON and bytes at random, which end in no error either', async () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcdeiopRStVIF(.)0123'), minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc
            .array(fc.string({ unit: fc.constantFrom(...'abcdefghiklmnoprstuvRSTNPIVFLc'), minLength: 1 }))
            .map((words) => words.join('\n')),
          fc.json(),
        ),
        async (text) => {
          writeFileSync(path, text)
          expect(await findUnsafeContent(path, context)).toBeUndefined()
        },
      ),
      { numRuns: rounds(300) },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.array(word).map((words) => Buffer.from(words.join('\n'))),
        ),
        async (bytes) => {
          writeFileSync(path, bytes)
          await findUnsafeContent(path, context)
          for (const head of ['PK\x03\x04', '\x93NUMPY\x01\x00', '\x1f\x8b', 'x\x9c', '\x80\x04']) {
            writeFileSync(
              path,
              Buffer.concat([Buffer.from(head, 'latin1'), bytes, Buffer.from('PK\x05\x06', 'latin1'), bytes]),
            )
            await findUnsafeContent(path, context)
          }
        },
      ),
      { numRuns: rounds(150) },
    )
  })

  it('stops when aborted', async () => {
    const aborted = callContext({ signal: AbortSignal.abort('stop') })
    await expect(findUnsafeContent(path, aborted)).rejects.toBe('stop')
  })
})
