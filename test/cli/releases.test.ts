import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { itInFull } from '../in-full.js'
import { commit, editSample, releasedProject, sheikh, sheikhJson } from './harness.js'

it('reproduces a release, or names the first input that is another one now', async () => {
  const cwd = await releasedProject()
  const first = await sheikh(cwd, ['reproduce'])
  expect(first).toMatchObject({ code: 0, out: 'Reproduced 0.1.0 byte for byte.\n' })
  await editSample(cwd)
  const other = await sheikh(cwd, ['reproduce', 'v0.1.0'])
  expect(other.code).toBe(2)
  expect(other.out).toMatch(
    /^Not reproduced: the inputs of 0\.1\.0 differ from the current ones\. First difference, trainingDigest:/,
  )
  expect(other.out).toMatch(/git switch --detach [0-9a-f]{40}\n$/)
  expect((await sheikhJson(cwd, 'reproduce')).json).toMatchObject({
    status: 'not-reproduced',
    difference: { path: 'trainingDigest' },
  })
  expect((await sheikh(cwd, ['reproduce', '9.9.9'])).err).toContain('not-found')
})

itInFull('promotes, releases as a version asked for, and removes old files only when told to', async () => {
  const cwd = await releasedProject()
  const promoted = await sheikh(cwd, ['promote', 'v0.1.0', '--to', 'production', '--by', 'Ada'])
  expect(promoted).toMatchObject({ code: 0, err: '', out: 'The channel "production" points at 0.1.0.\n' })
  expect((await sheikh(cwd, ['ledger', 'show'])).out).toMatch(/promotion +0\.1\.0 to production, by Ada/)
  const refused = await sheikh(cwd, ['promote', '0.1.0', '--to', 'latest'])
  expect(refused.code).toBe(1)
  expect(refused.err).toContain('release-rejected')

  await editSample(cwd)
  const named = await sheikh(cwd, ['run', '--release-as', '2.0.0'])
  expect(named.code, named.err).toBe(0)
  expect(named.out).toMatch(/^Released 2\.0\.0/)
  expect((await sheikh(cwd, ['history'])).out).toMatch(/\*\s+2\.0\.0.*\n\s+0\.1\.0.*production/)

  const nothingSaid = await sheikh(cwd, ['gc'])
  expect(nothingSaid).toMatchObject({ code: 1, err: expect.stringContaining('keep_last') })
  const kept = await sheikh(cwd, ['gc', '--keep-last', '1'])
  expect(kept.out).toContain('keeps  0.1.0  the channel "production" points at 0.1.0')

  const path = join(cwd, 'mlops/pipeline.yaml')
  await writeFile(path, `${await readFile(path, 'utf8')}\nartifacts: { storage: { keep_last: 1 } }\n`)
  await commit(cwd)
  await sheikh(cwd, ['promote', '2.0.0', '--to', 'production'])
  const planned = await sheikhJson(cwd, 'gc')
  expect(planned.json).toMatchObject({ applied: false, remove: [{ version: '0.1.0' }], keep: [{ version: '2.0.0' }] })
  expect((await sheikh(cwd, ['gc'])).out).toContain('Nothing was removed. To remove these files: sheikh gc --apply')
  expect((await sheikh(cwd, ['gc', '--apply'])).out).toMatch(/^removed {2}0\.1\.0 {2}[\d.]+ MB\n/)
  expect((await sheikh(cwd, ['history'])).out).toContain('files removed')
  expect((await sheikh(cwd, ['rollback', '--to', '0.1.0', '--reason', 'x'])).err).toContain('its files were removed')
})

itInFull('withdraws an old release by hand, and shows who decided in log, history, ledger and verify', async () => {
  const cwd = await releasedProject()
  const used = await sheikh(cwd, ['withdraw', '0.1.0', '--reason', 'no licence', '--by', 'Ada'])
  expect(used).toMatchObject({ code: 1, err: expect.stringContaining('sheikh rollback') })
  await editSample(cwd)
  expect((await sheikh(cwd, ['run', '--release-as', '2.0.0'])).code).toBe(0)
  const withdrawn = await sheikh(cwd, ['withdraw', 'v0.1.0', '--reason', 'no licence', '--by', 'Ada'])
  expect(withdrawn).toMatchObject({ code: 0, err: '', out: '0.1.0 is withdrawn: no licence\n' })
  expect((await sheikh(cwd, ['history'])).out).toMatch(/ 0\.1\.0 .*withdrawn: no licence/)
  expect((await sheikh(cwd, ['ledger', 'show'])).out).toMatch(/withdrawal +0\.1\.0.*Ada/)
  expect((await sheikh(cwd, ['log', '0.1.0'])).out).toMatch(
    /[Ww]ithdrawn.*no licence.*Ada|[Ww]ithdrawn.*Ada.*no licence/,
  )
  expect((await sheikh(cwd, ['verify', '0.1.0', '--remote'])).code).toBe(0)
  const { json } = await sheikhJson(cwd, 'runs')
  const reported = await sheikh(cwd, ['report', json.runs[0].runId])
  expect(reported.out).toContain('Version 0.1.0 was withdrawn')
})
