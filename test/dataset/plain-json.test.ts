// A small file that begins as JSON is read in one step. Here it has the samples and the problems of all other ways to read it.
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { sampleFiles, samplesOf } from '../../src/dataset/index.js'
import { readBytes } from '../../src/dataset/sources/read-bytes.js'
import { sampleBatches } from '../../src/dataset/sources/sample-batches.js'
import { rounds } from '../whole.js'
import { folderWith } from './temporary.js'

const context = callContext()
const text = '{"id":"a","text":"Grüße"}'
const long = `[${Array.from({ length: 3_000 }, (_, index) => `{"id":${index},"text":"${'x'.repeat(40)}"}`).join()}]`
const contents: Readonly<Record<string, string | Uint8Array>> = {
  'a sample': text,
  'a list': `[${text},${text}]`,
  'a list longer than a batch': `[${'0,'.repeat(2_500)}0]`,
  'a list longer than a chunk': long,
  'an empty list': '[]',
  'white space before it': ` \n${text}`,
  'a byte order mark': `\uFEFF${text}`,
  'UTF-16 with a mark': Buffer.from(`\uFEFF${text}`, 'utf16le'),
  'UTF-16 without a mark': Buffer.from(text, 'utf16le'),
  'Latin-1': Buffer.from(text, 'latin1'),
  gzip: gzipSync(text),
  'no content': '',
  'one byte': '{',
  'a zero': '{\0',
  'an error in it': '{"id":1,\n"text":}',
  'content after it': '{}\n{}',
  'an inexact number': '[{"n":12345678901234567890}]',
  'a pointer of Git LFS': 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n',
}

/** Samples, or the problem. */
const outcome = async (read: () => Promise<unknown>) =>
  read().catch(({ code, message, facts }: { code: string; message: string; facts: unknown }) => ({
    code,
    message,
    facts,
  }))

async function compare(content: string | Uint8Array) {
  const folder = await folderWith({ 'a.json': content })
  const [entry] = await sampleFiles(folder).list(context)
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  const plain = { path: 'a.json', read: () => readBytes('a.json', bytes) }
  expect(await outcome(() => samplesOf(entry!, context))).toEqual(await outcome(() => samplesOf(plain, context)))
}

it.each(Object.keys(contents))('%s', (name) => compare(contents[name]!))

it('any content', async () => {
  const start = fc.constantFrom('{', '[', '')
  await fc.assert(
    fc.asyncProperty(start, fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array(), fc.json()), (first, rest) =>
      compare(Buffer.concat([Buffer.from(first), typeof rest === 'string' ? Buffer.from(rest) : rest])),
    ),
    { numRuns: rounds(100) },
  )
})

it('is not read after an abort', async () => {
  const [entry] = await sampleFiles(await folderWith({ 'a.json': text })).list(context)
  const aborted = callContext({ signal: AbortSignal.abort(new Error('enough')) })
  const read = async () => {
    for await (const _ of sampleBatches(entry!, aborted));
  }
  await expect(read()).rejects.toThrow('enough')
})
