// Files that samples name: their content is part of the rows, and what cannot be part of them is an error.
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile, rename, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, digestBytes } from '../../src/core/index.js'
import { ContentDigest } from '../../src/dataset/files/content-digest.js'
import {
  asyncSamples,
  checkQuality,
  Dataset,
  type DatasetOptions,
  memorySamples,
  pinnedSet,
  proposePinnedSet,
  readNamedFile,
  sampleFiles,
} from '../../src/dataset/index.js'
import { addFiles, collect, folderWith, later, memoryDocuments } from './temporary.js'

const png = (content: string) =>
  Buffer.concat([
    Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
    Buffer.from(content),
    Buffer.from('0000000049454e44ae426082', 'hex'),
  ])
const jpeg = (content: string) =>
  Buffer.concat([Buffer.from('ffd8ffe000104a46', 'hex'), Buffer.from(content), Buffer.from('ffd9', 'hex')])
const sha = (bytes: Uint8Array | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

const sample = (id: string, image: unknown) => ({ id, image, label: id < 's3' ? 'one' : 'two' })
const base = {
  'samples/a.jsonl': [0, 1, 2, 3].map((index) => JSON.stringify(sample(`s${index}`, `images/${index}.png`))).join('\n'),
  'samples/b.json': sample('s4', ['images/4.jpg', 'images/0.png']),
  ...Object.fromEntries([0, 1, 2, 3].map((index) => [`images/${index}.png`, png(`image ${index}`)])),
  'images/4.jpg': jpeg('image 4'),
}

type Options = Partial<DatasetOptions<never, never, never>>
const datasetOf = (folder: string, options: Options = {}) =>
  new Dataset({
    source: sampleFiles(join(folder, 'samples')),
    input: (value: { image: unknown }) => value.image,
    target: 'label',
    version: '1',
    files: { directory: folder, fields: ['image'] },
    ...options,
  } as never)

const identitiesOf = async (folder: string, options?: Options) =>
  Object.fromEntries((await datasetOf(folder, options).identities(later())).map((row) => [row.id, row]))

/** The message for one sample with this path, beside a whole one. */
async function problemOf(image: unknown, prepare: (folder: string) => unknown = () => {}): Promise<string> {
  const folder = await folderWith({ 'good.png': png('good'), 'samples/a.jsonl': '' })
  await prepare(folder)
  writeFileSync(
    join(folder, 'samples/a.jsonl'),
    `${JSON.stringify(sample('s0', 'good.png'))}\n${JSON.stringify(sample('s1', image))}\n`,
  )
  const result = await datasetOf(folder)
    .identities(later())
    .catch((error: unknown) => error)
  expect(result).toMatchObject({
    code: 'dataset-invalid',
    facts: { issues: [{ path: 'a.jsonl', position: 'line 2' }] },
  })
  return (result as { facts: { issues: { message: string }[] } }).facts.issues[0]!.message.replaceAll(
    folder.split('/').at(-1)!,
    'data',
  )
}

describe('a file that a sample names', () => {
  it('is part of the row, by the digest of its content', async () => {
    const folder = await folderWith(base)
    const rows = await collect((await datasetOf(folder).contents(later())).whole())
    expect(rows.map(({ files }) => files)).toEqual([
      ...[0, 1, 2, 3].map((index) => ({ [`images/${index}.png`]: sha(png(`image ${index}`)) })),
      { 'images/4.jpg': sha(jpeg('image 4')), 'images/0.png': sha(png('image 0')) },
    ])
    const identities = await identitiesOf(folder)
    expect(identities['s0']!.digest).toBe(digestBytes(canonicalJson(rows[0])))
  })

  it('changes its rows and no other when its content changes, also with the same time and size', async () => {
    const folder = await folderWith(base)
    const before = await identitiesOf(folder)
    const path = join(folder, 'images/0.png')
    const time = new Date(2020, 1, 1)
    writeFileSync(path, png('IMAGE 0'))
    await utimes(path, time, time)
    const after = await identitiesOf(folder)
    const changed = (key: 'digest' | 'sampleDigest') =>
      Object.keys(after).filter((id) => after[id]![key] !== before[id]![key])
    expect(changed('digest')).toEqual(['s0', 's4'])
    expect(changed('sampleDigest')).toEqual(['s0', 's4'])
  })

  it('does not change its row by time, name of the folder or the program that copied it', async () => {
    const folder = await folderWith(base)
    const before = await identitiesOf(folder)
    await utimes(join(folder, 'images/0.png'), 1, 1)
    await rename(folder, `${folder}-moved`)
    try {
      expect(await identitiesOf(`${folder}-moved`)).toEqual(before)
    } finally {
      rmSync(`${folder}-moved`, { recursive: true })
    }
  })

  it('may be in a field within others, and in lists', async () => {
    const value = {
      id: 'a',
      label: 'one',
      image: 'x',
      'a.b': 'good.png',
      messages: [{ role: 'user', content: [{ image: 'images/1.png' }, { text: 'no image' }] }, { role: 'x' }],
      pages: [['images/2.png'], [], null],
    }
    const folder = await folderWith({ ...base, 'good.png': png('good') })
    const dataset = datasetOf(folder, {
      source: memorySamples([value]),
      files: { directory: folder, fields: ['messages.content.image', 'a.b', 'pages'] },
    })
    const [row] = await collect((await dataset.contents(later())).whole())
    expect(Object.keys(row!.files!).sort()).toEqual(['good.png', 'images/1.png', 'images/2.png'])
  })

  it('may be absent: null, an empty cell, an empty list', async () => {
    const folder = await folderWith({ ...base, 'samples/c.csv': 'id,image,label\ns5,,one\n' })
    await addFiles(folder, { 'samples/d.json': [sample('s6', null), sample('s7', []), { id: 's8', label: 'one' }] })
    const dataset = datasetOf(folder, { input: 'id' } as never)
    const rows = await collect((await dataset.contents(later())).whole())
    expect(rows.slice(5).map(({ files }) => files)).toEqual([undefined, undefined, undefined, undefined])
  })

  it('is checked for samples of an async iterable, and for samples that are examined or projected', async () => {
    const folder = await folderWith(base)
    const good = sample('x', 'images/1.png')
    const source = asyncSamples(
      async function* () {
        yield good
      },
      { name: 'x', version: '1' } as never,
    )
    const [row] = await collect((await datasetOf(folder, { source }).contents(later())).whole())
    expect(row!.files).toEqual({ 'images/1.png': sha(png('image 1')) })
    const dataset = datasetOf(folder)
    const examined = await dataset.examine([good, sample('y', 'images/9.png')], later())
    expect(examined[0]!.row!.files).toEqual(row!.files)
    expect(examined[1]!.problem).toMatch('images/9.png" in the field "image" does not exist')
    expect((await dataset.project([good], later()))[0]!.files).toEqual(row!.files)
    await expect(dataset.project([sample('y', '../x')], later())).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  it('tells copies of one file as equal inputs, and paths that look alike as different ones', async () => {
    const folder = await folderWith({
      ...base,
      'samples/a.jsonl': [0, 1, 2, 3]
        .map((index) => JSON.stringify({ id: `s${index}`, image: `images/${index}.png`, label: 'one' }))
        .join('\n'),
      'samples/b.json': { id: 's4', image: 'images/copy.png', label: 'two' },
      'images/copy.png': png('image 0'),
    })
    const dataset = datasetOf(folder, { input: 'image' } as never)
    const identities = await dataset.identities(later())
    const set = proposePinnedSet(identities, { salt: 'x', share: 0.3 })
    const pinned = {
      ...set,
      items: identities.filter(({ id }) => id === 's4').map(({ id, sampleDigest }) => ({ id, digest: sampleDigest })),
    }
    const judged = datasetOf(folder, { input: 'image', evaluation: pinnedSet(pinned) } as never)
    const { findings } = await checkQuality(judged, { license: 'off', source: 'off', balance: 'off' }, later())
    expect(findings.map(({ kind, ids }) => [kind, ids])).toEqual([
      ['leakage', ['s0']],
      ['label-conflict', ['s0', 's4']],
    ])
    const opened = await judged.open(later())
    expect(opened.summary.warnings.map(({ code }) => code)).toContain('shared-input')
  })

  it('must be in some sample for each field, so that a misspelled field is an error', async () => {
    const folder = await folderWith(base)
    const files = { directory: folder, fields: ['image', 'imgae'] }
    const documents = memoryDocuments()
    for (let turn = 0; turn < 2; turn += 1)
      await expect(datasetOf(folder, { files }).identities({ ...later(), cache: documents })).rejects.toThrow(
        'no sample names a file in the field "imgae"',
      )
    expect(() => datasetOf(folder, { files: { directory: folder, fields: [] } })).toThrow('names no fields')
  })
})

describe('an error names the sample, the field and the remedy', () => {
  it.each([
    [
      'a missing file',
      'images/no.png',
      '"data/images/no.png" in the field "image" does not exist: there is no folder "images"; add it, or correct the path',
    ],
    [
      'a missing file in a folder',
      'no.png',
      '"data/no.png" in the field "image" does not exist; add it, or correct the path',
    ],
    [
      'a parent',
      '../good.png',
      '"data/../good.png" in the field "image" contains ".."; name the file by its path below the folder',
    ],
    ['a hidden parent', 'a/../../good.png', 'contains ".."'],
    ['an absolute path', '/etc/passwd', 'is absolute'],
    ['a drive', 'C:/good.png', 'is absolute'],
    ['a backslash', 'images\\good.png', 'contains a backslash; separate folders with "/"'],
    ['a server', '\\\\server\\share\\good.png', 'contains a backslash'],
    ['an address', 'https://example.com/good.png', 'is an address; download the file, and name the copy'],
    ['data in the sample', 'data:image/png;base64,AAAA', 'is an address'],
    ['an address of a file', 'file:///etc/passwd', 'is an address'],
    ['NUL', 'good.png\0.txt', 'contains the character NUL'],
    ['this folder', './good.png', 'contains "." or an empty name'],
    ['an empty name', 'images//good.png', 'contains "." or an empty name'],
    ['a slash at the end', 'good.png/', 'contains "." or an empty name'],
    ['another case', 'Good.png', 'does not exist, but "good.png" does; write the path in this case'],
    ['a folder', 'samples', 'is a folder; name a file'],
    ['a file as a folder', 'good.png/x.png', 'leads through "good.png", which is not a folder'],
    ['a long path', 'x'.repeat(2000), 'has 2000 characters'],
    ['a name too long for the file system', 'x'.repeat(300), 'does not exist'],
    ['a name that every object has', '__proto__', 'does not exist'],
    ['a number', 7, 'its field "image" is neither a path nor a list of paths'],
    ['an object', { bytes: 'AAAA' }, 'its field "image" is neither a path nor a list of paths'],
    ['a list with a number', ['good.png', 7], 'its field "image" is neither a path nor a list of paths'],
  ])('%s', async (_, path, message) => {
    expect(await problemOf(path)).toContain(message)
  })

  const put = (name: string, content: Uint8Array | string) => (folder: string) =>
    writeFileSync(join(folder, name), content)
  const putBoth =
    (...names: readonly string[]) =>
    (folder: string) => {
      for (const name of names) put(name, png(name))(folder)
    }
  it.each([
    ['an empty file', 'x.png', put('x.png', ''), 'is empty'],
    [
      'a PNG that was cut short',
      'x.png',
      put('x.png', png('a').subarray(0, 20)),
      'is a PNG image that was cut short: it has 20 bytes and ends without the chunk IEND',
    ],
    [
      'a JPEG that was cut short',
      'x.bin',
      put('x.bin', jpeg('a').subarray(0, 9)),
      'is a JPEG image that was cut short',
    ],
    [
      'a WAV that was cut short',
      'x.wav',
      put('x.wav', 'RIFF\x7f\0\0\0WAVEfmt '),
      'is a RIFF file (WAVE) that was cut short: it has 16 of 135 bytes',
    ],
    ['a PDF that was cut short', 'x.pdf', put('x.pdf', '%PDF-1.7\n1 0 obj'), 'is a PDF document that was cut short'],
    [
      'a page of a server instead of an image',
      'x.jpg',
      put('x.jpg', '<html>404</html>'),
      'has the extension of an image, but does not begin as one',
    ],
    [
      'a Git LFS pointer',
      'x.png',
      put('x.png', `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 5\n`),
      'is a Git LFS pointer',
    ],
    [
      'a link to a file outside',
      'x.png',
      (folder: string) => symlinkSync('/etc/passwd', join(folder, 'x.png')),
      'leads through the symbolic link "x.png"',
    ],
    [
      'a link to a file inside',
      'x.png',
      (folder: string) => symlinkSync('good.png', join(folder, 'x.png')),
      'leads through the symbolic link',
    ],
    [
      'a link on the way',
      'up/good.png',
      (folder: string) => symlinkSync('.', join(folder, 'up')),
      'leads through the symbolic link "up"',
    ],
    ['names that differ in case', 'x.png', putBoth('x.png', 'X.png'), 'differ only in case or Unicode form'],
    [
      'names that differ in Unicode form',
      'é.png',
      putBoth('\u00e9.png', 'e\u0301.png'),
      'differ only in case or Unicode form',
    ],
  ] as const)('%s', async (_, path, prepare, message) => {
    expect(await problemOf(path, prepare)).toContain(message)
  })

  it('names as many problems as a sample has', async () => {
    const folder = await folderWith({ 'samples/a.json': sample('a', ['a.png', '../b.png']) })
    const error = await datasetOf(folder)
      .identities(later())
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ facts: { issues: [{ path: 'a.json' }, { path: 'a.json' }] } })
  })

  it('finds a name that the file system decomposes, with the same digests', async () => {
    const found = []
    for (const name of ['\u00e9t\u00e9/\u00e9.png', 'e\u0301te\u0301/e\u0301.png']) {
      const folder = await folderWith({ 'samples/a.json': sample('a', '\u00e9t\u00e9/\u00e9.png'), [name]: png('x') })
      found.push(await identitiesOf(folder))
    }
    expect(found[1]).toEqual(found[0])
  })

  it('is that of the signal if the read is aborted', async () => {
    const folder = await folderWith(base)
    const reason = new Error('stop')
    await expect(datasetOf(folder).identities(later(AbortSignal.abort(reason)))).rejects.toBe(reason)
  })
})

describe('readNamedFile', () => {
  it('reads a file as its row has it, and refuses another content, a link, a parent and a large file', async () => {
    const folder = await folderWith({ ...base, 'e\u0301.txt': 'a\r\nb', 'b.txt': 'b' })
    const read = (path: string, more: object = {}) => readNamedFile({ directory: folder, path, ...more })
    expect(await read('images/1.png', { digest: sha(png('image 1')) })).toEqual(png('image 1'))
    expect(Buffer.from(await read('\u00e9.txt', { digest: sha('a\nb') })).toString()).toBe('a\r\nb')
    await expect(read('images/1.png', { digest: sha('other') })).rejects.toMatchObject({ code: 'dataset-changed' })
    symlinkSync('/etc', join(folder, 'out'))
    for (const path of ['../x', 'out/passwd', 'images', 'no.png', '/etc/passwd'])
      await expect(read(path)).rejects.toMatchObject({ code: 'dataset-invalid' })
    await expect(read('images/1.png', { maximumBytes: 3 })).rejects.toThrow('but the maximum is 3')
  })
})

describe('the digest of a file', () => {
  const digestOf = (bytes: Uint8Array, sizes: readonly number[] = [bytes.length]) => {
    const digest = new ContentDigest()
    let at = 0
    for (const size of [...sizes, bytes.length]) {
      digest.update(bytes.subarray(at, at + size))
      at += size
    }
    return digest.digest()
  }

  it('is the same for a text with both line endings, and for a binary the SHA-256 of its bytes', () => {
    const text = Buffer.from('line 1\nline 2\n\nüber\n')
    expect(digestOf(Buffer.from(text.toString().replaceAll('\n', '\r\n')))).toBe(digestOf(text))
    expect(digestOf(text)).toBe(sha(text))
    for (const binary of ['a\r\nb\0', 'a\rb\r\n', 'a\r\n\r', '\r\n\x01\x02'])
      expect(digestOf(Buffer.from(binary)), JSON.stringify(binary)).toBe(sha(binary))
    expect(digestOf(Buffer.from('text\r\n\x1a'))).toBe(sha('text\n\x1a'))
  })

  it('does not depend on the pieces in which it is read', () => {
    const byte = fc.constantFrom(13, 10, 10, 13, 65, 66, 0, 1, 26, 200)
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), fc.array(fc.nat(7), { maxLength: 20 }), (bytes, sizes) => {
        expect(digestOf(Uint8Array.from(bytes), sizes)).toBe(digestOf(Uint8Array.from(bytes)))
      }),
    )
  })
})

describe('files that did not change', () => {
  const open = async (folder: string, cache: ReturnType<typeof memoryDocuments>) => {
    const identities = await datasetOf(folder).identities(later())
    const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'test', share: 0.3 }))
    return { evaluation, open: () => datasetOf(folder, { evaluation }).open({ ...later(), cache }) }
  }

  it('are not read again, and neither are their samples', async () => {
    const folder = await folderWith(base)
    const documents = memoryDocuments()
    const asked: string[] = []
    const cache = {
      ...documents,
      read: (name: string) => {
        asked.push(name)
        return documents.read(name)
      },
    }
    const { open: again } = await open(folder, cache)
    const first = await again()
    asked.length = 0
    const second = await again()
    expect(second.summary).toEqual(first.summary)
    expect(asked.map((name) => name.split('-').slice(0, 2).join('-'))).toEqual(['dataset-files', 'dataset-summary'])
  })

  it.each([
    ['edited', (folder: string) => writeFileSync(join(folder, 'images/1.png'), png('IMAGE 1'))],
    ['replaced by another', (folder: string) => rename(join(folder, 'images/2.png'), join(folder, 'images/1.png'))],
  ])('are read again if one is %s', async (_, change) => {
    const folder = await folderWith(base)
    const cache = memoryDocuments()
    const source = sampleFiles(join(folder, 'samples'))
    const contents = async (context: object) =>
      new Dataset({
        source,
        input: 'label',
        target: 'label',
        files: { directory: folder, fields: ['image'] },
      } as never).identities({ ...later(), ...context })
    await contents({ cache })
    await change(folder)
    const cached = await contents({ cache }).catch((error: Error) => error.message)
    expect(cached).toEqual(await contents({}).catch((error: Error) => error.message))
  })

  it('are an error if one is deleted, becomes a link, or has a clash, although nothing else changed', async () => {
    for (const change of [
      (folder: string) => rmSync(join(folder, 'images/1.png')),
      (folder: string) => {
        rmSync(join(folder, 'images/1.png'))
        symlinkSync('2.png', join(folder, 'images/1.png'))
      },
      (folder: string) => writeFileSync(join(folder, 'images/1.PNG'), png('clash')),
    ]) {
      const folder = await folderWith(base)
      const cache = memoryDocuments()
      const { open: again } = await open(folder, cache)
      await again()
      await change(folder)
      await expect(again()).rejects.toMatchObject({ code: 'dataset-invalid' })
    }
  })

  it('are an error if a folder between them and the root has a clash', async () => {
    const folder = await folderWith({
      'samples/a.jsonl': [0, 1, 2, 3].map((n) => JSON.stringify(sample(`s${n}`, `a/b/c/${n}.png`))).join('\n'),
      ...Object.fromEntries([0, 1, 2, 3].map((n) => [`a/b/c/${n}.png`, png(`image ${n}`)])),
    })
    const { open: again } = await open(folder, memoryDocuments())
    await again()
    mkdirSync(join(folder, 'a/B'))
    await expect(again()).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  it('that change while rows are loaded are found', async () => {
    const folder = await folderWith(base)
    const { open: again } = await open(folder, memoryDocuments())
    await again()
    const opened = await again()
    writeFileSync(join(folder, 'images/1.png'), png('IMAGE 1'))
    await expect(opened.snapshot()).rejects.toMatchObject({ code: 'dataset-changed' })
  })

  it('lead to the same result with and without caches, whatever is done to them', async () => {
    const names = ['images/0.png', 'images/1.png', 'images/4.jpg']
    const act = fc.record({ name: fc.constantFrom(...names), content: fc.constantFrom('a', 'b', 'c', undefined) })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(act, { maxLength: 3 }), { minLength: 1, maxLength: 5 }), async (turns) => {
        const folder = await folderWith(base)
        const cache = memoryDocuments()
        const read = (context: object) =>
          datasetOf(folder)
            .identities({ ...later(), ...context })
            .catch((error: Error) => error.message)
        for (const acts of turns) {
          for (const { name, content } of acts)
            if (content === undefined) rmSync(join(folder, name), { force: true })
            else writeFileSync(join(folder, name), name.endsWith('png') ? png(content) : jpeg(content))
          expect(await read({ cache })).toEqual(await read({}))
        }
      }),
      { numRuns: 25 },
    )
  })
})

describe('many files', () => {
  it('take no more memory than a part of one at a time', async () => {
    const folder = await folderWith({ 'samples/a.jsonl': '' })
    mkdirSync(join(folder, 'big'))
    const lines: string[] = []
    const content = Buffer.alloc(24 * 1024 * 1024, 1)
    for (let index = 0; index < 12; index += 1) {
      content.writeUInt32BE(index)
      writeFileSync(join(folder, `big/${index}.bin`), content)
      lines.push(JSON.stringify(sample(`s${index}`, `big/${index}.bin`)))
    }
    writeFileSync(join(folder, 'samples/a.jsonl'), lines.join('\n'))
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    }, 1)
    const rows = await datasetOf(folder).identities(later())
    clearInterval(timer)
    expect(rows).toHaveLength(12)
    // 16 buffers of 256 KiB, and what their garbage takes, of files of 288 MB.
    expect(most).toBeLessThan(64 * 1024 * 1024)
    expect((await readFile(join(folder, 'big/0.bin'))).length).toBe(content.length)
  })
})
