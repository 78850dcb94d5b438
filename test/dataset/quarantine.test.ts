import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { callContext, digestJson, isSheikhError } from '../../src/core/index.js'
import { Dataset, formatQuarantine, memorySamples, quarantineFile } from '../../src/dataset/index.js'
import { isWhole } from '../whole.js'

const context = callContext()
const digest = `sha256:${'0'.repeat(64)}` as const
const entry = (id: string) => ({ id, digest, kind: 'duplicate', reason: 'r' })
const folder = mkdtempSync(join(tmpdir(), 'sheikh-quarantine-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'quarantine.json')
const read = (content: string | Uint8Array) => {
  writeFileSync(path, content)
  return quarantineFile(path).read(context)
}

it('a list of any shape is read, or refused with an error that names the file', async () => {
  const part = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(1, '1', null, digest, 'sha256:0', '__proto__', [], {}, [null], [entry('a')], entry('a')),
  )
  const item = fc.record({ id: part, digest: part, kind: part, reason: part, by: part }, { requiredKeys: [] })
  const list = fc.record({ formatVersion: part, samples: fc.oneof(part, fc.array(item)) }, { requiredKeys: [] })
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.oneof(list, part).map((value) => JSON.stringify(value)),
        list.map((value) => JSON.stringify(value).slice(1)),
        fc.uint8Array(),
      ),
      async (content) => {
        try {
          for (const { id, digest } of await read(content))
            expect([typeof id, typeof digest]).toEqual(['string', 'string'])
        } catch (error) {
          expect(isSheikhError(error, 'dataset-invalid'), String(error)).toBe(true)
          expect(String(error)).toContain(path)
        }
      },
    ),
    { numRuns: isWhole ? 5_000 : 300 },
  )
})

it('ids that mean something to JavaScript are excluded like others', async () => {
  const ids = ['__proto__', 'constructor', 'toString', 'then', '']
  expect((await read(formatQuarantine(ids.map(entry)))).map(({ id }) => id)).toEqual([...ids].sort())
  const samples = [...ids.slice(0, 4), 'other'].map((id) => ({ id, text: `about ${id}`, label: 'a' }))
  const dataset = new Dataset({
    source: memorySamples(samples),
    input: 'text',
    target: 'label',
    quarantine: quarantineFile(path),
  })
  expect((await dataset.contents(context)).rows.map(({ id }) => id)).toEqual(['other'])
})

it('a list of all samples says so', async () => {
  await read(formatQuarantine([entry('a')]))
  const source = memorySamples([{ id: 'a', text: 'a', label: 'a' }])
  const dataset = new Dataset({ source, input: 'text', target: 'label', quarantine: quarantineFile(path) })
  await expect(dataset.contents(context)).rejects.toThrow('every sample (1) is quarantined')
})

it('a list of many samples can be read again', async () => {
  const count = isWhole ? 1_000_000 : 20_000
  const found = await read(formatQuarantine(Array.from({ length: count }, (_, index) => entry(`sample-${index}`))))
  expect(found).toHaveLength(count)
})

it.skipIf(process.platform === 'win32')('a folder and a pipe are refused', async () => {
  for (const make of ['mkdir', 'mkfifo']) {
    const other = join(folder, make)
    execFileSync(make, [other])
    await expect(quarantineFile(other).read(context)).rejects.toThrow('it is not a file')
  }
})

it('is read once for a summary, so that a list which changes meanwhile is in all of it or in none', async () => {
  const samples = ['a', 'b', 'c', 'd'].map((id) => ({ id, text: `about ${id}`, label: id < 'c' ? 'x' : 'y' }))
  let reads = 0
  const dataset = new Dataset({
    source: memorySamples(samples),
    input: 'text',
    target: 'label',
    evaluation: {
      name: 'pinned',
      read: async () => ({
        formatVersion: 2,
        salt: 's',
        purpose: 'p',
        share: 0.5,
        items: [{ id: 'd', digest: of('d') }],
      }),
    },
    quarantine: {
      name: 'changing',
      async read() {
        reads += 1
        return reads === 1 ? [] : [entry('a')]
      },
    },
  })
  function of(id: string) {
    return digestJson({ id, text: `about ${id}`, label: 'y' })
  }
  const { summary } = await dataset.snapshot(context)
  expect(summary.counts).toMatchObject({ rows: 4, training: 3 })
  expect(reads).toBe(1)
})
