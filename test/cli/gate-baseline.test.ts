import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sheikh, sheikhJson, temporary, write } from './harness.js'

const lines = (wrongEvery: number) =>
  Array.from({ length: 600 }, (_, index) => JSON.stringify({ id: `item-${index}`, score: +(index % wrongEvery > 0) }))
    .concat('')
    .join('\n')

async function folder(): Promise<string> {
  const path = await temporary()
  await write(path, 'old.jsonl', lines(10))
  await write(path, 'worse.jsonl', lines(5))
  return path
}

describe('gate accept, and compare without a file', () => {
  it('compares with the accepted baseline, and says its age', async () => {
    const path = await folder()
    const accepted = await sheikh(path, ['gate', 'accept', 'old.jsonl'])
    expect(accepted).toMatchObject({ code: 0, err: '' })
    expect(accepted.out).toMatch(/^Accepted 600 items as the baseline "main"\. There is no Git commit to name\. Commit/)
    const compare = (...parameters: readonly string[]) => sheikh(path, ['gate', 'compare', ...parameters])
    const good = await compare('--candidate', 'old.jsonl', '--out', 'report.md')
    expect([good.code, good.err]).toEqual([0, ''])
    expect(good.out).toContain('The baseline "main" was accepted from old.jsonl on ')
    expect((await compare('--candidate', 'worse.jsonl', '--baseline', 'main')).code).toBe(2)
    const { code, json } = await sheikhJson(path, 'gate', 'compare', '--candidate', 'worse.jsonl', '--max-age', '1h')
    expect([code, json.status, json.baseline.name, json.baseline.history]).toEqual([2, 'fail', 'main', 'none'])
  })

  it('takes a name or a file, whichever exists, and refuses to guess', async () => {
    const path = await folder()
    await sheikh(path, ['gate', 'accept', 'old.jsonl', '--name', 'nightly'])
    const compare = (baseline: string) =>
      sheikh(path, ['gate', 'compare', '--candidate', 'worse.jsonl', '--baseline', baseline])
    expect((await compare('nightly')).code).toBe(2)
    expect((await compare('old.jsonl')).code).toBe(2)
    await write(path, 'nightly', lines(4))
    expect((await compare('nightly')).err).toContain('Cannot tell which baseline "nightly" is')
    expect((await compare('./nightly')).code).toBe(0)
    const missing = await compare('nowhere')
    expect(missing.code).toBe(1)
    expect(missing.err).toContain(`no accepted baseline "${join(path, '.sheikh-gate/nowhere.jsonl')}"`)
  })

  it.each([
    [['accept'], 'invalid-options'],
    [['accept', 'nowhere.jsonl'], 'not-found'],
    [['accept', 'old.jsonl', '--name', '../x'], 'invalid-options'],
    [['compare', 'old.jsonl'], 'invalid-options'],
    [['compare', '--candidate', 'old.jsonl'], 'not-found'],
    [['compare', '--candidate', 'old.jsonl', '--baseline-from', 'main'], 'repository-invalid'],
    [['compare', '--candidate', 'old.jsonl', '--max-age', 'soon'], 'invalid-options'],
    [['compare', '--candidate', 'old.jsonl', '--baseline', 'worse.jsonl', '--max-age', '1d'], 'invalid-options'],
  ])('%j is an error: %s', async (parameters, code) => {
    const ended = await sheikh(await folder(), ['gate', ...parameters])
    expect(ended).toMatchObject({ code: 1, out: '', err: expect.stringContaining(`[${code}]`) })
  })
})
