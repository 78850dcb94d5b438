import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { readBytes } from '../../src/dataset/sources/read-bytes.js'
import { askPython } from './python.js'

type Sample = Readonly<Record<string, unknown>>

const folder = mkdtempSync(join(tmpdir(), 'sheikh-interop-'))
afterAll(() => rmSync(folder, { recursive: true }))

it('reads what pyarrow, polars and DuckDB write, with every codec, page version and encoding', async () => {
  const expected = askPython('parquet.py', { folder }) as readonly Sample[]
  const files = readdirSync(folder)
  expect(files.length).toBe(15)
  for (const file of files) {
    let index = 0
    for await (const batch of readBytes(file, readFileSync(join(folder, file))))
      for (const { value, problem } of batch) {
        const found = value as Sample
        const row = Object.fromEntries(Object.keys(found).map((name) => [name, expected[index]![name]]))
        expect({ file, index, problem, ...found }).toEqual({ file, index, problem: undefined, ...row })
        index += 1
      }
    expect(index).toBe(expected.length)
  }
})
