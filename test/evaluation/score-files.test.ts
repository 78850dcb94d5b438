import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { callContext, isSheikhError } from '../../src/core/index.js'
import { pairScores, type ReadScoreFileOptions, readScoreFile, type ScoreFile } from '../../src/evaluation/index.js'
import { compareEvaluations } from '../../src/gate/index.js'
import { isWhole, rounds } from '../whole.js'

const warnings: string[] = []
const quiet = () => {}
const context = callContext({
  log: { debug: quiet, info: quiet, warn: (message: string) => warnings.push(message) },
})
const folder = mkdtempSync(join(tmpdir(), 'sheikh-score-files-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
/** What is in use, without garbage, of which versions of Node leave different amounts. */
function heapBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
let files = 0
function file(content: string | Uint8Array): string {
  files += 1
  const path = join(folder, `${files}.txt`)
  writeFileSync(path, content)
  return path
}
const json = (value: unknown) => file(JSON.stringify(value))
const read = (content: string | Uint8Array, options?: ReadScoreFileOptions) =>
  readScoreFile(file(content), context, options)
const parts = ({ lines }: ScoreFile) => lines.map(({ id, score, outcome }) => [id, score, outcome])
const outcomes = ({ lines }: ScoreFile) => {
  const of = (outcome: string) => lines.filter((line) => line.outcome === outcome)
  return {
    ...{ ok: of('ok').length, error: of('error').length, timeout: of('timeout').length },
    sum: Number(lines.reduce((sum, { score }) => sum + (score ?? 0), 0).toFixed(9)),
    groups: new Set(lines.map(({ id, group }) => group ?? id)).size,
  }
}
const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isSheikhError(error, 'evaluation-invalid')) throw error
  return error.message
}

describe('promptfoo', () => {
  it.each(['promptfoo-0.121.20.json', 'promptfoo-0.121.20.jsonl'])(
    '%s: repeats are one group, and an error is no wrong answer',
    async (name) => {
      const found = await readScoreFile(fixture(name), context)
      expect(found).toMatchObject({ format: 'promptfoo', metric: 'pass' })
      expect(outcomes(found)).toEqual({ ok: 6, error: 2, timeout: 2, sum: 4, groups: 5 })
      expect(found.lines.find(({ score }) => score === 0)?.others).toEqual({ exact: 0, length: 0.7, score: 0.35 })
    },
  )

  it('compares another metric, and leaves out tests that do not measure it', async () => {
    warnings.length = 0
    const found = await readScoreFile(fixture('promptfoo-0.121.20.json'), context, { metric: 'length' })
    expect(outcomes(found)).toEqual({ ok: 6, error: 0, timeout: 0, sum: 3.6, groups: 3 })
    expect(warnings).toEqual([expect.stringMatching(/4 of 10 results do not measure "length"/)])
    expect(await refusal(readScoreFile(fixture('promptfoo-0.121.20.json'), context, { metric: 'f1' }))).toMatch(
      /no result has the metric "f1"\. The metrics are "exact", "length", "pass", "score"/,
    )
  })

  it('with several systems needs a choice', async () => {
    const document = JSON.parse(readFileSync(fixture('promptfoo-0.121.20.json'), 'utf8'))
    const results: object[] = document.results.results
    const other = results.map((row) => ({ ...row, provider: { id: 'new', label: 'new model' } }))
    const path = json({ results: { results: [...results, ...other] } })
    expect(await refusal(readScoreFile(path, context))).toMatch(
      /several systems \(provider and prompt\): "capitals × Which .*", "new model × .*--system/,
    )
    expect(outcomes(await readScoreFile(path, context, { system: 'new model' }))).toMatchObject({ ok: 6, groups: 5 })
    expect(await refusal(readScoreFile(path, context, { system: 'none' }))).toMatch(/does not contain "none"/)
    expect(await refusal(readScoreFile(path, context, { system: 'Which country has the capital {{city}}?' }))).toMatch(
      /names several of them/,
    )
  })

  it('a test without assertions measures nothing', async () => {
    const row = { testIdx: 0, promptIdx: 0, success: true, score: 1, vars: { a: 1 }, provider: 'x', failureReason: 0 }
    const bare = { ...row, gradingResult: { pass: true, score: 1, reason: 'No assertions' } }
    expect(await refusal(readScoreFile(json({ results: { results: [bare] } }), context))).toMatch(/no items/)
    // Not graded and not successful: the evaluation failed.
    const results = [
      { ...row, success: false },
      { ...row, vars: { a: 2 }, gradingResult: { componentResults: [{}] } },
    ]
    const { lines } = await readScoreFile(json({ results: { results } }), context)
    expect(lines.map(({ outcome }) => outcome).sort()).toEqual(['error', 'ok'])
  })

  it('the order of the results does not matter', async () => {
    const document = JSON.parse(readFileSync(fixture('promptfoo-0.121.20.json'), 'utf8'))
    document.results.results.reverse()
    const [one, other] = [
      await readScoreFile(fixture('promptfoo-0.121.20.json'), context),
      await readScoreFile(json(document), context),
    ]
    const pair = await pairScores(other, one)
    expect(pair.candidate.metrics[0]!.scores).toEqual(pair.baseline.metrics[0]!.scores)
  })

  it('the verdict is by the chosen metric, and reports the others', async () => {
    const one = await readScoreFile(fixture('promptfoo-0.121.20.json'), context)
    const other = await readScoreFile(fixture('promptfoo-0.121.20.jsonl'), context)
    const { candidate, baseline } = await pairScores(one, other)
    expect(candidate.metrics.map(({ name }) => name)).toEqual(['pass', 'exact', 'length', 'score'])
    const { status, findings } = await compareEvaluations(candidate, baseline, {}, context)
    expect(status).toBe('inconclusive')
    const [first] = findings.filter(({ critical }) => critical)
    expect(first).toMatchObject({ metric: 'pass' })
    expect(findings.find(({ metric }) => metric === 'length')).toMatchObject({
      ...{
        status: 'not-applicable',
        critical: false,
        candidateValue: expect.closeTo(0.6),
        referenceValue: expect.closeTo(0.6),
      },
    })
    const exact = await readScoreFile(fixture('promptfoo-0.121.20.json'), context, { metric: 'exact' })
    await expect(pairScores(exact, other)).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })
})

describe('Vitest', () => {
  it('only a failed assertion is a wrong answer; skipped tests are counted', async () => {
    warnings.length = 0
    const found = await readScoreFile(fixture('vitest-4.1.12.json'), context)
    expect(parts(found)).toEqual([
      ['plain.test.js > numbers calls the model', null, 'error'],
      ['plain.test.js > numbers spells 1', 1, 'ok'],
      ['plain.test.js > numbers spells 2', 1, 'ok'],
      ['plain.test.js > numbers spells 3', 0, 'ok'],
      ['plain.test.js > numbers spells 4', 1, 'ok'],
      ['plain.test.js > numbers spells 7', 1, 'ok'],
      ['plain.test.js > numbers waits for an answer', null, 'timeout'],
      ['plain.test.js > repeated flaky', 1, 'ok'],
    ])
    expect(warnings).toEqual([expect.stringMatching(/2 skipped tests/)])
  })

  it('vitest-evals: the average score, and each judge', async () => {
    const found = await readScoreFile(fixture('vitest-evals-0.16.1.json'), context)
    expect(found.metric).toBe('avgScore')
    expect(outcomes(found)).toEqual({ ok: 6, error: 1, timeout: 0, sum: 5.375 - 1, groups: 7 })
    const pass = await readScoreFile(fixture('vitest-evals-0.16.1.json'), context, { metric: 'pass' })
    expect(outcomes(pass)).toMatchObject({ ok: 6, sum: 4 })
  })

  it('with and without scores in one file needs a choice; a file that did not run is named', async () => {
    warnings.length = 0
    const [plain, evals] = ['vitest-4.1.12.json', 'vitest-evals-0.16.1.json'].map((name) =>
      JSON.parse(readFileSync(fixture(name), 'utf8')),
    )
    const broken = { name: '/project/broken.test.js', status: 'failed', message: 'no package', assertionResults: [] }
    const both = json({ testResults: [...plain.testResults, ...evals.testResults, broken] })
    expect(await refusal(readScoreFile(both, context))).toMatch(/several metrics: .*"avgScore", "pass".*--metric/)
    expect(warnings).toContainEqual(expect.stringMatching(/1 test file could not run/))
  })
})

describe('evalite', () => {
  it('trials are one group, and a timed-out result is no wrong answer', async () => {
    const found = await readScoreFile(fixture('evalite-0.19.0.json'), context)
    expect(found).toMatchObject({ format: 'evalite', metric: 'averageScore' })
    expect(outcomes(found)).toMatchObject({ ok: 6, error: 2, timeout: 2, groups: 6 })
    const exact = await readScoreFile(fixture('evalite-0.19.0.json'), context, { metric: 'Exact' })
    expect(outcomes(exact)).toMatchObject({ ok: 6, sum: 4 })
  })
})

describe('lm-evaluation-harness', () => {
  it('several metrics or filters need a choice', async () => {
    expect(await refusal(readScoreFile(fixture('lm-eval-0.4.13-choices.jsonl'), context))).toMatch(
      /several metrics: "acc", "acc_norm"\. Choose one with --metric/,
    )
    expect(await refusal(readScoreFile(fixture('lm-eval-0.4.13-capitals.jsonl'), context))).toMatch(
      /several systems \(filter\): "strict", "flexible"\. Choose one with --system/,
    )
    const acc = await readScoreFile(fixture('lm-eval-0.4.13-choices.jsonl'), context, { metric: 'acc' })
    expect(outcomes(acc)).toMatchObject({ ok: 4, sum: 2, groups: 4 })
    const strict = await readScoreFile(fixture('lm-eval-0.4.13-capitals.jsonl'), context, { system: 'strict' })
    expect(outcomes(strict)).toMatchObject({ ok: 4, sum: 1 })
  })

  it('a changed document is another item', async () => {
    const text = readFileSync(fixture('lm-eval-0.4.13-choices.jsonl'), 'utf8')
    const one = await read(text, { metric: 'acc' })
    const other = await read(text.replace('"doc_hash": "5116', '"doc_hash": "5117'), { metric: 'acc' })
    await expect(pairScores(one, other)).rejects.toMatchObject({ code: 'baseline-mismatch' })
  })
})

describe('Inspect', () => {
  const name = 'inspect-0.3.285.json'

  it('epochs are one group, the headline score is compared, and what is late is no wrong answer', async () => {
    const found = await readScoreFile(fixture(name), context)
    expect(found).toMatchObject({ format: 'inspect', metric: 'match' })
    expect(outcomes(found)).toEqual({ ok: 6, error: 2, timeout: 2, sum: 4, groups: 5 })
    const length = await readScoreFile(fixture(name), context, { metric: 'length/characters' })
    expect(outcomes(length)).toMatchObject({ ok: 6, error: 2, timeout: 2, sum: 28 })
    expect(outcomes(await readScoreFile(fixture(name), context, { metric: 'length/brief' }))).toMatchObject({ sum: 2 })
  })

  it('a changed question is another item, and a grade that is no number is no answer', async () => {
    const text = readFileSync(fixture(name), 'utf8')
    const changed = await read(text.replaceAll('the capital of France', 'the largest city of France'))
    await expect(pairScores(await read(text), changed)).rejects.toMatchObject({ code: 'baseline-mismatch' })
    expect(outcomes(await read(text.replaceAll('"value": "I"', '"value": "unsure"')))).toMatchObject({
      ok: 4,
      error: 4,
    })
    expect(outcomes(await read(text.replaceAll('"value": "I"', '"value": "P"')))).toMatchObject({ ok: 6, sum: 5 })
  })
})

describe('DeepEval', () => {
  const name = 'deepeval-4.3.1.json'

  it('cases of the same content are one group, and an error of a metric is no wrong answer for that metric', async () => {
    const found = await readScoreFile(fixture(name), context)
    expect(found).toMatchObject({ format: 'deepeval', metric: 'pass' })
    expect(outcomes(found)).toEqual({ ok: 6, error: 2, timeout: 2, sum: 2, groups: 5 })
    const length = await readScoreFile(fixture(name), context, { metric: 'Length' })
    expect(outcomes(length)).toMatchObject({ ok: 6, error: 2, timeout: 2, sum: 2.8 })
    const exact = await readScoreFile(fixture(name), context, { metric: 'Exact Match' })
    expect(outcomes(exact)).toMatchObject({ ok: 10, sum: 8 })
  })

  it('a case without a name of its own is the same item in another order; conversations are counted', async () => {
    warnings.length = 0
    const document = JSON.parse(readFileSync(fixture(name), 'utf8'))
    const numbered = (cases: readonly object[]) =>
      json({
        ...document,
        testCases: [
          ...cases.map((one, index) => ({ ...one, name: `test_case_${index}` })),
          { name: 'unmeasured', input: 'Hello', success: true },
        ],
        conversationalTestCases: [{ name: 'talk', turns: [], metricsData: [] }],
      })
    const [one, other] = [numbered(document.testCases), numbered(document.testCases.toReversed())]
    const ids = async (path: string) => (await readScoreFile(path, context)).lines.map(({ id }) => id)
    expect(await ids(other)).toEqual(await ids(one))
    expect(warnings).toContainEqual(expect.stringMatching(/2 conversations or test cases without metrics are not/))
  })
})

describe('CSV', () => {
  it.each([
    ['commas', 'id,score,group\na,1,g\nb,0.5,g\nc,,g\n'],
    [
      'semicolons, quotes, CRLF and a byte order mark',
      '\uFEFF"id";"score";"note"\r\n"a";"1";"x;\r\ny"\r\n"b";".5";\r\n"c";"";""\r\n',
    ],
  ])('with %s', async (_, content) => {
    expect(parts(await read(content))).toEqual([
      ['a', 1, 'ok'],
      ['b', 0.5, 'ok'],
      ['c', null, 'error'],
    ])
  })

  it('predictions and targets are text', async () => {
    const found = await read('id,prediction,target\n1,ham,ham\n2,,ham\n')
    expect(parts(found)).toEqual([
      ['1', 1, 'ok'],
      ['2', 0, 'ok'],
    ])
  })

  it('what promptfoo writes is read by its columns', async () => {
    expect(await refusal(readScoreFile(fixture('promptfoo-0.121.20.csv'), context))).toMatch(/is not recognised/)
    const found = await readScoreFile(fixture('promptfoo-0.121.20.csv'), context, { id: 'city', pass: 'Status' })
    expect(outcomes(found)).toEqual({ ok: 6, error: 4, timeout: 0, sum: 4, groups: 5 })
  })

  it.each([
    ['a row with too few fields', 'id,score\na,1\nb\n'],
    ['a decimal comma', 'id;score\na;0,5\n'],
    ['NaN', 'id,score\na,NaN\n'],
    ['an id twice', 'id,score\na,1\na,0\n'],
    ['a quote that is not closed', 'id,score\n"a,1\n'],
    ['only a header', 'id,score\n'],
  ])('with %s is refused', async (_, content) => {
    await refusal(read(content))
  })
})

describe('any other file', () => {
  const rows = [
    { meta: { key: 'a', 'a/b': 'q' }, result: { f1: 0.5, ok: 'PASS' }, lang: 'de' },
    { meta: { key: 'a' }, result: { f1: 1, ok: false }, lang: 'de' },
    { meta: { key: 'b' }, result: { f1: null, ok: 'timeout' }, lang: 'en' },
  ]
  const lines = rows.map((row) => JSON.stringify(row)).join('\n')

  it('is read by paths; equal ids are repeats of one item', async () => {
    const found = await read(lines, { id: 'meta.key', score: '/result/f1', slices: ['language=lang'] })
    expect(found.lines).toEqual([
      { id: 'a #1', score: 0.5, outcome: 'ok', target: null, group: 'a', slices: { language: 'de' } },
      { id: 'a #2', score: 1, outcome: 'ok', target: null, group: 'a', slices: { language: 'de' } },
      { id: 'b', score: null, outcome: 'error', target: null, slices: { language: 'en' } },
    ])
    const passed = await read(JSON.stringify(rows), { id: 'meta.key', pass: 'result.ok', group: 'lang' })
    expect(passed.lines.map(({ score, outcome, group }) => [score, outcome, group])).toEqual([
      [1, 'ok', 'de'],
      [0, 'ok', 'de'],
      [null, 'timeout', 'en'],
    ])
  })

  it('without them is an error that shows the first row, without control characters, and names the options', async () => {
    const hostile = `{"name":"\u009b2J\u202e","text":"${'x'.repeat(1000)}"}`
    for (const content of [hostile, `${hostile}\n${hostile}`, `[${hostile}]`, `some ${hostile}`, '7']) {
      const message = await refusal(read(content))
      expect(message).toMatch(/not recognised\. The first row is .*--id.*--score.*--pass.*--group.*--slice.*--format/)
      expect(message).not.toMatch(/[\p{Cc}\u202e]/u)
      expect(message.length).toBeLessThan(600)
    }
  })

  it.each<[string, ReadScoreFileOptions, RegExp]>([
    [
      'a path that is missing',
      { id: 'meta.key', score: 'result.f2' },
      /--score names "result.f2", which the row does not/,
    ],
    ['text as a score', { id: 'meta.key', score: 'lang' }, /its "score" is "de"/],
    ['a word that is no answer', { id: 'meta.key', pass: 'lang' }, /"de" is neither pass nor fail/],
    ['an object as an id', { id: 'meta', score: 'result.f1' }, /no "id" that is text or a number/],
    ['an object as a slice', { id: 'meta.key', score: 'result.f1', slices: ['meta'] }, /--slice names "meta"/],
    ['the wrong format', { format: 'promptfoo' }, /not a file of the format promptfoo/],
  ])('with %s is refused', async (_, options, message) => {
    expect(await refusal(read(lines, options))).toMatch(message)
  })

  it.each<[ReadScoreFileOptions]>([
    [{ format: 'excel' as 'csv' }],
    [{ score: 'a', pass: 'b' }],
    [{ format: 'vitest', score: 'a' }],
    [{ format: 'csv', system: 'a' }],
  ])('options that contradict each other are refused: %j', async (options) => {
    await expect(read(lines, options)).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('several metrics of our own rows: one is chosen, the others are kept', async () => {
    const own = '{"id":"a","scores":{"f1":0.5,"em":true}}'
    expect(await refusal(read(own))).toMatch(/its "scores" are "f1", "em"; choose one with --metric/)
    const chosen = await read(own, { metric: 'f1' })
    expect(chosen).toMatchObject({ metric: 'f1', lines: [{ score: 0.5, others: { em: 1 } }] })
    const other = await read('{"id":"a","scores":{"em":1}}')
    await expect(pairScores(chosen, other)).rejects.toMatchObject({ code: 'baseline-mismatch' })
    const failed = '{"id":"c","outcome":"Error","score":0}\n'
    for (const row of ['{"id":"b","scores":{"f1":1}}', '{"id":"b","score":1}'])
      expect(await refusal(read(`${failed}{"id":"a","scores":{"em":1}}\n${row}`))).toMatch(
        /line 3: its score is a value of "(f1|score)", and that of an earlier one of "em"/,
      )
    expect(parts(await read(`${failed}{"id":"a","scores":{"em":1}}`))).toContainEqual(['c', null, 'error'])
  })
})

describe('hostile files', () => {
  const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
  const promptfooRow = (vars: string) =>
    `{"testIdx":0,"promptIdx":0,"success":true,"score":1,"gradingResult":{"componentResults":[{}]},"vars":${vars},"provider":"x"}`

  it.each([
    ['deep variables of promptfoo', `{"results":{"results":[${promptfooRow(deep)}]}}`],
    ['a deep line of promptfoo', promptfooRow(deep)],
    [
      'a deep input of evalite',
      `{"evals":[{"results":[{"status":"success","input":${deep},"scores":[{"score":1}]}]}]}`,
    ],
    ['a deep document', `{"a":${deep}}`],
    ['a deep list', deep],
    ['a deep list with a large number', `{"a":${deep.replace('][', '12345678901234567890')}}`],
    ['a target of too many levels', `{"doc_id":1,"resps":[],"acc":1,"target":${deep}}`],
    ['results that are no objects', '{"results":{"results":[1,null]}}'],
    ['tests that are no objects', '{"testResults":[1,{"assertionResults":[null]},{"assertionResults":7}]}'],
    ['no tests', '{"testResults":[]}'],
    ['no results', '{"results":{"results":[]}}'],
    ['evaluations that are no objects', '{"evals":[null,{"results":"x"}]}'],
    ['a row of another program', `${promptfooRow('{}')}\n{"id":1,"score":1}`],
    ['an empty list', '[]'],
    ['deep items of our own', `{"id":"a","score":1,"slices":${deep}}`],
    ['infinite scores only', '{"doc_id":1,"resps":[],"acc":1e999,"metrics":["acc"]}'],
    ['names of every object', '{"__proto__":{"testResults":[]},"constructor":1}'],
  ])('%s: an error of ours', async (_, content) => {
    await refusal(read(content))
  })

  it('a repeat has no name that another item has', async () => {
    const rows = ['a', 'a', 'a #1', 'a #3', 'a'].map((id) => `{"id":"${id}","score":1}`).join('\n')
    const { lines } = await read(rows, { id: 'id' })
    expect(lines.map(({ id }) => id)).toEqual(['a #1', 'a #2', 'a #3', 'a #4', 'a #5'])
  })

  it('a group or slice that no row has is an error, not independent items', async () => {
    const rows = '{"id":"a","score":1,"meta":{"g":"x"}}\n{"id":"b","score":1}'
    expect((await read(rows, { group: 'meta.g', slices: ['k=meta.g'] })).lines[0]).toMatchObject({ group: 'x' })
    expect(await refusal(read(rows, { group: 'meta.h' }))).toContain('--group names "meta.h", which no row has')
    expect(await refusal(read(rows, { slices: ['meta.g', 'k=g'] }))).toContain('--slice names "k=g", which no row has')
    const tool = '{"doc_id":1,"resps":[],"acc":1}'
    expect(await refusal(read(tool, { group: 'doc.h' }))).toContain('--group names "doc.h", which no row has')
  })

  it('deep values at the paths that are given are an error of ours', async () => {
    const row = `{"id":"a","x":${deep}}`
    for (const options of [{ score: 'x' }, { pass: 'x' }, { id: 'x', score: 'id' }, { score: 'y' }])
      await refusal(read(row, options))
  })

  it('ids are cut and escaped in messages, so that they cannot begin a line', async () => {
    const id = JSON.stringify(`a\n::error::x\u009b31m${'y'.repeat(1000)}`)
    const row = `{"id":${id},"score":1}`
    const shown = /"a\\u000a::error::x\\u009b31my+…"/
    const twice = await refusal(read(`${row}\n${row}`))
    const pair = pairScores(await read(row), await read('{"id":"b","score":1}'))
    const absent = await pair.then(
      () => '',
      (error: Error) => error.message,
    )
    for (const message of [twice, absent]) {
      expect(message).toMatch(shown)
      expect(message.length).toBeLessThan(600)
    }
  })

  it('ids and metrics with names of every object are ordinary', async () => {
    const found = await read(
      '{"doc_id":"__proto__","resps":[],"metrics":["constructor","__proto__"],"constructor":1,"__proto__":0}',
      {
        metric: '__proto__',
      },
    )
    expect(found.lines).toMatchObject([{ id: '__proto__', score: 0 }])
    const rows = '[{"k":"__proto__","s":1},{"k":"constructor","s":0},{"k":"__proto__","s":1}]'
    expect(parts(await read(rows, { id: 'k', score: 's' }))).toEqual([
      ['__proto__ #1', 1, 'ok'],
      ['__proto__ #2', 1, 'ok'],
      ['constructor', 0, 'ok'],
    ])
  })

  it.each([
    'promptfoo-0.121.20.json',
    'vitest-evals-0.16.1.json',
    'evalite-0.19.0.json',
    'lm-eval-0.4.13-choices.jsonl',
    'inspect-0.3.285.json',
    'deepeval-4.3.1.json',
    'promptfoo-0.121.20.csv',
  ])('%s, cut or changed anywhere, is read or refused', async (name) => {
    const bytes = readFileSync(fixture(name))
    const options = name.endsWith('csv')
      ? { id: 'city', pass: 'Status' }
      : name.startsWith('lm')
        ? { metric: 'acc' }
        : {}
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.constantFrom('cut', 'byte', 'gzip'),
        fc.nat(255),
        async (at, change, byte) => {
          const changed = Buffer.from(bytes)
          if (change === 'byte') changed[at] = byte
          const whole = gzipSync(bytes)
          const content =
            change === 'cut'
              ? bytes.subarray(0, at)
              : change === 'byte'
                ? changed
                : whole.subarray(0, at % whole.length)
          try {
            expect((await read(content, options)).lines.length).toBeGreaterThan(0)
          } catch (error) {
            if (!isSheikhError(error, 'evaluation-invalid')) throw error
          }
        },
      ),
      { numRuns: rounds(150) },
    )
  })

  it('gzip of any format is read; a gzip bomb is refused before it fills the memory', async () => {
    const whole = await read(gzipSync(readFileSync(fixture('promptfoo-0.121.20.json'))))
    expect(outcomes(whole)).toMatchObject({ ok: 6, error: 2, timeout: 2 })
    const bomb = join(folder, 'bomb.gz')
    // A file of gzip may have many members. To pack each of them takes long.
    const member = gzipSync(Buffer.alloc(1 << 20, ' '))
    writeFileSync(
      bomb,
      Buffer.concat([gzipSync('{"results":{"results":["'), ...Array.from({ length: 300 }, () => member)]),
    )
    expect(await refusal(readScoreFile(bomb, context))).toMatch(/too long for one item/)
  })

  it('a file of many results, a hundred thousand in CI, is read as it arrives', async () => {
    const count = isWhole ? 100_000 : 20_000
    const path = join(folder, 'many.jsonl')
    const padding = 'x'.repeat(2000)
    async function* rows() {
      for (let index = 0; index < count; index += 1)
        yield `${JSON.stringify({ doc_id: index, doc_hash: `h${index}`, resps: [[padding]], filter: 'none', metrics: ['acc'], acc: index % 2 })}\n`
    }
    await pipeline(Readable.from(rows()), createWriteStream(path))
    const before = heapBytes()
    const { lines } = await readScoreFile(path, context)
    const after = heapBytes()
    expect(lines).toHaveLength(count)
    // The file has 2 kB an item. What is kept of one are an id, a score and a target.
    expect(after - before).toBeLessThan(1000 * count)
  })
})
