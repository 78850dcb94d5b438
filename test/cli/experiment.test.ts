import { describe, expect, it } from 'vitest'
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

  it('names what is wrong', async () => {
    const folder = await releasedProject()
    expect((await sheikh(folder, ['experiment', 'start'])).err).toContain('the action must be status or stop')
    expect((await sheikh(folder, ['experiment', 'stop'])).err).toContain('no name was given')
    expect(await sheikh(folder, ['experiment', 'status', 'other'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no live test "other" in the ledger'),
    })
    const unknown = await sheikh(folder, ['experiment', 'stop', 'other', '--reason', 'x', '--by', 'Ada'])
    expect(unknown.err).toContain('the ledger has no test with this name')
  })
})
