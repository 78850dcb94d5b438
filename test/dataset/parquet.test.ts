import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import { Dataset, type SourceSample, sampleFiles } from '../../src/dataset/index.js'
import { endOfStruct } from '../../src/dataset/sources/parquet/check-thrift.js'
import { unpackLz4Block } from '../../src/dataset/sources/parquet/lz4.js'
import { readBytes } from '../../src/dataset/sources/read-bytes.js'
import { folderWith } from './temporary.js'

type Options = Parameters<typeof parquetWriteBuffer>[0]
const written = (options: Options) => new Uint8Array(parquetWriteBuffer(options))

async function samplesIn(bytes: Uint8Array): Promise<readonly SourceSample[]> {
  const samples: SourceSample[] = []
  for await (const batch of readBytes('a.parquet', bytes)) samples.push(...batch)
  return samples
}

const valuesIn = async (bytes: Uint8Array) =>
  (await samplesIn(bytes)).map(({ value, problem }) => {
    expect(problem).toBeUndefined()
    return value
  })

const count = 2500
const numbers = Array.from({ length: count }, (_, index) => index)
const columnData = [
  { name: 'id', data: numbers.map((n) => `r${n}`), type: 'STRING' },
  { name: 'text', data: numbers.map((n) => (n % 5 === 0 ? null : `text ${n} ü`)), type: 'STRING' },
  { name: 'label', data: numbers.map((n) => ['a', 'b'][n % 2]!), type: 'STRING' },
  { name: 'n', data: numbers, type: 'INT32' },
] as const satisfies Options['columnData']
const expected = numbers.map((n) => ({
  id: `r${n}`,
  text: n % 5 === 0 ? null : `text ${n} ü`,
  label: ['a', 'b'][n % 2],
  n,
}))

describe('Parquet files', () => {
  it('may have a row group without rows', async () => {
    // Of pyarrow 26.0.1: row groups of 2, 0 and 1 rows.
    const packed = [
      'UEFSMRUAFRwVHCwVBBUAFQYVBhwAAAACAAAABAEBAAAAAgAAABUAFRQVFCwVAhUAFQYVBhwAAAACAAAAAgEDAAAAFQQZLDUAGAZz',
      'Y2hlbWEVAgAVAiUCGAFuABYGGTwZHCYAHBUCGSUGABkYAW4VABYEFkIWQiYISRwVABUAFQIAPCkGGSYABAAAABZCFgQmCBZCABkc',
      'JgAcFQIZFQYZGAFuFQAWABYAFgAmAEkMAAAWABYAJgAWAAAZHCYAHBUCGSUGABkYAW4VABYCFjoWOiZKSRwVABUAFQIAPCkGGSYA',
      'AgAAABY6FgImShY6ACggcGFycXVldC1jcHAtYXJyb3cgdmVyc2lvbiAyNi4wLjEZHBwAAADUAAAAUEFSMQ==',
    ].join('')
    expect(await valuesIn(Uint8Array.from(Buffer.from(packed, 'base64')))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  })

  it.each<[string, Partial<Options>]>([
    ['UNCOMPRESSED', { codec: 'UNCOMPRESSED' }],
    ['SNAPPY', { codec: 'SNAPPY' }],
    ['GZIP', { codec: 'GZIP', compressors: { GZIP: (bytes) => gzipSync(bytes) } }],
    ['BROTLI', { codec: 'BROTLI', compressors: { BROTLI: (bytes) => brotliCompressSync(bytes) } }],
    ['small pages', { pageSize: 500 }],
    ['small row groups', { rowGroupSize: 7 }],
    ['one row group', { rowGroupSize: 100_000 }],
    ['no dictionaries', { dictionarySize: 0 }],
  ])('have the same samples with %s', async (_, options) => {
    expect(await valuesIn(written({ columnData, ...options }))).toEqual(expected)
  })

  it('have rows with the digests of the same rows in JSONL, however they are written', async () => {
    const identities = async (path: string, content: string | Uint8Array) =>
      new Dataset({
        source: sampleFiles(await folderWith({ [path]: content })),
        input: 'label',
        target: 'n',
      }).identities()
    const lines = await identities('a.jsonl', expected.map((row) => JSON.stringify(row)).join('\n'))
    for (const options of [
      { rowGroupSize: 7 },
      { rowGroupSize: 5000 },
      { codec: 'UNCOMPRESSED', pageSize: 100 },
    ] as const)
      expect(await identities('a.parquet', written({ columnData, ...options }))).toEqual(lines)
  })

  it('name the row group and the row of a sample', async () => {
    const samples = await samplesIn(written({ columnData, rowGroupSize: 1000 }))
    expect([samples[0], samples[999], samples[1000], samples[2499]].map((sample) => sample!.position)).toEqual([
      'row group 1, row 1',
      'row group 1, row 1000',
      'row group 2, row 1',
      'row group 3, row 500',
    ])
  })

  it('without rows have no samples', async () => {
    expect(await samplesIn(written({ columnData: [{ name: 'a', data: [], type: 'STRING' }] }))).toEqual([])
  })
})

describe('the values of a Parquet file', () => {
  const root = (...children: Options['schema'] & object) => [
    { name: 'root', num_children: children.length },
    ...children,
  ]
  const leaf = async (element: object, data: readonly unknown[]) => {
    const schema = root({ name: 'v', repetition_type: 'OPTIONAL', ...element } as never)
    const bytes = written({ schema, columnData: [{ name: 'v', data: data as never }] })
    return (await samplesIn(bytes)).map(({ value, problem, inexact }) =>
      problem === undefined ? [(value as { v: unknown }).v, ...(inexact ?? []).map(({ pointer }) => pointer)] : problem,
    )
  }

  it('keep the digits of integers beyond 2^53, as in JSON', async () => {
    expect(await leaf({ type: 'INT64' }, [1n, null, -5n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n)])).toEqual([
      [1],
      [null],
      [-5],
      [2 ** 53],
      ['9007199254740993', '/v'],
      ['-9223372036854775808', '/v'],
    ])
    expect(await leaf({ type: 'INT64', converted_type: 'UINT_64' }, [2n ** 64n - 1n])).toEqual([
      ['18446744073709551615', '/v'],
    ])
    expect(await leaf({ type: 'INT32', converted_type: 'UINT_32' }, [4294967295, 7])).toEqual([[4294967295], [7]])
  })

  it('that are decimals are text with all digits', async () => {
    const decimal = { type: 'INT32', converted_type: 'DECIMAL', scale: 2, precision: 9 }
    expect(await leaf(decimal, [12.5, -0.05, 0, null])).toEqual([['12.50'], ['-0.05'], ['0.00'], [null]])
  })

  it('that are dates and times are text in the form of ISO 8601', async () => {
    expect(await leaf({ type: 'INT32', converted_type: 'DATE' }, [new Date('2024-05-31'), null])).toEqual([
      ['2024-05-31'],
      [null],
    ])
    const at = [new Date('2024-05-31T12:30:00.500Z'), new Date('1969-12-31T23:59:59Z')]
    expect(await leaf({ type: 'INT64', converted_type: 'TIMESTAMP_MILLIS' }, at)).toEqual([
      ['2024-05-31T12:30:00.5Z'],
      ['1969-12-31T23:59:59Z'],
    ])
    const local = { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'MICROS' }
    expect(await leaf({ type: 'INT64', logical_type: local }, at.slice(0, 1))).toEqual([['2024-05-31T12:30:00.5']])
  })

  it('that are bytes are base64, UUIDs and JSON what they say', async () => {
    expect(await leaf({ type: 'BYTE_ARRAY' }, [new Uint8Array([255, 0]), null])).toEqual([['/wA='], [null]])
    const uuid = { type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, logical_type: { type: 'UUID' } }
    expect(await leaf(uuid, ['00112233-4455-6677-8899-aabbccddeeff'])).toEqual([
      ['00112233-4455-6677-8899-aabbccddeeff'],
    ])
    expect(await leaf({ type: 'BYTE_ARRAY', converted_type: 'JSON' }, [{ a: [1] }])).toEqual([[{ a: [1] }]])
  })

  it('that JSON has no form for are named with their column', async () => {
    const found = await leaf({ type: 'DOUBLE' }, [1.5, Number.NaN, Number.POSITIVE_INFINITY])
    expect(found).toEqual([
      [1.5],
      expect.stringMatching(/"v": the number at \/v is NaN/),
      expect.stringMatching(/Infinity/),
    ])
    const invalid = leaf({ type: 'BYTE_ARRAY', converted_type: 'UTF8' }, [new Uint8Array([0x61, 0xff])])
    await expect(invalid).rejects.toThrow(/row group 1: column "v": a text is not UTF-8/)
    expect(await leaf({ type: 'BYTE_ARRAY', converted_type: 'UTF8' }, ['\uFFFD'])).toEqual([['\uFFFD']])
  })

  it('of a type that is not supported are refused by name', async () => {
    await expect(
      leaf({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 12, converted_type: 'INTERVAL' }, []),
    ).rejects.toThrow(/"v" has the type INTERVAL, which is not supported/)
  })
})

describe('hostile Parquet files', () => {
  const few = columnData.map((column) => ({ ...column, data: column.data.slice(0, 300) })) as Options['columnData']
  const good = written({ columnData: few, rowGroupSize: 100, pageSize: 500 })
  /** Reads to the end, or returns the typed error. */
  const outcome = async (bytes: Uint8Array) => {
    try {
      await samplesIn(bytes)
      return 'read'
    } catch (error) {
      expect(error).toBeInstanceOf(SheikhError)
      expect(error).toMatchObject({ code: 'dataset-invalid', facts: { issues: [{ path: 'a.parquet' }] } })
      return 'refused'
    }
  }

  it('that are cut off are refused, wherever that is', async () => {
    for (let end = 0; end < good.length; end += 97) expect(await outcome(good.subarray(0, end))).toBe('refused')
  })

  it('with any byte replaced are read or refused, and nothing else', async () => {
    const outcomes = new Set<string>()
    for (let at = 0; at < good.length; at += 61)
      for (const byte of [0, 0x7f, 0xff]) {
        const bytes = Uint8Array.from(good)
        bytes[at] = byte
        outcomes.add(await outcome(bytes))
      }
    expect([...outcomes].sort()).toEqual(['read', 'refused'])
  })

  it('with metadata that announces huge lists, long numbers or deep nesting are refused before they are parsed', () => {
    // Field 1: a list of 2^31 booleans.
    expect(endOfStruct(Uint8Array.from([0x19, 0xf1, 0xff, 0xff, 0xff, 0xff, 0x07, 0]))).toBeUndefined()
    // Field 1: a varint of 60 bytes.
    expect(() => endOfStruct(Uint8Array.from([0x16, ...Array.from({ length: 60 }, () => 0xff), 0, 0]))).toThrow(
      /a number in its metadata is too long/,
    )
    expect(() => endOfStruct(new Uint8Array(100_000).fill(0x1c))).toThrow(/nested too deeply/)
  })

  it('with LZ4 data that unpacks to more than the page are refused', () => {
    const bomb = Uint8Array.from([0x1f, 0x61, 1, 0, ...Array.from({ length: 1000 }, () => 0xff), 0])
    expect(() => unpackLz4Block(bomb, 100)).toThrow(/not LZ4 data of the size/)
  })

  it('whose pages are larger than the limit are refused, unread', async () => {
    const text = 'x'.repeat(200_000)
    const bytes = written({ columnData: [{ name: 'text', data: [text], type: 'STRING' }] })
    const folder = await folderWith()
    await writeFile(join(folder, 'a.parquet'), bytes)
    const source = sampleFiles({ directory: folder, maximumSampleBytes: 100_000 })
    await expect(new Dataset({ source, input: 'text' }).identities(callContext())).rejects.toThrow(
      /a\.parquet row group 1: column "text": a page has \d+ bytes, but the maximum is 100000/,
    )
  })
})
