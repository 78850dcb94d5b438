import { execFileSync } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { initGitRepository } from '../../src/repository/git/index.js'
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

  it('accepts the file of a tool, and compares the metric that was accepted', async () => {
    const path = await folder()
    const results = join(import.meta.dirname, '../evaluation/fixtures/promptfoo-0.121.20.json')
    const accepted = await sheikh(path, ['gate', 'accept', results])
    expect(accepted).toMatchObject({ code: 0, err: expect.stringMatching(/^warning: 4 of 10 items have no answer /) })
    const compare = (...parameters: readonly string[]) =>
      sheikh(path, ['gate', 'compare', '--candidate', results, ...parameters])
    expect(await compare()).toMatchObject({ code: 3, out: expect.stringContaining('pass') })
    expect((await compare('--metric', 'score')).err).toContain('[baseline-mismatch]')
    expect((await compare('--format', 'excel')).err).toContain('[invalid-options]')
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

  it('names the remedy if the baseline of a commit is asked for, and there is no commit', async () => {
    const path = await folder()
    await sheikh(path, ['gate', 'accept', 'old.jsonl'])
    const compare = ['gate', 'compare', '--candidate', 'worse.jsonl', '--baseline-from', 'HEAD']
    expect((await sheikh(path, compare)).err).toMatch(/not in a Git repository\. .*--baseline <file>/)
    await initGitRepository(path)
    const { code, err } = await sheikh(path, compare)
    expect([code, err]).toEqual([1, expect.stringContaining('has no commit yet. Commit the accepted baseline')])
    expect(err).not.toContain('fetch-depth')
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

describe('gate compare --github', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })
  const inActions = (path: string, more: Readonly<Record<string, string>> = {}) => {
    const names = ['GITHUB_TOKEN', 'GITHUB_EVENT_PATH', 'GITHUB_BASE_REF']
    for (const name of names) vi.stubEnv(name, '')
    vi.stubEnv('GITHUB_OUTPUT', join(path, 'output'))
    vi.stubEnv('GITHUB_STEP_SUMMARY', join(path, 'summary'))
    for (const [name, value] of Object.entries(more)) vi.stubEnv(name, value)
  }

  it('writes the verdict, the figures and the summary, and keeps the exit code', async () => {
    const path = await folder()
    await sheikh(path, ['gate', 'accept', 'old.jsonl'])
    inActions(path)
    const { code, out } = await sheikh(path, ['gate', 'compare', '--candidate', 'worse.jsonl', '--github'])
    expect(code).toBe(2)
    expect(out).toMatch(/^::stop-commands::[\s\S]*\n::error title=sheikh gate::The candidate must not be released/)
    const output = await readFile(join(path, 'output'), 'utf8')
    for (const line of [
      ...['verdict<<X fail X', 'difference<<X -0.1 X', 'items<<X 600 X', 'candidate<<X 0.8 X', 'baseline<<X 0.9 X'],
      'baseline-age-days<<X 0 X',
    ])
      expect(output.replace(/end-[0-9a-f-]+/g, 'X').replaceAll('\n', ' ')).toContain(line)
    expect(await readFile(join(path, 'summary'), 'utf8')).toMatch(/^### sheikh gate\n\n\*\*Fail\.\*\*/)
  })

  it('reports that nothing was compared, as an error', async () => {
    const path = await folder()
    inActions(path)
    const { code, err } = await sheikh(path, ['gate', 'compare', '--candidate', 'absent.jsonl', '--github'])
    expect(code).toBe(1)
    expect(err).toContain('::error title=sheikh gate::Nothing was compared.')
    expect(await readFile(join(path, 'output'), 'utf8')).toMatch(/^verdict<<(\S+)\nerror\n/)
    const unscored = Array.from({ length: 600 }, (_, index) => JSON.stringify({ id: `item-${index}`, score: null }))
    await write(path, 'none.jsonl', unscored.join('\n'))
    const none = await sheikh(path, ['gate', 'compare', '--candidate', 'none.jsonl', '--baseline', 'old.jsonl'])
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('no item of the candidate has a score')])
  })

  it('judges a pull request by the baseline of its base branch, and first says that it changes the baseline', async () => {
    const path = await folder()
    const git = (...parameters: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@localhost', ...parameters], { cwd: path })
    git('init', '-q', '-b', 'main')
    await sheikh(path, ['gate', 'accept', 'old.jsonl'])
    git('add', '.')
    git('commit', '-qm', 'first')
    git('checkout', '-q', '-b', 'topic')
    inActions(path, { GITHUB_BASE_REF: 'main' })
    const compare = () => sheikhJson(path, 'gate', 'compare', '--candidate', 'worse.jsonl', '--github')
    expect((await compare()).json).toMatchObject({ status: 'fail', baseline: { changedHere: false } })
    await sheikh(path, ['gate', 'accept', 'worse.jsonl'])
    expect((await compare()).json).toMatchObject({ status: 'fail', baseline: { changedHere: true } })
    // A merge queue has no base branch.
    const event = { merge_group: { base_sha: git('rev-parse', 'main').toString().trim() } }
    await write(path, 'event.json', JSON.stringify(event))
    inActions(path, { GITHUB_EVENT_PATH: join(path, 'event.json') })
    expect((await compare()).json).toMatchObject({ status: 'fail', baseline: { changedHere: true } })
    inActions(path, { GITHUB_BASE_REF: 'main' })
    expect((await compare()).json).toMatchObject({ status: 'fail' })
    const summary = await readFile(join(path, 'summary'), 'utf8')
    expect(summary).toContain(
      '### sheikh gate\n\n**The baseline was changed here.** The comparison uses the version of main',
    )
    // Nor can it put a file of its own in the place of a baseline that it deletes.
    await rm(join(path, '.sheikh-gate/main.jsonl'))
    const named = ['gate', 'compare', '--candidate', 'worse.jsonl', '--github', '--baseline', 'main']
    expect((await sheikhJson(path, ...named)).json).toMatchObject({ status: 'fail', baseline: { changedHere: true } })
    await write(path, 'main', lines(4))
    expect((await sheikh(path, named)).err).toContain('Cannot tell which baseline "main" is')
  })
})
