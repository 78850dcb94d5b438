import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { project, sheikh, sheikhJson, temporary, write } from './harness.js'

/** Answers of a model, wrong on some of 600 items. */
const answers = (isWrong: (index: number) => boolean) =>
  Array.from({ length: 600 }, (_, index) =>
    JSON.stringify({
      id: `item-${index}`,
      prediction: isWrong(index) ? 'no' : 'yes',
      target: 'yes',
      slices: { third: String(index % 3) },
    }),
  ).join('\n')

async function files(): Promise<string> {
  const folder = await temporary()
  await write(
    folder,
    'old.jsonl',
    answers((index) => index % 10 === 0),
  )
  await write(
    folder,
    'same.jsonl',
    answers((index) => index % 10 === 0 || index === 5),
  )
  await write(
    folder,
    'worse.jsonl',
    answers((index) => index % 10 === 0 || index % 6 === 1),
  )
  await write(
    folder,
    'open.jsonl',
    answers((index) => (index % 10 === 0 && index % 100 !== 0) || index % 50 === 3),
  )
  return folder
}
const compare = (candidate: string) => ['gate', 'compare', '--baseline', 'old.jsonl', '--candidate', candidate]

describe('gate compare', () => {
  it('needs no project: a verdict in a sentence, a table, a plot, and an exit code', async () => {
    const folder = await files()
    const good = await sheikh(folder, compare('same.jsonl'))
    expect(good.code).toBe(0)
    expect(good.out).toMatch(/^\*\*Pass\.\*\* The new model may be released/)
    expect(good.out).toMatch(/\| all \| pass \|/)
    expect(good.out).toMatch(/^all +[┊─│● ]+ pass$/m)
    const bad = await sheikh(folder, compare('worse.jsonl'))
    expect(bad.code).toBe(2)
    expect(bad.out).toMatch(/also failed: .*third=1|failed: third=1/)
    expect((await sheikh(folder, compare('open.jsonl'))).code).toBe(3)
  })

  it('asks for a range if equal scores bound nothing, and for a file in place of a folder', async () => {
    const folder = await temporary()
    const scores = Array.from({ length: 300 }, (_, index) => JSON.stringify({ id: `i${index}`, score: 0.5 })).join('\n')
    for (const name of ['old.jsonl', 'same.jsonl']) await write(folder, name, scores)
    const open = await sheikh(folder, compare('same.jsonl'))
    expect(open.code).toBe(3)
    expect(open.out).toContain('Unknown: the metric has no range')
    expect(open.out).toContain('A range of the metric, which bounds the scores of other items')
    expect(open.out).not.toContain('It does not look better')
    expect((await sheikh(folder, [...compare('same.jsonl'), '--range', '0,1'])).code).toBe(0)
    const { code, err } = await sheikh(folder, compare('.'))
    expect([code, err]).toEqual([1, expect.stringMatching(/Cannot read ".*": it is a folder\. Give a file/)])
  })

  it('tolerates the margin that it is given, and writes what it found', async () => {
    const folder = await files()
    const { code, json } = await sheikhJson(
      folder,
      'gate',
      ...compare('open.jsonl').slice(1),
      '--margin',
      '0.05',
      '--out',
      'report.md',
    )
    expect([code, json.status]).toEqual([0, 'pass'])
    expect(json.findings[0]).toMatchObject({
      margin: 0.05,
      againstVersion: 'old.jsonl',
      regressions: 12,
      improvements: 6,
    })
    expect(await readFile(join(folder, 'report.md'), 'utf8')).toMatch(/^\*\*Pass\.\*\*/)
  })

  it('takes scores of which less is better', async () => {
    const folder = await temporary()
    const losses = (by: number) =>
      Array.from({ length: 100 }, (_, index) =>
        JSON.stringify({ id: index, score: 2 + Math.sin(index) + by * (1 + Math.cos(index)) }),
      ).join('\n')
    await write(folder, 'old.jsonl', losses(0))
    await write(folder, 'worse.jsonl', losses(0.2))
    expect((await sheikh(folder, compare('worse.jsonl'))).code).toBe(0)
    expect((await sheikh(folder, [...compare('worse.jsonl'), '--lower-is-better'])).code).toBe(2)
  })

  it.each([
    [['gate', 'plan', '--items', 'many'], 'invalid-options'],
    [['gate', 'plan', '--items', '300', '--margin', '2'], 'invalid-options'],
    [['gate', 'compare', '--baseline', 'old.jsonl'], 'invalid-options'],
    [['gate', 'decide'], 'invalid-options'],
    [compare('nowhere.jsonl'), 'not-found'],
    [compare('old.jsonl'), 'baseline-mismatch'],
    [[...compare('same.jsonl'), '--margin', 'two'], 'invalid-options'],
    [[...compare('same.jsonl'), '--range', '1,0'], 'invalid-options'],
  ])('%j is an error: %s', async (parameters, code) => {
    const folder = await files()
    const ended = await sheikh(folder, parameters)
    expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining(`[${code}]`) })
  })
})

describe('gate plan', () => {
  it.each(['many', '', '1e999', '5 %'])('names an option whose value is no number: %j', async (value) => {
    const { err } = await sheikh(await temporary(), ['gate', 'plan', '--items', '500', '--margin', value])
    expect(err).toContain(`--margin is ${JSON.stringify(value)}, which is not a number.`)
  })

  it('says what a set of a size can decide, and what it would take', async () => {
    const folder = await temporary()
    const { out } = await sheikh(folder, ['gate', 'plan', '--items', '500', '--discordance', '0.1'])
    expect(out).toMatch(/^With 500 independent items, a margin of 2 points/)
    const { json } = await sheikhJson(folder, 'gate', 'plan', '--items', '500', '--discordance', '0.1')
    expect(json.identical.pass + json.identical.fail + json.identical.inconclusive).toBeCloseTo(1, 12)
    expect(json.worseByTheMargin.pass).toBeLessThanOrEqual(0.05)
    expect(json.smallestMargin).toBeGreaterThan(0.025)
    expect(json.smallestMargin).toBeLessThan(0.04)
  })

  it('passes nothing where too few items are asked for too much', async () => {
    const { json } = await sheikhJson(await temporary(), 'gate', 'plan', '--items', '148')
    expect(json).toMatchObject({ identical: { pass: 0 }, fewestItems: 149 })
  })

  it('knows groups: correlated items decide less, and the answer is in groups', async () => {
    const folder = await temporary()
    const asked = ['gate', 'plan', '--items', '2000', '--discordance', '0.1', '--groups', '400']
    const { out } = await sheikh(folder, asked)
    expect(out).toContain('With 2,000 items in 400 groups (correlation 0.3), a margin of 2 points')
    expect(out).toMatch(/evaluation set needed for that with a margin of 2 points: \d+ groups/)
    const { json } = await sheikhJson(folder, ...asked, '--correlation', '0.1')
    const { json: single } = await sheikhJson(folder, ...asked.slice(0, -2))
    expect(json).toMatchObject({ items: 2000, groups: 400, correlation: 0.1 })
    expect(json.identical.pass).toBeLessThan(single.identical.pass)
    expect((await sheikh(folder, [...asked, '--correlation', '2'])).err).toContain('[invalid-options]')
  })

  it('takes the items of the project where none are given', async () => {
    expect((await sheikhJson(await project(), 'gate', 'plan')).json.items).toBe(80)
    expect((await sheikh(await temporary(), ['gate', 'plan'])).err).toContain('[repository-invalid]')
  })
})

describe('gate test', () => {
  it('measures how often the gate errs on two outputs', async () => {
    const folder = await files()
    const asked = ['gate', 'test', '--baseline', 'old.jsonl', '--candidate', 'open.jsonl', '--margin', '0.05']
    const simulations = String(isWhole ? 200 : 100)
    const { code, out, err } = await sheikh(folder, [...asked, '--simulations', simulations])
    expect(code, err).toBe(0)
    expect(out).toMatch(/^score on 600 independent items, \d/)
    expect(out).toMatch(/true loss +passes +fails +inconclusive\n0 points /)
    expect(err).toContain('0 % of the simulations')
  })

  itInFull('prints its numbers as JSON', async () => {
    const asked = ['gate', 'test', '--baseline', 'old.jsonl', '--candidate', 'open.jsonl', '--margin', '0.05']
    const { json } = await sheikhJson(await files(), ...asked, '--simulations', '200')
    expect(json.falsePass.lower).toBeLessThanOrEqual(0.05)
    expect(json.points).toHaveLength(6)
  })
})

describe('gate plan for many candidates', () => {
  it('with a number of uses prints both power curves', async () => {
    const { code, out } = await sheikh('/', ['gate', 'plan', '--items', '500', '--maximum-evaluations', '50'])
    expect(code).toBe(0)
    expect(out.match(/a model of equal quality passes/g)).toHaveLength(2)
    expect(out).toContain('5 % over all 50 candidates')
  })
})
