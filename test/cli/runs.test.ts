import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { ticketSamples } from '../template-project.js'
import { changedProject, commit, heldProject, project, sheikh, sheikhJson, tinyProject, write } from './harness.js'

describe('runs', () => {
  it('are listed newest first, with state, version and decision', async () => {
    const folder = await heldProject()
    const { json } = await sheikhJson(folder, 'runs')
    expect(json.runs).toMatchObject([
      {
        status: 'held',
        reason: 'fail',
        verdict: { status: 'fail', summary: expect.stringContaining('no-regression') },
      },
      { status: 'released', version: '0.1.0', verdict: { status: 'pass' }, startedAtMs: expect.any(Number) },
    ])
    const { code, out, err } = await sheikh(folder, ['runs'])
    expect([code, err]).toEqual([0, ''])
    const lines = out.trimEnd().split('\n')
    expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual(
      json.runs.map((run: { runId: string; status: string; reason?: string }) => [
        run.runId,
        `${run.status}${run.reason === undefined ? '' : ` (${run.reason})`}`,
      ]),
    )
    expect(lines[0]).toContain('must not be released: no-regression')
    expect(lines[1]).toMatch(/ {2}released +0\.1\.0 {2}\d{4}-\d\d-\d\d/)
    expect((await sheikhJson(folder, 'runs', '--limit', '1')).json.runs).toEqual(json.runs.slice(0, 1))
  })

  it('say who decided, and what failed', async () => {
    const folder = await tinyProject()
    expect((await sheikh(folder, ['run'])).code).toBe(0)
    await write(folder, 'dataset/samples/all/new.json', { id: 'new', text: 'apple tart', label: 'fruit' })
    await commit(folder)
    expect((await sheikh(folder, ['run'])).code).toBe(3)
    const { json } = await sheikhJson(folder, 'runs')
    const approved = await sheikh(folder, ['approve', json.runs[0].runId, '--reason', 'looks\nright', '--by', 'Ada'])
    expect(approved.code, approved.err).toBe(0)
    const failed = await sheikh(folder, ['rollback', '--reason', 'x', '--to', '9.9.9', '--by', 'Ada'])
    expect(failed.code).toBe(1)
    const lines = (await sheikh(folder, ['runs'])).out.split('\n')
    expect(lines[0]).toMatch(/ {2}rollback: failed \(not-found\) .*9\.9\.9/)
    expect(lines[1]).toMatch(/ {2}approve: released +0\.1\.1 .*by Ada: looks right$/)
    expect(lines[2]).toMatch(/ {2}released .*The evidence is inconclusive/)
  })

  it('there may be none, and a limit is a number', async () => {
    const folder = await project()
    expect((await sheikh(folder, ['runs'])).out).toBe('No runs yet. Start one with: sheikh run\n')
    expect((await sheikhJson(folder, 'runs')).json).toEqual({ runs: [] })
    expect((await sheikh(folder, ['report'])).err).toContain('no runs yet')
    for (const limit of ['0', 'x', '-1', '1.5'])
      expect((await sheikh(folder, ['runs', `--limit=${limit}`])).err).toContain('not a whole number above 0')
  })
})

describe('report', () => {
  it('without a name is about the last run that judged a model, and takes a run or a version', async () => {
    const folder = await changedProject()
    await sheikh(folder, ['run'])
    const [upToDate, second, { runId: first }] = (await sheikhJson(folder, 'runs')).json.runs
    expect(upToDate).toMatchObject({ status: 'up-to-date', version: '0.1.1' })
    for (const [name, runId] of [
      [[], second.runId],
      [['0.1.1'], second.runId],
      [['v0.1.0'], first],
      [[first], first],
      [[upToDate.runId], upToDate.runId],
    ] as const)
      expect((await sheikhJson(folder, 'report', ...name)).json.runId, name.join()).toBe(runId)
    const { code, err } = await sheikh(folder, ['report', '9.9.9'])
    expect([code, err]).toEqual([1, expect.stringMatching(/"9\.9\.9".*sheikh runs.*\[not-found\]/)])
  })

  it('shows texts only if asked, and only those that the run judged', async () => {
    const folder = await heldProject()
    const without = (await sheikh(folder, ['report'])).out
    for (const heading of ['Confusion matrix', 'Changes in the data since 0.1.0'])
      expect(without).toContain(`## ${heading}`)
    expect(without).not.toContain('Answers on regressed items')
    const { out } = await sheikh(folder, ['report', '--include-text'])
    const rows = [...out.matchAll(/^\| ([a-z]+-\d+) \| (.+?) \| (\w+) \| \w+ \| \w+ \|$/gm)]
    expect(rows).not.toEqual([])
    const samples = await ticketSamples(folder)
    for (const [, id, said, label] of rows) {
      const sample = samples.find((one) => one.id === id)
      expect(sample).toMatchObject({ text: said, label })
      expect(without).not.toContain(said)
    }
    // The texts of today are not those that the run judged.
    await rm(join(folder, 'dataset/evaluation.json'))
    expect((await sheikh(folder, ['evaluation', 'pin', '--share', '0.5'])).err).toBe('')
    const { code, err } = await sheikh(folder, ['report', '--include-text'])
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/have changed since\. Check out [0-9a-f]{40} first.*\[evaluation-invalid\]/s),
    ])
  })
})

describe('compare', () => {
  itInFull('judges the model of a run against that of another, held ones too', async () => {
    const folder = await heldProject()
    const { json } = await sheikhJson(folder, 'runs')
    const held = json.runs[0].runId
    const worse = await sheikh(folder, ['compare', '0.1.0', held])
    expect(worse.code).toBe(2)
    expect(worse.out).toMatch(/^\*\*Fail\.\*\*.*/)
    const better = await sheikhJson(folder, 'compare', held, 'v0.1.0', '--margin', '0.05')
    expect(better).toMatchObject({ code: 0, json: { status: 'pass', before: held } })
    expect((await sheikh(folder, ['compare', held, '0.1.0', '--margin', '0.05', '--out', 'compare.html'])).code).toBe(0)
    expect(await readFile(join(folder, 'compare.html'), 'utf8')).toContain(`0.1.0 compared with run ${held} (held)`)
    expect((await sheikh(folder, ['compare', '0.1.0', '9.9.9'])).err).toContain('[not-found]')
    expect((await sheikh(folder, ['compare', '0.1.0', '0.1.0'])).err).toContain('[baseline-mismatch]')
  })
})
