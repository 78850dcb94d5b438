import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { itInFull } from '../in-full.js'
import { temporaryFolder, write } from './harness.js'
import { project, sample } from './project.js'

const settings = (samples: string) =>
  `samples: ${samples}\nvalidation: { schema_path: dataset/schemas/sample.json }\nprojection: { id: id, input: text, target: label }\n`

const rows = (start: number, end: number) => Array.from({ length: end - start }, (_, index) => sample(start + index))

function parquet(start: number, end: number): Uint8Array {
  const all = rows(start, end)
  const column = (name: 'id' | 'text' | 'label') => ({
    name,
    data: all.map((row) => row[name]),
    type: 'STRING' as const,
  })
  return new Uint8Array(parquetWriteBuffer({ columnData: [column('id'), column('text'), column('label')] }))
}

const packed = (start: number, end: number) =>
  new Uint8Array(
    gzipSync(
      rows(start, end)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    ),
  )

describe('samples of dataset/config.yaml', () => {
  itInFull('are read from Parquet and gzip in another folder, by validate and run; a change is seen', async () => {
    const { repository, root, put, commit } = await project({
      'dataset/config.yaml': settings('[data/**/*.parquet, data/more/*.jsonl.gz]'),
      'data/2024/a.parquet': parquet(0, 30),
      'data/more/b.jsonl.gz': packed(30, 50),
      'data/notes.txt': 'no samples',
      'data/other.jsonl': '{"id":"not matched"}\n',
    })
    const { counts, warnings } = await repository.validate()
    expect([counts.training + counts.evaluation, warnings]).toEqual([50, []])
    const run = async () => (await repository.pipeline()).run()
    expect((await run()).status).toBe('released')
    expect((await run()).status).toBe('up-to-date')
    put('data/more/b.jsonl.gz', packed(30, 51))
    await expect(repository.review('HEAD')).rejects.toMatchObject({
      code: 'repository-dirty',
      message: expect.stringContaining('data/more/b.jsonl.gz'),
    })
    await commit()
    expect((await repository.validate()).counts.rows).toBe(51)
    await repository.review('HEAD')
    symlinkSync(join(root, 'dataset/samples'), join(root, 'data/link'))
    await expect(repository.validate()).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  it('behind a link are refused', async () => {
    const { repository, root } = await project({}, { pin: false })
    write(root, 'dataset/config.yaml', settings('data/**'))
    symlinkSync(join(root, 'dataset/samples'), join(root, 'data'))
    await expect(repository.validate()).rejects.toMatchObject({ code: 'invalid-config' })
  })

  it.each([
    ['data/**/*.parquet', { directory: 'data', pattern: '**/*.parquet' }],
    ['./data/mails', { directory: 'data/mails' }],
    ['data/mails.jsonl.gz', { directory: 'data', pattern: 'mails.jsonl.gz' }],
    ['[data/a/*.csv, data/b]', { directory: 'data', pattern: '{a/*.csv,b/**}' }],
    ['[data/a, data/**]', { directory: 'data' }],
    ['dataset/train/{x,y}/*.json', { directory: 'dataset/train', pattern: '{x,y}/*.json' }],
    ['[a/b/c/x.csv, a/b/c/y.csv]', { directory: 'a/b/c', pattern: '{x.csv,y.csv}' }],
  ])('%s', async (samples, expected) => {
    const root = temporaryFolder()
    write(root, 'dataset/config.yaml', `samples: ${samples}\n`)
    expect((await loadConfiguration(root, callContext())).dataset.samples).toEqual(expected)
  })

  it.each([
    ['../data/**', /leads out of its folder/],
    ['data/{a,../b}/*.csv', /leads out of its folder/],
    ['/data/*.csv', /not a path or a glob relative to the project/],
    ['~/data/*.csv', /not a path or a glob relative to the project/],
    ['"C:\\\\data"', /not a path or a glob relative to the project/],
    ['"**/*.csv"', /does not begin with a folder/],
    ['"*.csv"', /does not begin with a folder/],
    ['"{data,more}/x.csv"', /does not begin with a folder/],
    ['node_modules/**', /contains no samples/],
    ['data/.cache/*.csv', /begins with a dot/],
    ['dataset/**', /also contains other files/],
    ['dataset/schemas/**', /also contains other files/],
    ['[data/*.csv, more/*.csv]', /no folder in common/],
    ['"data/{a"', /braces closed/],
    ['[]', /samples/],
    ['7', /samples/],
  ])('%s is refused', async (samples, message) => {
    const root = temporaryFolder()
    write(root, 'dataset/config.yaml', `samples: ${samples}\n`)
    await expect(loadConfiguration(root, callContext())).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(message),
      facts: expect.objectContaining({ file: 'dataset/config.yaml', line: 1 }),
    })
  })
})
