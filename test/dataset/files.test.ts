import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet, sampleFiles, samplesOf } from '../../src/dataset/index.js'
import { parseJsonKeepingDigits } from '../../src/dataset/json-text.js'
import { folderWith } from './temporary.js'

const context = callContext()
const read = async (files: Record<string, unknown>) => {
  const found: unknown[] = []
  for (const entry of await sampleFiles(await folderWith(files)).list(context))
    found.push(...(await samplesOf(entry, context)).map(({ value }) => value))
  return found
}
const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le')
const sample = { id: '1', text: 'hello, you', label: 'a' }
const json = JSON.stringify(sample)
const csv = 'id,text,label\n1,"hello, you",a\n'

describe('files that people have', () => {
  it.each<[string, string, string | Uint8Array]>([
    ['upper-case CSV', 'a.CSV', csv],
    ['upper-case JSONL', 'a.JSONL', json],
    ['ndjson', 'a.ndjson', `${json}\n`],
    ['TSV', 'a.tsv', 'id\ttext\tlabel\n1\thello, you\ta\n'],
    ['TSV with one separator more in its text', 'a.tsv', 'id\ttext\tlabel\n1\t"hello, you"\ta\n'],
    ['compressed JSONL', 'a.jsonl.gz', gzipSync(json)],
    ['compressed CSV', 'a.csv.gz', gzipSync(csv)],
    ['compressed, without its extension', 'a.jsonl', gzipSync(json)],
    ['semicolons', 'a.csv', 'id;text;label\n1;hello, you;a\n'],
    ['a separator that is named', 'a.csv', 'sep=;\r\nid;text;label\r\n1;hello, you;a\r\n'],
    ['a separator of its own', 'a.csv', 'sep=^\nid^text^label\n1^hello, you^a\n'],
    ['tabs', 'a.csv', 'id\ttext\tlabel\n1\thello, you\ta\n'],
    ['vertical bars', 'a.csv', 'id|text|label\n1|hello, you|a\n'],
    ['separators in a quoted header', 'a.csv', '"id",text,label\n1,"hello, you",a\n'],
    ['empty columns at the end', 'a.csv', 'id,text,label,,\n1,"hello, you",a,,\n'],
    ['empty fields at the end', 'a.csv', 'id,text,label\n1,"hello, you",a,,\n'],
    ['mixed line endings', 'a.csv', 'id,text,label\r\n1,"hello, you",a\n'],
    ['a byte order mark', 'a.csv', `\uFEFF${csv}`],
    ['a byte order mark and sep=', 'a.csv', `\uFEFFsep=,\n${csv}`],
    ['a mark before a line', 'a.csv', csv.replace('\n1', '\n\uFEFF1')],
    ['a mark before a line of JSONL', 'a.jsonl', `\uFEFF\n\uFEFF${json}`],
    ['UTF-16', 'a.csv', utf16(csv)],
    ['UTF-16 JSON', 'a.json', utf16(json)],
  ])('%s is read', async (_, path, content) => {
    expect(await read({ [path]: content })).toEqual([sample])
  })

  it('a nameless first column, as pandas writes it, is kept', async () => {
    expect(await read({ 'a.csv': ',text\n0,x\n' })).toEqual([{ '': '0', text: 'x' }])
  })

  it('a line break in a quoted field is the same after a checkout that writes CRLF', async () => {
    expect(await read({ 'a.csv': 'text\r\n"one\r\ntwo"\r\n' })).toEqual([{ text: 'one\ntwo' }])
  })

  it('names in another Unicode form give the same ids, slices and digests', async () => {
    const [composed, decomposed] = ['NFC', 'NFD'].map((form) => `caf\u00e9/\u00fcber.jsonl`.normalize(form))
    const identities = async (path: string) => {
      const source = sampleFiles({ directory: await folderWith({ [path]: '{"text":"x"}\n' }), pattern: 'caf\u00e9/*' })
      return new Dataset({ source, input: 'text', sliceByFolder: 'category' }).identities()
    }
    expect(composed).not.toBe(decomposed)
    expect(await identities(decomposed!)).toEqual(await identities(composed!))
    expect((await identities(composed!))[0]!.id).toMatch(/^caf\u00e9\/\u00fcber\.jsonl#/)
  })

  it.each([
    ['case', 'x/Mail.json', 'x/mail.json'],
    ['the case of a folder', 'X/mail.json', 'x/mail.json'],
    ['Unicode form', 'caf\u00e9.json', 'cafe\u0301.json'],
  ])('two files whose names differ only in %s are an error that names both', async (_, one, other) => {
    const [first, second] = [one, other].sort()
    await expect(read({ [one]: sample, [other]: sample })).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining(`${second}: its name differs from ${JSON.stringify(first)} only in case`),
    })
  })

  it.each<[string, string, string | Uint8Array, RegExp]>([
    [
      'a value without a column',
      'a.csv',
      'id,text,,\n1,hello,you,\n',
      /column 3 has a value, but no name.*"id", "text"/,
    ],
    ['a value beyond the header', 'a.csv', 'id,text\n1,hello,you\n', /3 fields, but the header has 2 columns.*comma/],
    ['another separator than the header', 'a.csv', 'id;text\n1,hello\n', /the header has 2 columns.*semicolon/],
    ['a column twice', 'a.csv', 'id,text,text\n1,a,b\n', /"text" appears twice in the header/],
    ['NUL bytes', 'a.csv', 'id,text\n1,a\0b\n', /NUL/],
    ['UTF-16 without a mark', 'a.csv', Buffer.from(csv, 'utf16le'), /looks like UTF-16 without a byte order mark/],
    ['UTF-32', 'a.json', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /UTF-32/],
    ['gzip that is cut off', 'a.csv.gz', gzipSync(csv).subarray(0, 20), /gzip: /],
    ['a file that is not gzip', 'a.json', new Uint8Array([0x1f, 0x8b, 0, 0]), /gzip: /],
    [
      'a Git LFS pointer',
      'a.jsonl',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
      /Git LFS pointer/,
    ],
    ['Parquet that is cut off', 'a.parquet', 'PAR1', /damaged, or not a Parquet file/],
    ['a spreadsheet', 'a.XLSX', 'PK', /\.XLSX files are not supported/],
    ['compressed text of no known format', 'a.txt.gz', gzipSync(csv), /\.gz files are not supported/],
  ])('%s is refused by name', async (_, path, content, message) => {
    await expect(read({ [path]: content })).rejects.toMatchObject({
      code: 'dataset-invalid',
      facts: { issues: [{ path, message: expect.stringMatching(message) }] },
    })
  })

  it.each<[string, object, string | Uint8Array]>([
    ['another separator', { separator: '^' }, 'id^text^label\n1^hello, you^a\n'],
    ['another quote', { quote: "'" }, "id,text,label\n1,'hello, you',a\n"],
    ['no quotes', { quote: '', separator: ';' }, 'id;text;label\n1;hello, you;a\n'],
    ['Latin-1', { charset: 'latin1' }, Buffer.from('id,text,label\n1,"hello, you",a\n', 'latin1')],
  ])('CSV with %s is read if that is configured', async (_, csv, content) => {
    const source = sampleFiles({ directory: await folderWith({ 'a.csv': content }), csv })
    const [entry] = await source.list(context)
    expect((await samplesOf(entry!, context)).map(({ value }) => value)).toEqual([sample])
  })

  it('Latin-1 and Windows-1252 are only read if they are configured', async () => {
    const content = Buffer.from('text\ncaf\xe9 \x80\n', 'latin1')
    await expect(read({ 'a.csv': content })).rejects.toMatchObject({
      facts: { issues: [{ path: 'a.csv', position: 'line 2', message: expect.stringContaining('not UTF-8') }] },
    })
    for (const [charset, text] of [
      ['latin1', 'café \x80'],
      ['windows-1252', 'café €'],
    ] as const) {
      const source = sampleFiles({ directory: await folderWith({ 'a.csv': content }), csv: { charset } })
      const [entry] = await source.list(context)
      expect((await samplesOf(entry!, context))[0]!.value).toEqual({ text })
    }
  })

  it.each([
    ['id;text, more\n1;a, b\n2;c, d\n', /ambiguous: comma or semicolon; set csv\.separator/],
    ['a|b;c\n1|2;3\n', /ambiguous: semicolon or vertical bar/],
  ])('a separator that may be another one is refused: %j', async (content, message) => {
    await expect(read({ 'a.csv': content })).rejects.toMatchObject({
      facts: { issues: [{ path: 'a.csv', position: 'line 1', message: expect.stringMatching(message) }] },
    })
  })

  it.each([{ separator: ';;' }, { separator: '"' }, { quote: '\n' }, { charset: 'ebcdic' as 'latin1' }])(
    'CSV options that no file can have are refused: %j',
    (csv) => {
      expect(() => sampleFiles({ directory: 'x', csv })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    },
  )

  it('gzip that unpacks to more than the limit is refused', async () => {
    const folder = await folderWith({ 'a.json.gz': gzipSync(JSON.stringify('x'.repeat(100_000))) })
    const [entry] = await sampleFiles({ directory: folder, maximumFileBytes: 10_000 }).list(context)
    await expect(samplesOf(entry!, context)).rejects.toThrow('it unpacks to more than 10000 bytes')
  })

  it('other files and files without a sample are named in a warning', async () => {
    const rows = Array.from({ length: 20 }, (_, id) => ({ id: `s${id}`, text: `text ${id}` }))
    const source = sampleFiles(
      await folderWith({ 'a.json': rows, 'notes.txt': '', 'b/README': '', 'empty.csv': 'id,text\n', '.hidden': '' }),
    )
    const identities = await new Dataset({ source, input: 'text' }).identities()
    const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 's', share: 0.3 }))
    const { summary } = await new Dataset({ source, input: 'text', evaluation }).snapshot(context)
    expect(summary.warnings.map(({ code, ids }) => [code, ids])).toEqual([
      ['unread-files', ['b/README', 'notes.txt']],
      ['empty-files', ['empty.csv']],
    ])
  })

  it('a pattern chooses: what it leaves out is not named', async () => {
    const directory = await folderWith({ 'a.json': {}, 'b.parquet': '', 'c.txt': '' })
    expect((await sampleFiles({ directory, pattern: '*.json' }).list(context)).map(({ path }) => path)).toEqual([
      'a.json',
    ])
  })

  it('a hundred thousand columns are read', async () => {
    const columns = Array.from({ length: 100_000 }, (_, index) => `f${index}`)
    const [row] = await read({ 'a.csv': `${columns.join(',')}\n${columns.map(() => '0').join(',')}\n` })
    expect(Object.keys(row as object)).toHaveLength(100_000)
  })
})

describe('numbers that a JavaScript number cannot hold', () => {
  const identities = async (text: string, options = {}) =>
    new Dataset({ source: sampleFiles(await folderWith({ 'a.jsonl': text })), input: 'text', ...options }).identities()

  it('keep their digits as id and group', async () => {
    const text = '{"id":1234567890123456789,"text":"a"}\n{"id":1234567890123456790,"text":"b"}\n'
    expect((await identities(text)).map(({ id }) => id)).toEqual(['1234567890123456789', '1234567890123456790'])
    const grouped = '{"id":"a","text":"a","g":1234567890123456789}\n'
    expect((await identities(grouped, { group: 'g' }))[0]!.group).toBe('1234567890123456789')
  })

  it.each([
    ['an integer', '12345678901234567891', 'the number 12345678901234567891 at /n'],
    ['one that is too large', '1e400', 'the number 1e400 at /n'],
  ])('%s elsewhere is refused', async (_, number, message) => {
    await expect(identities(`{"text":"a","n":${number}}`)).rejects.toThrow(message)
  })

  it.each([
    ['{"a":9007199254740993}', { a: '9007199254740993' }, ['/a']],
    ['{"a":9007199254740992}', { a: 9007199254740992 }, []],
    ['[-9007199254740993,{"b/~":[1e999]}]', ['-9007199254740993', { 'b/~': ['1e999'] }], ['/0', '/1/b~1~0/0']],
    ['{"a":"9007199254740993","b":0.12345678901234567890}', { a: '9007199254740993', b: 0.12345678901234568 }, []],
    ['{"a\\"9007199254740993":1}', { 'a"9007199254740993': 1 }, []],
    ['[-0,1e10,1E-400]', [-0, 1e10, 0], []],
  ])('%s', (text, value, pointers) => {
    const parsed = parseJsonKeepingDigits(text)
    expect(parsed).toMatchObject({ value })
    expect('inexact' in parsed && parsed.inexact.map(({ pointer }) => pointer)).toEqual(pointers)
  })

  it('no depth and no text brings it down', () => {
    const deep = `${'['.repeat(200_000)}9007199254740993${']'.repeat(200_000)}`
    expect(parseJsonKeepingDigits(deep)).toHaveProperty('problem')
    expect(parseJsonKeepingDigits(`["${'\\"'.repeat(1_000_000)}",9007199254740993]`)).toHaveProperty('inexact')
  })
})

describe('labels', () => {
  const snapshot = async (labels: readonly string[], pinned: readonly number[]) => {
    const rows = labels.map((label, index) => ({ id: `s${index}`, text: `t${index}`, label }))
    const options = { source: memorySamples(rows), input: 'text', target: 'label' } as const
    const items = (await new Dataset(options).identities())
      .filter(({ id }) => pinned.some((index) => id === `s${index}`))
      .map(({ id, sampleDigest }) => ({ id, digest: sampleDigest }))
    const evaluation = pinnedSet({ formatVersion: 2, salt: 's', purpose: 'p', share: 0.5, items })
    return new Dataset({ ...options, evaluation }).snapshot(context)
  }

  it.each([
    ['an empty label', ['a', 'a', 'a', 'b', 'b', 'b', '', ' '], /2 rows have an empty label/],
    ['space', ['a', 'a', 'a', 'b', 'b', 'b '], /"b", "b " differ only in surrounding white space/],
    ['a no-break space', ['a', 'a', 'a', 'b', 'b', 'b\u00a0'], /differ only in surrounding white space/],
    ['Unicode form', ['a', 'a', 'a', 'é', 'é', 'e\u0301'], /differ only in surrounding white space or Unicode form/],
  ])('%s is refused', async (_, labels, message) => {
    await expect(snapshot(labels, [0])).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringMatching(message),
    })
  })

  it('that differ in case, and one that training lacks, are warnings', async () => {
    const { summary } = await snapshot(['a', 'a', 'A', 'b', 'b', 'c', 'c', 'c'], [0, 5, 6, 7])
    expect(summary.warnings.map(({ code }) => code)).toEqual(['similar-labels', 'unknown-labels'])
    expect(summary.warnings[1]!.message).toBe(
      'No training row has the label "c", which 3 rows of the evaluation set have.',
    )
  })

  it('free text is not taken for labels', async () => {
    const { summary } = await snapshot(['yes', 'Yes', 'yes ', '', 'no'], [0])
    expect(summary.warnings).toEqual([])
  })
})
