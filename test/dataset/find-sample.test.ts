import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, findSample, sampleFiles } from '../../src/dataset/index.js'
import { temporaryFolder, write } from '../repository/harness.js'

const bytes = (text: string) => Buffer.from(text)
const lines = (...values: readonly unknown[]) => bytes(`${values.map((value) => JSON.stringify(value)).join('\n')}\n`)
const place = async (path: string, content: Uint8Array, id: string, idField?: string) => {
  const { found } = await findSample(path, content, { id, idField })
  return found && [found.position, found.isAlone]
}

describe('finds a sample by its id', () => {
  it('in each format, and not in one that only mentions it', async () => {
    const mentions = [
      { id: 'a10', see: 'a1' },
      { id: 'b', text: '"id":"a1"' },
    ]
    expect(await place('x.json', bytes('{"id":"a1"}'), 'a1')).toEqual(['', true])
    expect(await place('x.json', bytes(JSON.stringify([...mentions, { id: 'a1' }])), 'a1')).toEqual(['[2]', false])
    expect(await place('x.jsonl', lines(...mentions, { id: 'a1' }), 'a1')).toEqual(['line 3', false])
    expect(await place('x.JSONL', lines(...mentions), 'a1')).toBeUndefined()
    expect(await place('x.csv', bytes('id,text\na10,a1\na1,"x\ny"\n'), 'a1')).toEqual(['line 3', false])
    expect(await place('x.tsv.gz', gzipSync('id\ttext\na1\tx\n'), 'a1')).toEqual(['line 2', true])
    expect(await place('x.jsonl', bytes('\r\n{"id":"a1"}\r\n\r\n'), 'a1')).toEqual(['line 2', true])
    expect(await place('x.txt', bytes('{"id":"a1"}'), 'a1')).toBeUndefined()
    expect(await place('x.jsonl', lines({ key: 'a1', id: 'b' }), 'a1', 'key')).toEqual(['line 1', true])
    expect(await place('x.jsonl', lines({ id: 12 }, { id: 123 }), '123')).toEqual(['line 2', false])
    expect(await place('x.jsonl', bytes('broken a1\n{"id":"a1"}'), 'a1')).toEqual(['line 2', false])
  })

  it('however the file escapes the id', async () => {
    const id = 'é/"\u001b\n🙂'
    const ascii = '"\\u00e9\\/\\"\\u001b\\n\\ud83d\\ude42"'
    expect(JSON.parse(ascii)).toBe(id)
    expect(await place('x.jsonl', bytes(`{"id":${ascii}}\n`), id)).toEqual(['line 1', true])
    expect(await place('x.jsonl', bytes('{"id":"\\u00E9\\u003C"}\n{"id":"b"}\n'), 'é<')).toEqual(['line 1', false])
    expect(await place('x.json', bytes('[{"id":"\\u0061\\u0031"}]'), 'a1')).toEqual(['[0]', true])
    expect(await place('x.jsonl', lines({ id }), id)).toEqual(['line 1', true])
    expect(await place('x.csv', bytes(`id\n"é/""\u001b\n🙂"\n`), id)).toEqual(['line 2', true])
    expect(await place('x.jsonl', Buffer.from(`\uFEFF{"id":"é"}`, 'utf16le'), 'é')).toEqual(['line 1', true])
  })

  it('that is empty', async () => {
    expect(await place('x.jsonl', lines({ id: 'a' }, { id: '' }), '')).toEqual(['line 2', false])
    expect(await place('x.jsonl', lines({ id: 'a' }), '')).toBeUndefined()
  })

  it('without an id of its own, as a dataset names it', async () => {
    const root = temporaryFolder()
    const files = { 'all/one.json': '{"text":"x"}', 'all/more.jsonl': '{"text":"y"}\n{"text":"z"}\n{"text":"y"}\n' }
    for (const [path, content] of Object.entries(files)) write(root, path, content)
    const { rows } = await new Dataset({ source: sampleFiles(root), input: 'text' }).contents(callContext())
    expect(rows).toHaveLength(4)
    for (const { id, path, position, sampleDigest } of rows) {
      const { found } = await findSample(path, bytes(files[path as keyof typeof files]), { id })
      expect(found).toMatchObject({ position, digest: sampleDigest })
    }
    expect(await place('all/other.json', bytes('{"text":"x"}'), 'all/one.json')).toBeUndefined()
  })

  it('says why a file cannot be read', async () => {
    const problem = async (path: string, content: Uint8Array) => (await findSample(path, content, { id: 'a1' })).problem
    expect(await problem('x.json', bytes('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'))).toContain(
      'Git LFS',
    )
    expect(await problem('x.json', bytes('{"id":"a1"'))).toBeDefined()
    expect(await problem('x.json.gz', Buffer.from([0x1f, 0x8b, 0]))).toContain('gzip')
    expect(await problem('x.json', bytes('{"id":"other"'))).toBeUndefined()
  })
})
