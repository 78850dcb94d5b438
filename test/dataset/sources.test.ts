import { execFileSync } from 'node:child_process'
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { memorySamples, type Source, sampleFiles, samplesOf } from '../../src/dataset/index.js'
import { jsonErrorOffset, parseJsonText } from '../../src/dataset/json-text.js'
import { parseCsv } from '../../src/dataset/sources/csv.js'
import { globMatcher } from '../../src/dataset/sources/glob.js'
import { sourceContract } from '../../src/testing/source-contract.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'
import { folderWith } from './temporary.js'

const context = callContext()

async function everything(source: Source) {
  const found: Record<string, readonly unknown[]> = {}
  for (const entry of await source.list(context))
    if (entry.skipped === undefined)
      found[entry.path] = (await samplesOf(entry, context)).map(({ value, position }) => [position, value])
  return found
}

const issuesOf = async (source: Source) => {
  for (const entry of await source.list(context)) await samplesOf(entry, context)
}

const withIssue = (path: string, position: string, message: RegExp) => ({
  code: 'dataset-invalid',
  facts: { issues: expect.arrayContaining([{ path, position, message: expect.stringMatching(message) }]) },
})

describe('sampleFiles', () => {
  sourceContract(it, async () => ({
    source: sampleFiles(
      await folderWith({ 'b/one.json': { n: 1 }, 'a.json': [{ n: 2 }, { n: 3 }], 'c.jsonl': '{"n":4}\n' }),
    ),
    samples: [{ n: 1 }, { n: 2 }, { n: 3 }, { n: 4 }],
    dispose: async () => {},
  }))

  it('reads one sample, a list, lines and CSV, sorted by path; hidden and other files are left out', async () => {
    const folder = await folderWith({
      'b/two.json': [{ n: 1 }, { n: 2 }],
      'b/one.json': '\uFEFF{"n":0}',
      'a.jsonl': '{"n":3}\r\n\r\n{"n":4}\n',
      'z.csv': 'n,text\r\n5,"a, ""b""\nc"\r\n6,\r\n',
      '.hidden.json': 'not read',
      '.git/x.json': 'not read',
      'notes.txt': 'not read',
    })
    expect(await everything(sampleFiles(folder))).toEqual({
      'a.jsonl': [
        ['line 1', { n: 3 }],
        ['line 3', { n: 4 }],
      ],
      'b/one.json': [['', { n: 0 }]],
      'b/two.json': [
        ['[0]', { n: 1 }],
        ['[1]', { n: 2 }],
      ],
      'z.csv': [
        ['line 2', { n: '5', text: 'a, "b"\nc' }],
        ['line 4', { n: '6', text: '' }],
      ],
    })
  })

  it('a pattern chooses files', async () => {
    const folder = await folderWith({ 'a/x.json': 1, 'a/b/x.json': 2, 'x.jsonl': '3' })
    expect(Object.keys(await everything(sampleFiles({ directory: folder, pattern: 'a/**/*.json' })))).toEqual([
      'a/b/x.json',
      'a/x.json',
    ])
  })

  it('a folder that is not there is named', async () => {
    const folder = await folderWith()
    await expect(sampleFiles(join(folder, 'nowhere')).list(context)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('it does not exist'),
    })
  })

  it.each([
    ['a.json', '{"a": 1,\n "b": }', 'line 2, column 7', /unexpected "}"/],
    ['a.json', '{"a": 1', 'line 1, column 8', /ends too early/],
    ['a.json', '', 'line 1, column 1', /ends too early/],
    ['a.json', new Uint8Array([0x22, 0xff, 0x22]), '', /not UTF-8/],
    ['a.jsonl', '{"a":1}\n{"a"\n', 'line 2, column 5', /ends too early/],
    ['a.csv', 'a,b\n1\n', 'line 2', /1 field, but the header has 2 columns \("a", "b"\) with the separator comma/],
    ['a.csv', 'a,a\n1,2\n', 'line 1', /"a" appears twice in the header/],
    ['a.csv', 'a,b\n1,"2\n', 'line 2, column 3', /not closed/],
    ['a.csv', 'a,b\n1,"2"3\n', 'line 2, column 6', /follows the closing quote/],
    ['a.csv', 'a,b\n1,2"3\n', 'line 2, column 4', /quote appears in a field/],
  ])('what cannot be read is named with its place: %s %j', async (path, content, position, message) => {
    const folder = await folderWith({ [path]: content })
    await expect(issuesOf(sampleFiles(folder))).rejects.toMatchObject(withIssue(path, position, message))
  })

  it('all wrong lines of a file are named, not only the first', async () => {
    const folder = await folderWith({ 'a.jsonl': 'x\n{}\ny\n' })
    await expect(issuesOf(sampleFiles(folder))).rejects.toMatchObject({ facts: { issues: { length: 2 } } })
  })

  it('a symbolic link is refused, wherever it leads', async () => {
    const outside = await folderWith({ 'secret.json': {} })
    const folder = await folderWith({ 'a.json': {} })
    await symlink(join(outside, 'secret.json'), join(folder, 'b.json'))
    await symlink(outside, join(folder, 'c'))
    await expect(sampleFiles(folder).list(context)).rejects.toMatchObject(withIssue('b.json', '', /symbolic link/))
    await expect(sampleFiles(folder).list(context)).rejects.toMatchObject(withIssue('c', '', /symbolic link/))
  })

  it.skipIf(process.platform !== 'linux')(
    'a name that is not UTF-8 is refused, of a file and of a folder',
    async () => {
      const folder = await folderWith({ 'a.json': {}, 'caf\uFFFD.json': {} })
      expect(await sampleFiles(folder).list(context)).toHaveLength(2)
      const odd = (...parts: readonly (string | number)[]) =>
        Buffer.concat([`${folder}/`, ...parts].map((part) => Buffer.from(typeof part === 'number' ? [part] : part)))
      await writeFile(odd('th', 0xe9, '.json'), '{}')
      await mkdir(odd('more', 0xff))
      for (const name of ['th\uFFFD.json', 'more\uFFFD'])
        await expect(sampleFiles(folder).list(context)).rejects.toMatchObject(withIssue(name, '', /name is not UTF-8/))
    },
  )

  it('a file that became a symbolic link between listing and reading is refused', async () => {
    const outside = await folderWith({ 'secret.json': {} })
    const folder = await folderWith({ 'a.json': {} })
    const [entry] = await sampleFiles(folder).list(context)
    const { rm } = await import('node:fs/promises')
    await rm(join(folder, 'a.json'))
    await symlink(join(outside, 'secret.json'), join(folder, 'a.json'))
    await expect(samplesOf(entry!, context)).rejects.toMatchObject(withIssue('a.json', '', /symbolic link/))
  })

  it('a pipe is refused, not waited for', async () => {
    const folder = await folderWith()
    execFileSync('mkfifo', [join(folder, 'a.json')])
    await expect(sampleFiles(folder).list(context)).rejects.toMatchObject(withIssue('a.json', '', /not a regular file/))
  })

  it('a file of 200 MB is refused by size, unread', async () => {
    const folder = await folderWith({ 'a.json': '' })
    await truncate(join(folder, 'a.json'), 200_000_000)
    await expect(issuesOf(sampleFiles(folder))).rejects.toMatchObject(
      withIssue('a.json', '', /200000000 bytes, but the maximum is 100000000/),
    )
  })

  it('a file that is gone when it is read is named', async () => {
    const folder = await folderWith({ 'a.json': {} })
    const [entry] = await sampleFiles(folder).list(context)
    const { rm } = await import('node:fs/promises')
    await rm(join(folder, 'a.json'))
    await expect(samplesOf(entry!, context)).rejects.toMatchObject(withIssue('a.json', '', /it no longer exists/))
  })
})

describe('memorySamples', () => {
  sourceContract(it, async () => ({
    source: memorySamples([{ n: 1 }, { n: 2 }]),
    samples: [{ n: 1 }, { n: 2 }],
    dispose: async () => {},
  }))
})

describe('parseCsv', () => {
  const quote = (field: string) => `"${field.replaceAll('"', '""')}"`

  it('reads back whatever is written by the rules of RFC 4180', () => {
    const table = fc.array(fc.array(anyText(), { minLength: 1, maxLength: 4 }), { maxLength: 5 })
    fc.assert(
      fc.property(table, fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, newline, ends) => {
        const text =
          rows.map((row) => row.map(quote).join(',')).join(newline) + (ends && rows.length > 0 ? newline : '')
        const { records, problem } = parseCsv(text)
        expect(problem).toBeUndefined()
        expect(records.map(({ fields }) => fields)).toEqual(rows)
      }),
    )
  })

  it('never throws, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r') }), (text) => {
        const { records, problem } = parseCsv(text)
        expect(records.length + (problem === undefined ? 0 : 1)).toBeLessThanOrEqual(text.length)
      }),
    )
  })

  it('a comma at the end is followed by an empty field', () => {
    expect(parseCsv('a,').records).toEqual([{ line: 1, fields: ['a', ''], length: 2 }])
  })
})

describe('parseJsonText', () => {
  it('takes what JSON.parse takes', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme' }), (text) => {
        expect(jsonErrorOffset(text)).toBe(text.length)
        expect(parseJsonText(text)).toEqual({ value: JSON.parse(text) as unknown })
      }),
      { numRuns: rounds(200) },
    )
  })

  it('finds the first character that cannot continue: what stands before it can be completed', () => {
    const broken = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('}', ']', ',', ':', '"', 'x', '\\', '\n', '0', ''))
    fc.assert(
      fc.property(broken, ([text, at, character]) => {
        const start = at % (text.length + 1)
        const changed = text.slice(0, start) + character + text.slice(start + 1)
        const parsed = parseJsonText(changed)
        if ('value' in parsed) return
        const offset = jsonErrorOffset(changed)
        // The text up to there is a prefix of JSON: read alone, it only ends too early, or is whole.
        expect(jsonErrorOffset(changed.slice(0, offset))).toBe(offset)
        expect(offset).toBeGreaterThanOrEqual(Math.min(start, changed.length) - 5)
      }),
    )
  })

  it('is not brought down by depth', () => {
    expect(jsonErrorOffset('['.repeat(1_000_000))).toBe(1_000_000)
  })
})

describe('globMatcher', () => {
  it.each([
    ['*.json', 'a.json', true],
    ['*.json', 'a/b.json', false],
    ['**/*.json', 'a.json', true],
    ['**/*.json', 'a/b/c.json', true],
    ['a/**', 'a/b/c', true],
    ['{a,b}/?.csv', 'b/x.csv', true],
    ['{a,b}/?.csv', 'c/x.csv', false],
    ['a+b(1).json', 'a+b(1).json', true],
  ])('%s and %s: %s', (pattern, path, expected) => {
    expect(globMatcher(pattern)(path)).toBe(expected)
  })

  it('takes what a regular expression would, of any pattern and path', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', '**/', '?', '{a,b/}', '{a*,{b,**/}?}', '{,a}')
    const path = fc.array(fc.constantFrom('a', 'b', '/'), { maxLength: 8 })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), path, (pieces, names) => {
        const [pattern, text] = [pieces.join(''), names.join('')]
        const expression = pattern.replace(/\*\*\/|\*\*|[*?{},]/g, (sign) => {
          const inBraces: Record<string, string> = { '{': '(?:', '}': ')', ',': '|' }
          const wild: Record<string, string> = { '**/': '(?:[^/]+/)*', '**': '.*', '*': '[^/]*', '?': '[^/]' }
          return wild[sign] ?? inBraces[sign]!
        })
        expect(globMatcher(pattern)(text)).toBe(new RegExp(`^(?:${expression})$`, 's').test(text))
      }),
      { numRuns: rounds(3000) },
    )
  })

  it('no pattern keeps it busy', () => {
    const matches = globMatcher(`${'*a'.repeat(200)}b{${'**/,*'.repeat(50)}}`)
    expect(matches('a'.repeat(2000))).toBe(false)
    expect(globMatcher('{a,b}'.repeat(200))('ab'.repeat(100))).toBe(true)
    for (const pattern of ['{'.repeat(1000), '{a'.repeat(5000), 'a'.repeat(1001)])
      expect(() => globMatcher(pattern)).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })

  it('a brace that is not closed is refused', () => {
    expect(() => globMatcher('{a')).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})
