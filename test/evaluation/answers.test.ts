import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext, silentLog } from '../../src/core/context.js'
import type { Json } from '../../src/core/index.js'
import {
  accuracy,
  exactMatch,
  type Normalization,
  normalizations,
  pairScores,
  readScoreFile,
} from '../../src/evaluation/index.js'
import { normalized } from '../../src/evaluation/normalization.js'

const warnings: string[] = []
const context = callContext({ log: { ...silentLog, warn: (message) => void warnings.push(message) } })
const folder = mkdtempSync(join(tmpdir(), 'sheikh-answers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function file(content: string | Uint8Array): string {
  files += 1
  const path = join(folder, `${files}.jsonl`)
  writeFileSync(path, content)
  return path
}
type Pair = readonly [prediction: unknown, target: unknown]
const linesOf = (answers: readonly Pair[]) =>
  answers.map(([prediction, target], id) => JSON.stringify({ id, prediction, target })).join('\n')
const compare = async (candidate: readonly Pair[], baseline: readonly Pair[], normalize?: readonly Normalization[]) =>
  pairScores(
    await readScoreFile(file(linesOf(candidate)), context, { normalize }),
    await readScoreFile(file(linesOf(baseline)), context, { normalize }),
  )

describe('answers that are never equal', () => {
  it.each<[string, Pair, RegExp]>([
    ['a number against text', ['3', 3], /line 2: prediction "3", target 3.*--normalize number/],
    ['text against a number', [3, '3'], /line 2: prediction 3, target "3"/],
    ['a truth value against text', ['True', true], /line 2: prediction "True", target true/],
    ['another way to write the number', [' 3.0', 3], /line 2: prediction " 3.0", target 3/],
  ])('%s is an error, though other items are right', async (_, pair, message) => {
    const answers: Pair[] = [['a', 'a'], pair, ['b', 'b']]
    const plain: Pair[] = [
      ['a', 'a'],
      ['x', pair[1]],
      ['b', 'b'],
    ]
    await expect(compare(answers, plain)).rejects.toMatchObject({
      code: 'evaluation-invalid',
      message: expect.stringMatching(message),
    })
  })

  it.each<[string, Pair, string]>([
    ['space', [' A ', 'A'], '--normalize trim'],
    ['a full stop', ['A.', 'A'], '--normalize punctuation'],
    ['case', ['a', 'A'], '--normalize case'],
    ['more than one', [' **a.** ', 'A'], '--normalize trim,case,punctuation,number'],
    ['other words', ['The answer is A', 'A'], 'or write a "score"'],
  ])('no item right for either model, by %s: an error with two examples', async (_, pair, remedy) => {
    await expect(compare([pair, pair, pair], [pair, pair, pair])).rejects.toMatchObject({
      code: 'evaluation-invalid',
      message: expect.stringMatching(/neither model has a correct item.*line 1: .*line 2: /),
    })
    await expect(compare([pair, pair], [pair, pair])).rejects.toThrow(remedy)
  })

  it('a wrong word where a number is wanted is a wrong answer', async () => {
    const { candidate } = await compare(
      [
        [3, 3],
        ['none', 4],
      ],
      [
        [3, 3],
        [5, 4],
      ],
    )
    expect(candidate.metrics[0]!.value).toBe(0.5)
  })

  it('one model that has nothing right is judged', async () => {
    const { candidate, baseline } = await compare(
      [
        ['b', 'a'],
        ['a', 'b'],
      ],
      [
        ['a', 'a'],
        ['b', 'b'],
      ],
    )
    expect([candidate.metrics[0]!.value, baseline.metrics[0]!.value]).toEqual([0, 1])
  })

  it('near misses beside right answers are a warning', async () => {
    warnings.length = 0
    await compare(
      [
        ['A', 'A'],
        ['b.', 'b'],
      ],
      [
        ['A', 'A'],
        ['b', 'b'],
      ],
    )
    expect(warnings).toEqual([
      expect.stringMatching(/1 of 2 items are wrong only because of .*--normalize punctuation/),
    ])
  })

  it('normalized, they count as right', async () => {
    const { candidate, baseline } = await compare(
      [
        ['3', 3],
        [' a. ', 'A'],
      ],
      [
        ['4', 3],
        ['B', 'A'],
      ],
      [...normalizations],
    )
    expect([candidate.metrics[0]!.value, baseline.metrics[0]!.value]).toEqual([1, 0])
  })
})

describe('normalized', () => {
  it.each<[readonly Normalization[], Json, Json]>([
    [[], ' A ', ' A '],
    [['trim'], '\u00a0A\r\n', 'A'],
    [['trim'], 'e\u0301', '\u00e9'],
    [['case'], 'ÄB', 'äb'],
    [['punctuation'], '"A".', 'A'],
    [['punctuation'], '(B)', 'B'],
    [['punctuation'], 'C#', 'C#'],
    [['punctuation'], '-5', '-5'],
    [['punctuation'], '.5', '.5'],
    [['punctuation'], '?!', '?!'],
    [['number'], '3', 3],
    [['number'], ' 3.0 ', 3],
    [['number'], '-0', 0],
    [['number'], '1e3', 1000],
    [['number'], '1e400', '1e400'],
    [['number'], '9007199254740993', '9007199254740993'],
    [['number'], '0x10', '0x10'],
    [['number'], '', ''],
    [['number'], 'Infinity', 'Infinity'],
    [['trim', 'punctuation', 'number'], ' 5. ', 5],
  ])('by %j, %j is %j', (steps, value, expected) => {
    expect(normalized(value, steps)).toEqual(expected)
  })

  it('twice is once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.subarray([...normalizations]), (text, steps) => {
        const once = normalized(text, steps)
        expect(normalized(once, steps)).toEqual(once)
      }),
    )
  })
})

describe('metrics of labels and texts', () => {
  const row = (target: unknown) => ({ id: 'a', input: '', target, slices: {} })

  it.each<[string, unknown, readonly Normalization[], number]>([
    ['3', 3, [], 1],
    ['true', true, [], 1],
    ['3', '3', [], 1],
    ['4', 3, [], 0],
    ['null', null, [], 0],
    ['Spam', 'spam', [], 0],
    ['Spam', 'spam', ['case'], 1],
    ['3.0', 3, ['number'], 1],
  ])('%j against %j by %j: %d', (text, target, normalize, score) => {
    expect(accuracy({ normalize }).score(row(target), { kind: 'label', label: text })).toBe(score)
    expect(exactMatch({ normalize }).score(row(target), { kind: 'text', text })).toBe(score)
  })

  it('normalization is part of what a metric is', () => {
    expect(accuracy().describe()).toBeNull()
    expect(accuracy({ normalize: ['trim', 'case'] }).describe()).toEqual({ normalize: ['case', 'trim'] })
  })
})

describe('what a score file may be', () => {
  const lines = '{"id":1,"score":1}\n{"id":2,"score":0}\n'
  const utf16 = (text: string, bigEndian = false) => {
    const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le')
    return bigEndian ? bytes.swap16() : bytes
  }

  it.each<[string, string | Uint8Array]>([
    ['gzip', gzipSync(lines)],
    ['UTF-16', utf16(lines)],
    ['UTF-16, big-endian', utf16(lines, true)],
    ['gzip of UTF-16', gzipSync(utf16(lines))],
    ['joined files with a byte order mark each', `\uFEFF{"id":1,"score":1}\n\uFEFF{"id":2,"score":0}\n`],
    ['one line in a large file', `${' '.repeat(3_000_000)}${lines}`],
  ])('%s is read', async (_, content) => {
    const found = await readScoreFile(file(content), context)
    expect(found.lines.map(({ id, score }) => [id, score])).toEqual([
      ['1', 1],
      ['2', 0],
    ])
  })

  it.each<[string, string | Uint8Array, RegExp]>([
    ['gzip that is cut off', gzipSync(lines.repeat(1000)).subarray(0, 40), /cannot be read/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /UTF-32/],
    ['NUL bytes', '{"id":1,\0"score":1}', /unexpected "\\u0000"/],
    [
      'a target of too many digits',
      '{"id":1,"prediction":1,"target":12345678901234567891}',
      /at \/target has more digits/,
    ],
  ])('%s is refused by name', async (_, content, message) => {
    await expect(readScoreFile(file(content), context)).rejects.toMatchObject({
      code: 'evaluation-invalid',
      message: expect.stringMatching(message),
    })
  })

  it('ids and groups keep all digits; other fields may have any number', async () => {
    const path = file(
      '{"id":1234567890123456789,"group":1234567890123456791,"score":1,"at":1700000000000000001,"x":1e400}',
    )
    const [line] = (await readScoreFile(path, context)).lines
    expect(line).toMatchObject({ id: '1234567890123456789', group: '1234567890123456791' })
  })

  it('an error beside a score counts as answered, with a warning; without a score it does not', async () => {
    warnings.length = 0
    const path = file(
      '{"id":1,"score":0,"error":"expected yes"}\n{"id":2,"error":"out of memory"}\n{"id":3,"score":1,"outcome":"error"}',
    )
    const { lines: read } = await readScoreFile(path, context)
    expect(read.map(({ score, outcome }) => [score, outcome])).toEqual([
      [0, 'ok'],
      [null, 'error'],
      [null, 'error'],
    ])
    expect(warnings).toEqual([expect.stringMatching(/1 item has an "error" next to a score/)])
  })

  it('a named pipe is read, and two pipes are two files', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')]
    expect(spawnSync('mkfifo', [one, other]).status).toBe(0)
    const { spawn } = await import('node:child_process')
    const writer = spawn('bash', ['-c', `printf '${lines}' > '${one}'; printf '${lines}' > '${other}'`])
    const pair = await pairScores(await readScoreFile(one, context), await readScoreFile(other, context))
    expect(pair.candidate.ids).toEqual(['1', '2'])
    writer.kill()
  })

  it('one file given twice is refused, also by a link', async () => {
    const path = file(lines)
    const { linkSync } = await import('node:fs')
    linkSync(path, `${path}.link`)
    const [one, other] = [await readScoreFile(path, context), await readScoreFile(`${path}.link`, context)]
    await expect(pairScores(one, other)).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })
})
