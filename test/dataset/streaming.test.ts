import { createReadStream, readdirSync, readlinkSync, writeSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { callContext, digestJson, SheikhError } from '../../src/core/index.js'
import {
  Dataset,
  memorySamples,
  pinnedSet,
  proposePinnedSet,
  type SizeLimits,
  sampleFiles,
  samplesOf,
} from '../../src/dataset/index.js'
import { RowPool } from '../../src/dataset/row-pool.js'
import { limitsOf } from '../../src/dataset/sources/limits.js'
import { readSamples } from '../../src/dataset/sources/read-samples.js'
import { unpackChunks } from '../../src/dataset/sources/unpack-chunks.js'
import { fzstdUnpacker } from '../../src/dataset/sources/zstd.js'
import { itInFull } from '../in-full.js'
import { pointerTo } from '../repository/lfs-server.js'
import { isWhole } from '../whole.js'
import { collect, folderWith } from './temporary.js'

const context = callContext()

async function read(path: string, content: string | Uint8Array, limits: SizeLimits = {}) {
  const source = sampleFiles({ directory: await folderWith({ [path]: content }), ...limits })
  const [entry] = await source.list(context)
  return (await samplesOf(entry!, context)).map(({ value }) => value)
}

describe('files that are pointers', () => {
  it.each([
    // Fetched together, before the first is read.
    ['large files one at a time', 1200, 4, (most: number) => most === 1],
    ['small files together', 3, 0, (most: number) => most > 1],
  ])('are read as %s', async (_, count, fetched, isRight) => {
    const rowsOf = (name: string) =>
      Array.from({ length: count }, (_, at) => ({ id: `${name}${at}`, text: `${at} ${'t'.repeat(1000)}`, label: 'l' }))
    const lines = (name: string) =>
      rowsOf(name)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join('')
    const columns = ['id', 'text', 'label'] as const
    const columnData = columns.map((column) => ({ name: column, data: rowsOf('d').map((row) => row[column]) }))
    const files: Readonly<Record<string, string | Uint8Array>> = {
      'a.jsonl': lines('a'),
      'b.jsonl': lines('b'),
      'c.json': JSON.stringify(rowsOf('c')),
      'd.parquet': new Uint8Array(parquetWriteBuffer({ columnData, compressed: false } as never)),
    }
    const stored = await folderWith(files)
    const pointers = Object.entries(files).map(([path, content]) => [path, pointerTo(content)])
    let [calls, active, most] = [0, 0, 0]
    const source = sampleFiles({
      directory: await folderWith(Object.fromEntries(pointers)),
      largeFiles: async ({ path }) => {
        calls += 1
        active += 1
        if (calls > fetched) most = Math.max(most, active)
        await setImmediate()
        active -= 1
        return join(stored, path)
      },
    })
    const { rows } = await new Dataset({ source, input: 'text', target: 'label' }).contents(context)
    expect(rows.length).toBe(4 * count)
    expect(calls).toBeGreaterThan(fetched)
    expect(isRight(most)).toBe(true)
  })

  it('are not all asked for if one cannot be fetched', async () => {
    const pointers = Array.from({ length: 300 }, (_, index) => [
      `${index}.jsonl`,
      `version https://git-lfs.github.com/spec/v1\noid ${digestJson(index)}\nsize 90000000\n`,
    ])
    let calls = 0
    const source = sampleFiles({
      directory: await folderWith(Object.fromEntries(pointers)),
      async largeFiles() {
        calls += 1
        await setImmediate()
        throw new SheikhError('access-denied', 'Cannot fetch: no token.')
      },
    })
    const contents = new Dataset({ source, input: 'text', target: 'label' }).contents(context)
    await expect(contents).rejects.toMatchObject({ code: 'access-denied' })
    expect(calls).toBeLessThan(100)
  })
})

describe('the digests of a dataset', () => {
  it('are those of earlier versions', async () => {
    const directory = await folderWith({
      'spam/one.json': '{"id":"j1","text":"caf\\u00e9","label":"a","n":1.50}',
      'spam/list.json': '[{"id":"l1","text":"x\\r\\ny","label":"b","n":0.1},{"text":"no id","label":"a","n":-0}]',
      'ham/lines.jsonl':
        '{"id":12345678901234567890,"text":"big","label":"b","n":1e21}\r\n\n{"id":"p2","text":"same","label":"a","n":2}\n{"text":"dup","label":"a","n":3}\n{"text":"dup","label":"a","n":3}\n',
      'ham/table.csv': 'id,text,label,n\r\nc1,"a ""b""\r\nc",a,1\r\nc2,"x, y",b,\r\n',
      'semi.csv': 'sep=;\nid;text;label;n\ns1;u, v;a;7\n',
      'tab.tsv': 'id\ttext\tlabel\tn\nt1\thello\tb\t8\n',
    })
    const options = {
      ...{ source: sampleFiles(directory), input: 'text', target: 'label' },
      ...{ slices: ['label'], sliceByFolder: 'category' },
    } as const
    const identities = await new Dataset(options).identities()
    const short = identities.map(({ id, digest, sampleDigest }) => [id, digest.slice(7, 15), sampleDigest.slice(7, 15)])
    expect(short).toEqual([
      ['12345678901234567890', '06c913ad', '958ec077'],
      ['c1', 'a00f8dd1', 'd44d8c16'],
      ['c2', '1caa812e', 'b1d4d7b8'],
      ['ham/lines.jsonl#d6350f0b779d6f5c', '9fa1bb4f', 'd6350f0b'],
      ['ham/lines.jsonl#d6350f0b779d6f5c~2', '27f1df4b', 'd6350f0b'],
      ['j1', '2b2de478', 'aef519f3'],
      ['l1', 'fc93fb10', '26fd559f'],
      ['p2', '27130afb', '574071b6'],
      ['s1', 'e091ca29', '454b429f'],
      ['spam/list.json#93143c8b35ca74c5', '255fd91e', '93143c8b'],
      ['t1', '5a3a6e94', '81e7c273'],
    ])
    const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 's', share: 0.4 }))
    expect((await new Dataset({ ...options, evaluation }).snapshot(context)).summary).toMatchObject({
      fingerprint: 'sha256:433028ec7b3672379b5c5c7d410459eaf4fe587f9e3b744de6cf809422fac261',
      trainingDigest: 'sha256:5912058b8eac2760bd82eb2c5c753ac9e961a5e6493bd2049f32d56b9621b50e',
      evaluationDigest: 'sha256:7d3d10868cafd699788ef07c96a43ca113ef704b82b02e0d42e6a639a5959137',
    })
  })
})

/** A zstd frame of blocks that are not compressed (RFC 8878, section 3.1.1). */
function zstdOf(content: Buffer): Buffer {
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])] as Uint8Array[]
  const size = 100_000
  for (let at = 0; at === 0 || at < content.length; at += size) {
    const block = content.subarray(at, at + size)
    const header = (block.length << 3) | (at + size >= content.length ? 1 : 0)
    parts.push(Buffer.from([header & 0xff, (header >> 8) & 0xff, header >> 16]), block)
  }
  return Buffer.concat(parts)
}

/** A zstd frame in which 4 bytes unpack to 128 KiB. */
function zstdBomb(megabytes: number, windowDescriptor = 0x38): Buffer {
  const block = (isLast: boolean) => {
    const header = (131_072 << 3) | 2 | (isLast ? 1 : 0)
    return Buffer.from([header & 0xff, (header >> 8) & 0xff, header >> 16, 0x0a])
  }
  const blocks = Array.from({ length: megabytes * 8 }, (_, index) => block(index === megabytes * 8 - 1))
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, windowDescriptor]), ...blocks])
}

// Written by the zstd library: forty lines as below.
const compressed = Buffer.from(
  'KLUv/WAeCdUFAGLJGxuQpc0Bm7tEEAsPUx+WmbFp/3/3TskAId/1BiDmv9/f0c/Nf78+Ix8b33Z9Rj41fd32inpq3mQDtpCOgAilc9CY9KOd2kGBoRV2qISHEbYUYmS5shKVgBooiQBZMlFZFBKwrLBMVBpht6ywg2EEAVioIfz6/xvAc6oDEZwQdIQ7giI8lQidD7u63W5vt9ut7bBRy6hcFCuaJmoRlQ/FhqZLoXQS4loEUUACCpAABSSgIOAoMACtCg==',
  'base64',
)
const lines = Array.from({ length: 40 }, (_, index) => ({
  id: `s${index}`,
  text: `some text that repeats ${index % 7} times`,
  label: 'ab'[index % 2],
}))
const jsonl = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))

const skippable = (size: number) => Buffer.from([0x5a, 0x2a, 0x4d, 0x18, size, 0, 0, 0, ...Array(size).fill(9)])

describe('packed files', () => {
  it.each<[string, string, Uint8Array]>([
    ['zstd', 'a.jsonl.zst', compressed],
    ['zstd without its extension', 'a.jsonl', compressed],
    [
      'zstd in two frames with a skippable frame',
      'a.jsonl.zst',
      Buffer.concat([zstdOf(jsonl.subarray(0, 500)), skippable(2), zstdOf(jsonl.subarray(500))]),
    ],
    [
      'zstd as pzstd writes it, each frame behind a skippable one',
      'a.jsonl',
      Buffer.concat([jsonl.subarray(0, 700), jsonl.subarray(700)].flatMap((part) => [skippable(4), zstdOf(part)])),
    ],
    [
      'gzip in two members',
      'a.jsonl.gz',
      Buffer.concat([gzipSync(jsonl.subarray(0, 500)), gzipSync(jsonl.subarray(500))]),
    ],
    ['a zstd JSON list', 'a.json.zst', zstdOf(Buffer.from(JSON.stringify(lines)))],
    [
      'zstd CSV',
      'a.csv.zst',
      zstdOf(
        Buffer.from(['id,text,label', ...lines.map(({ id, text, label }) => `${id},${text},${label}`)].join('\n')),
      ),
    ],
  ])('%s is read', async (_, path, content) => {
    expect(await read(path, content)).toEqual(lines)
  })

  it('zstd in any number of frames is read whole, in chunks of any size', async () => {
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ packed: zstdOf(Buffer.from(bytes)), bytes })),
      fc.nat(20).map((size) => ({ packed: skippable(size), bytes: new Uint8Array() })),
    )
    const frames = fc.array(frame, { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(frames, fc.integer({ min: 8, max: 2000 }), async (given, size) => {
        const packed = Buffer.concat(given.map((one) => one.packed))
        const chunks = async function* () {
          for (let at = 0; at < packed.length; at += size) yield packed.subarray(at, at + size)
        }
        const unpacked: Uint8Array[] = []
        for await (const bytes of unpackChunks(chunks(), limitsOf({}))) unpacked.push(bytes)
        expect(Buffer.concat(unpacked).equals(Buffer.concat(given.map(({ bytes }) => bytes)))).toBe(true)
      }),
      { numRuns: isWhole ? 500 : 100 },
    )
  })

  it('fzstd unpacks the same, in pieces of any size', async () => {
    for (const size of [1, 7, 100, 10_000]) {
      const unpacked: Buffer[] = []
      const unpacker = await fzstdUnpacker((bytes) => unpacked.push(Buffer.from(bytes)))
      for (let at = 0; at < compressed.length; at += size) unpacker.push(compressed.subarray(at, at + size), false)
      unpacker.push(new Uint8Array(), true)
      expect(Buffer.concat(unpacked).equals(jsonl)).toBe(true)
    }
  })

  it.each<[string, string, Uint8Array, RegExp]>([
    ['zstd that is cut off', 'a.jsonl.zst', compressed.subarray(0, 100), /a\.jsonl\.zst: zstd: /],
    [
      'zstd that is cut off between blocks',
      'a.jsonl.zst',
      zstdOf(Buffer.alloc(200_000, 10)).subarray(0, 100_009),
      /zstd: /,
    ],
    [
      'zstd that is damaged',
      'a.jsonl.zst',
      Buffer.concat([compressed.subarray(0, 60), Buffer.alloc(60, 0xff)]),
      /zstd: /,
    ],
    ['a zstd window of 1 TB', 'a.jsonl.zst', zstdBomb(1, 0xf8), /zstd: /],
    ['a zstd bomb', 'a.jsonl.zst', zstdBomb(400), /unpacks to more than 250 times its size, as a zip bomb does/],
    [
      'a gzip bomb',
      'a.jsonl.gz',
      gzipSync(Buffer.alloc(120_000_000, `${' '.repeat(9999)}\n`)),
      /unpacks to more than 250 times its size/,
    ],
    ['a zstd bomb in one line', 'a.csv.zst', zstdBomb(400), /unpacks to more than 250 times its size/],
  ])('%s is refused', async (_, path, content, message) => {
    await expect(read(path, content)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringMatching(message),
      facts: { issues: [{ path }] },
    })
  })

  it('limits can be set', async () => {
    await expect(read('a.jsonl.gz', gzipSync(jsonl), { maximumFileBytes: 1000 })).rejects.toThrow(
      /more than 1000 bytes/,
    )
    await expect(read('a.jsonl', jsonl, { maximumFileBytes: 1000 })).rejects.toThrow(/the maximum is 1000/)
    expect(() => limitsOf({ maximumUnpackRatio: 0 })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})

const row = (index: number) => ({ id: `r${index}`, input: 'é'.repeat(index % 50), target: index, slices: {} })
const digestOf = (index: number) => digestJson(row(index))

/** The descriptors that this process has open on files whose paths contain a text. */
function openFiles(part: string): readonly number[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).includes(part) ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

describe('files that are larger than the memory for them', () => {
  it.each([
    ['a.jsonl', `{"id":"a"}\n{"text":"${'x'.repeat(5000)}"}\n`, 'line 2'],
    ['a.jsonl', `{"id":"a"}\n{"text":"${'x'.repeat(900_000)}`, 'line 2'],
    ['a.csv', `id\n"${'x'.repeat(5000)}\n"\n`, 'line 2'],
    ['a.csv', `id\n1\n"${'x\n'.repeat(5000)}`, 'line 3'],
    ['a.csv', `"${'x\n'.repeat(300_000)}`, 'line 1'],
  ])('%s with a sample above the limit is refused with its line', async (path, content, position) => {
    await expect(read(path, content, { maximumSampleBytes: 4000 })).rejects.toMatchObject({
      facts: { issues: [{ path, position, message: expect.stringMatching(/more than 4000 bytes in one sample/) }] },
    })
  })

  it('a line of a gigabyte is refused after a hundred megabytes', async () => {
    const folder = await folderWith()
    const path = join(folder, 'a.jsonl')
    const file = await open(path, 'w')
    await file.write(Buffer.from('{"text":"'))
    await file.truncate(1_000_000_000)
    await file.close()
    let bytes = 0
    async function* chunks() {
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
        bytes += (chunk as Buffer).length
        yield chunk as Buffer
      }
    }
    await expect(collect(readSamples('a.jsonl', chunks(), limitsOf({})))).rejects.toThrow(
      /a\.jsonl line 1: it has more than 100000000 bytes in one sample/,
    )
    expect(bytes).toBeLessThan(110_000_000)
  })

  it.each([1, 3, 64, 1000])('pieces of %d bytes give the same samples', async (size) => {
    const csv = Buffer.from('id,text\r\n1,"a ""é""\r\n\r\n,🙂"\r\n\r\n2,x\n')
    for (const [path, content, expected] of [
      ['a.jsonl', jsonl, lines],
      [
        'a.csv',
        csv,
        [
          { id: '1', text: 'a "é"\n\n,🙂' },
          { id: '2', text: 'x' },
        ],
      ],
      [
        'a.csv',
        Buffer.from(`\uFEFF${csv.toString()}`, 'utf16le'),
        [
          { id: '1', text: 'a "é"\n\n,🙂' },
          { id: '2', text: 'x' },
        ],
      ],
    ] as const) {
      async function* chunks() {
        for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
      }
      const samples = (await collect(readSamples(path, chunks(), limitsOf({})))).flat()
      expect(samples.map(({ value }) => value)).toEqual(expected)
    }
  })

  it('rows that do not fit into memory are kept in a file, and are the same', async () => {
    const pool = new RowPool(2000, digestOf)
    for (let index = 0; index < 1000; index += 1) await pool.put(index, row(index), 100)
    for (const indices of [[999, 0, 500], [3], Array.from({ length: 1000 }, (_, index) => 999 - index)])
      expect(await pool.get(indices)).toEqual(indices.map(row))
    expect([pool.has(999), pool.has(1000)]).toEqual([true, false])
  })

  it('rows can be read while others are written', async () => {
    const long = { id: 'r', input: 'x'.repeat(isWhole ? 30_000_000 : 3_000_000), slices: {} }
    const pool = new RowPool(0, () => digestJson(long))
    const put = pool.put(0, long, long.input.length)
    const [read] = await pool.get([0])
    await put
    expect(read?.input === long.input).toBe(true)
  })

  it.runIf(process.platform === 'linux')('a row that changed in the file is refused', async () => {
    const before = new Set(openFiles('sheikh-rows-'))
    const pool = new RowPool(0, digestOf)
    for (const index of [0, 7]) await pool.put(index, row(index), 100)
    expect(await pool.get([0, 7])).toEqual([row(0), row(7)])
    const [file] = openFiles('sheikh-rows-').filter((each) => !before.has(each))
    const text = JSON.stringify(row(0))
    writeSync(file!, text.replace('"r0"', '"r1"'), 0)
    await expect(pool.get([0])).rejects.toMatchObject({ code: 'artifact-corrupt' })
    writeSync(file!, text.replaceAll('"', ' '), 0)
    await expect(pool.get([0])).rejects.toMatchObject({ code: 'artifact-corrupt' })
    expect(await pool.get([7])).toEqual([row(7)])
  })

  it('rows with one digest are one row: −0 and undefined members are those of JSON', async () => {
    const values = { __proto__: null, z: -0, a: [-0, { b: undefined }], c: undefined, '10': 1 }
    const samples = [{ id: 'a', x: values, y: -0 }]
    const rows = (await new Dataset({ source: memorySamples(samples), input: 'x', target: 'y' }).contents()).whole()
    const [found] = await collect(rows)
    expect(found).toMatchObject({ id: 'a', target: 0 })
    expect(found?.input).toStrictEqual({ '10': 1, z: 0, a: [0, {}] })
    expect(Object.keys(found?.input as object)).toEqual(['10', 'z', 'a'])
  })

  itInFull('a batch may have any number of samples', async () => {
    const samples = Array.from({ length: 150_000 }, (_, index) => ({ id: `r${index}`, text: 'x' }))
    const contents = await new Dataset({ source: memorySamples(samples), input: 'text' }).contents()
    expect(contents.whole().size).toBe(150_000)
  })

  it.runIf(process.platform === 'linux')('no file stays open, however reading ends', async () => {
    const long = Buffer.from(lines.map((line) => `${JSON.stringify({ ...line, text: 'é'.repeat(20_000) })}\n`).join(''))
    const csv = Buffer.from(`id,text\n${lines.map(({ id }) => `${id},${'x'.repeat(40_000)}\n`).join('')}`)
    const files = {
      ...{ 'a.jsonl': long, 'b.jsonl.gz': gzipSync(long), 'c.jsonl.zst': zstdOf(long), 'd.csv': csv },
      ...{ 'e.csv': Buffer.from(`\uFEFF${csv.toString()}`, 'utf16le'), 'f.json': `${'['.repeat(9)}` },
      ...{ 'g.jsonl': 'version https://git-lfs.github.com/spec/v1\n', 'h.jsonl': Buffer.from([0xff, 0xfe, 0, 0, 9]) },
      ...{ 'i.jsonl.gz': gzipSync(long).subarray(0, 3000), 'j.parquet': 'PAR1xxxxxxxxxxxxxxPAR1', 'k.csv': '"' },
      ...{ 'l.jsonl.gz': gzipSync(Buffer.alloc(300_000, 0xff)), 'm.jsonl': '{\n'.repeat(30_000) },
    }
    const directory = await folderWith(files)
    const entries = await sampleFiles(directory).list(context)
    expect(entries).toHaveLength(Object.keys(files).length)
    for (const entry of entries) {
      const batches = () => entry.read(context) as AsyncIterable<unknown>
      const abandoned = async () => {
        for await (const _ of batches()) break
      }
      await abandoned().catch(() => {})
      await collect(batches()).catch(() => {})
      await entry.layout?.(context)
      const abort = new AbortController()
      const aborted = (async () => {
        for await (const _ of entry.read(callContext({ signal: abort.signal })) as AsyncIterable<unknown>) abort.abort()
      })()
      await aborted.catch(() => {})
      expect([entry.path, openFiles(directory)]).toEqual([entry.path, []])
    }
    await expect(new Dataset({ source: sampleFiles(directory), input: 'text' }).contents()).rejects.toThrow()
    expect(openFiles(directory)).toEqual([])
  })

  it('a dataset reads its rows in the order of their ids, twice the same', async () => {
    // More than is kept in memory.
    const count = 4500
    const text = 'x'.repeat(6000)
    const all = Array.from({ length: count }, (_, index) => ({
      id: `r${(index * 7919) % count}`,
      text: `${index}${text}`,
    }))
    const directory = await folderWith({ 'a.jsonl': all.map((sample) => JSON.stringify(sample)).join('\n') })
    const rows = (await new Dataset({ source: sampleFiles(directory), input: 'text' }).contents(context)).whole()
    const ids = all.map(({ id }) => id).sort()
    for (let time = 0; time < 2; time += 1) {
      const found = (await collect(rows)).map(({ id, input }) => [id, (input as string).length])
      expect(found.map(([id]) => id)).toEqual(ids)
      expect(found.every(([, length]) => (length as number) > 6000)).toBe(true)
    }
  })
})
