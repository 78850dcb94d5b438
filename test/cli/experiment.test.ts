import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { directoryFeedback } from '../../src/feedback/index.js'
import { openRepository } from '../../src/repository/index.js'
import { releasedProject, sheikh, sheikhJson } from './harness.js'

describe('sheikh experiment', () => {
  it('shows the live tests of the ledger, and stops one with a name and a reason', async () => {
    const folder = await releasedProject()
    expect((await sheikh(folder, ['experiment', 'status'])).out).toBe('There is no live test.\n')
    const pipeline = await (await openRepository(folder)).pipeline()
    await pipeline.noteExperiment({
      ...{ name: 'mail', action: 'start', control: '0.1.0', treatment: '0.2.0', step: 0, share: 0.1 },
      reason: 'compares 0.2.0 with 0.1.0 by thumbs',
    })
    const { out } = await sheikh(folder, ['experiment', 'status'])
    expect(out).toMatch(/^mail: 0\.2\.0 against 0\.1\.0, running since .+ in step 1, 10 % get 0\.2\.0: compares/)
    expect((await sheikh(folder, ['experiment', 'stop', 'mail'])).code).toBe(1)
    const stopped = await sheikhJson(folder, 'experiment', 'stop', 'mail', '--reason', 'tried', '--by', 'Ada')
    expect(stopped).toMatchObject({ code: 0, json: { status: 'ended', result: 'stopped', share: 0, by: 'Ada' } })
    const { json } = await sheikhJson(folder, 'experiment', 'status')
    expect(json.experiments).toMatchObject([{ name: 'mail', status: 'ended', reason: 'tried' }])
    expect((await sheikh(folder, ['ledger', 'show'])).out).toMatch(
      /experiment {2}mail: stopped, 0\.2\.0 gets 0 %, by Ada: tried/,
    )
    expect((await sheikh(folder, ['ledger', 'verify'])).code).toBe(0)
  })

  it('reports a live test from the ledger and a folder of feedback', async () => {
    const folder = await releasedProject()
    const pipeline = await (await openRepository(folder)).pipeline()
    await pipeline.noteExperiment({
      ...{ name: 'mail', action: 'start', control: '0.1.0', treatment: '0.2.0', step: 0, share: 0.5, reason: 'begins' },
      planned: {
        steps: [{ share: 0.5, units: 100, atLeastMs: 0 }],
        metrics: [{ name: 'right', kind: 'binary', direction: 'higher-is-better', margin: 0, reads: 'tracked' }],
        confidence: 0.95,
      },
    })
    const without = await sheikh(folder, ['experiment', 'report', 'mail'])
    expect(without.out).toContain('Name its folder with')
    const store = directoryFeedback(join(folder, 'feedback'))
    const place = { name: 'mail', variant: 'treatment', unit: 'a', step: 0 } as const
    const timeMs = Date.now()
    await store.append(
      [
        { kind: 'exposure', id: 'exposure/a', timeMs, experiment: place },
        {
          kind: 'outcome',
          id: 'outcome/a',
          timeMs,
          experiment: { name: 'mail', unit: 'a' },
          metric: 'right',
          value: 1,
        },
      ],
      callContext(),
    )
    const named = ['experiment', 'report', 'mail', '--store', 'feedback']
    expect((await sheikh(folder, named)).out).toMatch(/\| right \| 1 \| unknown \| 100\.0 % \|.* 0 and 1 \|/)
    const { json } = await sheikhJson(folder, ...named)
    expect(json).toMatchObject({ name: 'mail', leftOut: 0, lines: [{ action: 'start' }] })
    expect((await sheikh(folder, [...named, '--out', 'mail.html'])).out).toMatch(/^Wrote .*mail\.html\n$/)
    expect(await readFile(join(folder, 'mail.html'), 'utf8')).toMatch(/^<!doctype html>/)
  })

  it('names what is wrong', async () => {
    const folder = await releasedProject()
    expect((await sheikh(folder, ['experiment', 'start'])).err).toContain('the action must be status, report or stop')
    for (const action of ['stop', 'report'])
      expect((await sheikh(folder, ['experiment', action])).err).toContain(`Cannot ${action} a live test: no name`)
    expect((await sheikh(folder, ['experiment', 'report', 'other'])).err).toContain('Cannot find the live test "other"')
    expect(await sheikh(folder, ['experiment', 'status', 'other'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('Cannot find the live test "other": the ledger'),
    })
    const unknown = await sheikh(folder, ['experiment', 'stop', 'other', '--reason', 'x', '--by', 'Ada'])
    expect(unknown.err).toContain('the ledger has no test with this name')
  })
})
