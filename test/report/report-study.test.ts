import { describe, expect, it } from 'vitest'
import { reportStudy, reportStudyHtml } from '../../src/report/index.js'
import { categorical, float, int, type StudyRecord, type StudyTrial } from '../../src/tune/index.js'

const hostile = '</title><script>alert(1)</script>|`\u202e'
const space = {
  rate: float(0.001, 1, { log: true }),
  [hostile]: categorical([hostile, null, true]),
  layers: int(1, 9),
}
const trial = (number: number): StudyTrial => {
  const kind = number % 3 === 0 ? hostile : number % 3 === 1 ? null : true
  // A study of Optuna may have trials without a parameter.
  const parameters = {
    rate: 10 ** (-3 + (number % 4)),
    layers: 1 + (number % 9),
    ...(number !== 5 && { [hostile]: kind }),
  }
  if (number % 10 === 9) return { number, parameters, state: 'failed', reason: `${hostile} x`.repeat(200) }
  if (number % 10 === 8)
    return { number, parameters, state: 'pruned', value: 0.1, rungs: [{ resource: 1, value: 0.1 }] }
  return { number, parameters, state: 'scored', value: 0.5 + number / 1000, rungs: [{ resource: 9, value: 0.5 }] }
}
const study = (count: number): StudyRecord => ({
  ...{ name: hostile, metric: { name: 'accuracy', direction: 'higher-is-better' }, space, resource: 'epochs' },
  trials: Array.from({ length: count }, (_, number) => trial(number)),
})

describe('the report of a study', () => {
  it('shows the best trial, the importance, the trials and the failures', () => {
    const text = reportStudy(study(20))
    expect(text).toContain('**Best: accuracy 0.517, trial 17.**')
    expect(text).toContain('20 trials: 16 with a result, 2 ended early, 2 failed. For accuracy, higher is better.')
    expect(text).toMatch(/\| rate \| 0\.01 \| 0\.001 to 1, logarithmic \| [\d.]+ % \|/)
    expect(text).toMatch(/\| layers \| 9 \| 1 to 9 \| [\d.]+ % \|/)
    const rows = text
      .split('## Trials')[1]!
      .split('## ')[0]!
      .match(/^\| \d+ /gm)!
    expect(rows.map((row) => Number(row.slice(2)))).toEqual([
      17, 16, 15, 14, 13, 12, 11, 10, 7, 6, 5, 4, 3, 2, 1, 0, 8, 18,
    ])
    expect(text.split('## Failed trials')[1]!.match(/^\| \d+ /gm)).toHaveLength(2)
  })

  it('is a page with two plots that draws each scored trial once, and escapes names', () => {
    const page = reportStudyHtml(study(20))
    expect(page).not.toContain('<script>alert')
    const [, plot] = page.split('What was tried')
    // Trial 5 has no value on the second axis: its line has a gap where that is not the first or last axis.
    const drawn = [...plot!.matchAll(/<title>trial (\d+): /g)].map(([, number]) => Number(number))
    expect(new Set(drawn)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17]))
    expect(plot!.match(/stroke="var\(--mark\)"/g)).toHaveLength(2)
    for (const [, points] of page.matchAll(/points="([^"]*)"/g)) expect(points).toMatch(/^[-\d., ]+$/)
  })

  it('writes integers and choices as they are, names that objects have, and lines that pass an axis by', () => {
    const big = { size: int(100_001, 262_144), constructor: float(0, 1), kind: categorical([100_001, 7]) }
    const record: StudyRecord = {
      ...{ name: 'a', metric: { name: '<img src=x> [a](b)\n# H', direction: 'lower-is-better' }, space: big },
      trials: [0, 1].map((number) => ({
        ...{ number, state: 'scored', value: number, parameters: { size: 131_072, kind: 100_001 } },
      })),
    }
    const text = reportStudy(record)
    expect(text).toContain('| size | 131072 | 100001 to 262144 |')
    expect(text).toContain('| kind | 100001 | 100001, 7 |')
    expect(text).not.toContain('native code')
    expect(text).not.toMatch(/[^\\]<img|\n# H|[^\\]\]\(b\)/)
    const [, plot] = reportStudyHtml(record).split('What was tried')
    for (const [, points] of plot!.matchAll(/points="([^"]*)"/g)) expect(points!.split(' ')).toHaveLength(3)
    expect(plot!.match(/<polyline/g)).toHaveLength(2)
  })

  it('says how much of a long study it shows', () => {
    const long = study(1000)
    expect(reportStudy(long)).toContain('The first 200 are shown.')
    expect(reportStudy(long)).toContain('The first 20 of 100 are shown.')
    const page = reportStudyHtml(long)
    expect(page).toContain('The best 500 of 800 are drawn.')
    expect(page.length).toBeLessThan(1_000_000)
  })

  it.each([
    ['nothing', []],
    ['one trial', [trial(0)]],
    ['failures only', [trial(9)]],
    [
      'equal values',
      [0, 1].map((number): StudyTrial => ({ ...trial(number), state: 'scored', value: 1 }) as StudyTrial),
    ],
  ])('of %s is a page too', (_name, trials) => {
    const record = { ...study(0), trials }
    for (const text of [reportStudy(record), reportStudyHtml(record)]) {
      expect(text).not.toMatch(/NaN|undefined|Infinity/)
      expect(text).toContain(
        trials.some(({ state }) => state === 'scored') ? 'Best: accuracy' : 'No trial has a full result.',
      )
    }
  })
})
