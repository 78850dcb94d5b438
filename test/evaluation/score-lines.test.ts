import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { pairScores, readScoreFile } from '../../src/evaluation/index.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'

const context = callContext()
const folder = mkdtempSync(join(tmpdir(), 'sheikh-scores-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function file(content: string | Uint8Array | readonly unknown[]): string {
  files += 1
  const path = join(folder, `${files}.jsonl`)
  writeFileSync(
    path,
    Array.isArray(content) ? content.map((line) => JSON.stringify(line)).join('\n') : (content as string),
  )
  return path
}
const read = (content: Parameters<typeof file>[0]) => readScoreFile(file(content), context)
const pair = async (candidate: readonly unknown[], baseline: readonly unknown[], options = {}) =>
  pairScores(await read(candidate), await read(baseline), options)

describe('a file of scores', () => {
  it('holds scores, or predictions and targets, or says that there is no answer', async () => {
    const { lines } = await read([
      { id: 'g', score: 0.5, extra: [1] },
      { id: 'a', prediction: 'cat', target: 'cat' },
      { id: 'b', prediction: { x: 1, y: 2 }, target: { y: 2, x: 1 } },
      { id: 'c', prediction: 'cat', target: 'dog', group: 7 },
      { id: 4, score: true },
      { id: 'd', score: null },
      { id: 'e', error: 'out of memory' },
      { id: 'f', score: 1, outcome: 'timeout', slices: { language: 'de', hard: true } },
      { id: 'h', score: 1, error: null, slices: ['hard', 'long'] },
    ])
    expect(lines.map(({ id, score, outcome }) => [id, score, outcome])).toEqual([
      ['4', 1, 'ok'],
      ['a', 1, 'ok'],
      ['b', 1, 'ok'],
      ['c', 0, 'ok'],
      ['d', null, 'error'],
      ['e', null, 'error'],
      ['f', null, 'timeout'],
      ['g', 0.5, 'ok'],
      ['h', 1, 'ok'],
    ])
    expect(lines[3]!.group).toBe('7')
    expect(lines[6]!.slices).toEqual({ language: 'de', hard: 'true' })
    expect(lines[8]!.slices).toEqual({ hard: 'yes', long: 'yes' })
  })

  it('may have blank lines, Windows line ends, a last line without one, and any length', async () => {
    expect((await read('{"id":"a","score":1}\r\n\n{"id":"b","score":0}')).lines).toHaveLength(2)
    const many = Array.from({ length: 30_000 }, (_, index) => ({ id: index, score: 1, text: 'ü'.repeat(50) }))
    expect((await read(many)).lines).toHaveLength(30_000)
  })

  it.each([
    ['a line cut short', '{"id":"a","score":1}\n{"id":"b","sco', 2],
    ['no object', '{"id":"a","score":1}\n[1]\n', 2],
    ['no id', '{"score":1}', 1],
    ['an id that is a list', '{"id":[],"score":1}', 1],
    ['an id twice', '{"id":"a","score":1}\n\n{"id":"a","score":0}', 3],
    ['NaN, which is no JSON', '{"id":"a","score":NaN}', 1],
    ['an infinite score', '{"id":"a","score":1e999}', 1],
    ['a score that is a word', '{"id":"a","score":"high"}', 1],
    ['nothing to score', '{"id":"a","prediction":"x"}', 1],
    ['slices that are a number', '{"id":"a","score":1,"slices":3}', 1],
    ['a slice that is a list', '{"id":"a","score":1,"slices":{"kind":[]}}', 1],
    ['a group that is a list', '{"id":"a","score":1,"group":[]}', 1],
    ['a score that is a deep list', `{"id":"a","score":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 1],
    ['an infinite id', '{"id":1e999,"score":1}', 1],
    ['half a character in a group', '{"id":"a","score":1,"group":"\\ud800"}', 1],
    ['an infinite slice', '{"id":"a","score":1,"slices":[1e999]}', 1],
    ['an infinite target', '{"id":"a","score":1,"target":{"x":-1e999}}', 1],
    ['a prediction of too many levels', `{"id":"a","prediction":${'['.repeat(600)}${']'.repeat(600)},"target":1}`, 1],
    ['no item at all', '\n\n', 1],
    ['nothing', '', 1],
  ])('with %s is refused, and the line is named', async (_, text, line) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'evaluation-invalid', facts: { line } })
  })

  it('that is no UTF-8, or not there, is an error of ours', async () => {
    await expect(read(Buffer.from([0x7b, 0xff, 0xfe]))).rejects.toMatchObject({ code: 'evaluation-invalid' })
    await expect(readScoreFile(join(folder, 'none'), context)).rejects.toMatchObject({ code: 'not-found' })
    await expect(readScoreFile(folder, context)).rejects.toMatchObject({ code: 'evaluation-invalid' })
  })

  it('a field named like a member of every object is no field', async () => {
    await expect(read('{"__proto__":{"id":"a"},"score":1}')).rejects.toMatchObject({ code: 'evaluation-invalid' })
    const [line] = (await read('{"id":"a","score":1,"slices":{"__proto__":"x","constructor":"y"}}')).lines
    expect(Object.keys(line!.slices)).toContain('constructor')
  })

  it('whatever the bytes: lines, or an error of ours', async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '{"id":',
        '"a"',
        ',"score":',
        '1',
        '}',
        '\n',
        '{',
        'null',
        '[',
        ']',
        '"slices":',
        '"error":true',
        '\\u0000',
      ),
      anyText({ maxLength: 4 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (pieces) => {
        try {
          await read(pieces.join(''))
        } catch (error) {
          if (!isSheikhError(error, 'evaluation-invalid')) throw error
        }
      }),
      { numRuns: rounds(500) },
    )
  })

  it('stops when it is aborted, with the reason untouched', async () => {
    const reason = new Error('enough')
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    await expect(readScoreFile(file([{ id: 'a', score: 1 }]), aborted)).rejects.toBe(reason)
  })
})

describe('two files', () => {
  const right = [
    { id: 'a', score: 1 },
    { id: 'b', score: 0 },
  ]

  it('are evaluations of the same items, in whatever order they stand', async () => {
    const { candidate, baseline } = await pair([...right].reverse(), right)
    expect(candidate.ids).toEqual(['a', 'b'])
    expect(candidate.evaluationDigest).toBe(baseline.evaluationDigest)
    expect(candidate.metrics[0]).toMatchObject({ name: 'score', kind: 'binary', value: 0.5 })
    const [one, other] = [await read(right), await read(right)]
    const unsorted = await pairScores(one, { path: 'of a program', lines: [...other.lines].reverse() })
    expect(unsorted.baseline.metrics[0]!.scores).toEqual([1, 0])
    const twice = { path: 'of a program', lines: [...other.lines, other.lines[0]!] }
    await expect(pairScores(one, twice)).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })

  it('have a mean where a score is neither 0 nor 1, in the range that is given', async () => {
    const { baseline } = await pair([{ id: 'a', score: 0.5 }], [{ id: 'a', score: 1 }], { range: [0, 1] })
    expect(baseline.metrics[0]).toMatchObject({ kind: 'mean', range: [0, 1] })
  })

  it.each([
    ['an item more', [...right, { id: 'c', score: 1 }], '"c" is not in'],
    ['an item fewer', right.slice(1), '"a" is not in'],
    ['another target', [{ id: 'a', score: 1, target: 'x' }, right[1]], '"a" differs in target'],
    ['another slice', [right[0], { id: 'b', score: 0, slices: { k: 'x' } }], '"b" differs in target, group or slices'],
  ])('of which one has %s cannot be compared', async (_, candidate, said) => {
    await expect(pair(candidate, right)).rejects.toMatchObject({
      code: 'baseline-mismatch',
      message: expect.stringContaining(said),
    })
  })

  it('that are one are no comparison', async () => {
    const one = await read(right)
    await expect(pairScores(one, one)).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })
})
