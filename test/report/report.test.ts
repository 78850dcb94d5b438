import { describe, expect, it } from 'vitest'
import { addToPinnedSet, Dataset, memorySamples, pinnedSet } from '../../src/dataset/index.js'
import type { Finding } from '../../src/gate/index.js'
import type { RunRecord } from '../../src/pipeline/index.js'
import { duration, moment, percent } from '../../src/report/index.js'
import { reportComparison, reportRun, reportRunHtml } from '../../src/report/run/index.js'
import { pinned, poison, type Sample, samples, world } from '../pipeline/harness.js'

/** The record of a second run, on other data. */
async function recordOf(data: readonly Sample[]): Promise<RunRecord> {
  const { pipeline, clock } = world()
  await pipeline().run()
  clock.advance(1000)
  await pipeline(data).run()
  return (await pipeline().runs({ limit: 1 }))[0]!
}

describe('the report of a run', () => {
  it('says of a held run what it lost and where, in ids and numbers', async () => {
    const report = reportRun(await recordOf(poison('apple', 'pear')))
    expect(report).toMatch(/^# Run \w+: held \(fail\)\n/)
    expect(report).toContain('Nothing was released')
    expect(report).toMatch(/\| no-regression\(accuracy\) against 0\.1\.0 \| all \| fail \| −\d+\.\d points \|/)
    expect(report).toMatch(/Regressions in no-regression\(accuracy\) against 0\.1\.0 \(\d+ of \d+ shown\): `apple-/)
    expect(report).toMatch(/\| Source key \| sha256:[0-9a-f]{64} \|/)
  })

  it('says of a first release that there was nothing to compare it with', async () => {
    const { pipeline } = world()
    await pipeline().run()
    const report = reportRun((await pipeline().runs())[0]!)
    expect(report).toContain(
      'Version 0.1.0 was released: it is the first release, so there was nothing to compare it with.',
    )
    expect(report).toContain('not-applicable')
  })

  it.each([
    ['up-to-date', 'Nothing to do'],
    ['restored', 'identical to version'],
    ['awaiting-approval', 'sheikh approve'],
    ['failed', 'the disk is full'],
    ['aborted', 'The run was aborted'],
    ['running', 'has not ended'],
  ] as const)('has a sentence for %s', async (status, said) => {
    const record = await recordOf(samples)
    expect(reportRun({ ...record, status, error: { code: undefined, message: 'the disk is full' } })).toContain(said)
  })

  it('says of several candidates what each is worth, which one was chosen, and why', async () => {
    const { pipeline } = world()
    await pipeline().run()
    const two = pipeline(poison('apple', 'pear'), { candidates: { again: { seed: 1 } } })
    await two.run()
    const [record] = await two.runs()
    const report = reportRun(record!)
    expect(report).toContain('| Candidate | Chosen | Result | accuracy | Why |')
    expect(report).toMatch(/\| trainer \| yes \| fail \| 0\.\d+ \| The candidate must not be released: /)
    expect(report).toMatch(/\| again \| no \| fail \| 0\.\d+ \|/)
    expect(report).toContain('5 % / 2, about 2.5 %')
    expect(report).toContain('tend to be too high')
    expect(report).toMatch(/\| train \(again\) \| ran \|/)
    expect(reportRunHtml(record!)).toContain('<h2>Candidates</h2>')
  })

  it('never says of a run that a person released that it passed', async () => {
    const record = await recordOf(poison('apple', 'pear'))
    const released = { ...record, status: 'released', reason: undefined, version: '0.2.0' } as const
    expect(reportRun(released)).toContain('a person overrode the gate')
    const open = { ...record.verdict!, status: 'inconclusive' } as const
    expect(reportRun({ ...released, verdict: open })).toContain('a person approved it')
    const byRule = { ...open, whenInconclusive: 'release' } as const
    expect(reportRun({ ...released, verdict: byRule })).toContain('the policy releases in that case')
    expect(reportRun({ ...released, verdict: { ...open, whenInconclusive: 'hold' } })).toContain('overrode the gate')
  })

  it('holds no text of a sample', async () => {
    const secret = samples.map((sample) => ({ ...sample, text: `${sample.text} TOPSECRET` }))
    const { pipeline } = world()
    const dataset = new Dataset({ source: memorySamples(secret), input: 'text', target: 'label' })
    const ids = pinned.items.map(({ id }) => id)
    const evaluation = pinnedSet(addToPinnedSet(pinned, ids, await dataset.identities()))
    const options = {
      dataset: new Dataset({ source: memorySamples(secret), input: 'text', target: 'label', evaluation }),
    }
    expect(await pipeline([], options).run()).toMatchObject({ status: 'released' })
    const [record] = await pipeline([], options).runs()
    expect(reportRun(record!)).not.toContain('TOPSECRET')
    expect(reportRunHtml(record!)).not.toContain('TOPSECRET')
  })
})

it('names from data do not become markup', () => {
  const finding: Finding = {
    ...({ kind: 'regressions', check: 'mine', status: 'fail', critical: true, metric: 'accuracy' } as const),
    ...({ metricKind: 'binary', against: 'baseline', againstVersion: '<b>' } as const),
    ...{ items: 9, groups: 9, regressions: 1, allowed: 0, regressedIds: ['a`b'] },
    slice: 'category=<img src=x>|`|[a](javascript:b)\n# title',
    reason: 'it is *worse* | \n## much',
  }
  const report = reportComparison({ status: 'fail', summary: '<script>', findings: [finding] } as never)
  expect(report).not.toMatch(/(?<!\\)<(img|script)/)
  expect(report).not.toMatch(/^#/m)
  const rows = report.split('\n').filter((line) => line.startsWith('|'))
  expect(rows).toHaveLength(3)
  expect(new Set(rows.map((row) => row.split(/(?<!\\)\|/).length)).size).toBe(1)
})

it.each([
  [400, '0.4 s'],
  [12_400, '12 s'],
  [185_000, '3 min 5 s'],
  [119_900, '2 min 0 s'],
])('%i ms are %s', (ms, text) => expect(duration(ms)).toBe(text))

it('numbers for people', () => {
  expect(percent(0.98376)).toBe('98.4 %')
  expect(percent(undefined)).toBe('–')
  expect(moment(0)).toBe('1970-01-01 00:00:00 UTC')
})
