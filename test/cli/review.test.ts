import { execFileSync } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Review } from '../../src/repository/index.js'
import { startGitHub } from '../../src/testing.js'
import { itInFull } from '../in-full.js'
import { project, sheikh, sheikhJson, temporary } from './harness.js'

// The other files of this process read the same variables.
afterEach(() => void vi.unstubAllEnvs())

const git = (root: string, ...parameters: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@localhost', ...parameters], {
    cwd: root,
    encoding: 'utf8',
  }).trim()

/** Commits a change of one file. */
async function change(root: string, path: string, edit: (text: string) => string): Promise<void> {
  await writeFile(join(root, path), edit(await readFile(join(root, path), 'utf8').catch(() => '')))
  git(root, 'add', '.')
  git(root, 'commit', '-qm', 'Change')
}

const reviewed = async (root: string, base = 'HEAD~1'): Promise<Review & { readonly code: number | null }> => {
  const { code, json } = await sheikhJson(root, 'review', base)
  return { ...json, code }
}

describe('sheikh review', () => {
  it('passes a change that no run reads', async () => {
    const root = await project()
    await change(root, 'README.md', () => '# Tickets\n')
    expect(await reviewed(root)).toMatchObject({
      ...{ code: 0, verdict: 'pass', head: git(root, 'rev-parse', 'HEAD'), base: git(root, 'rev-parse', 'HEAD~1') },
      summary: expect.stringMatching(/^Changes nothing that a run reads; earlier changes start a run: /),
    })
  })

  it('does not certify quality that nobody measured', async () => {
    const root = await project()
    const sample = { id: 'new-1', text: 'The invoice names another company', label: 'billing' }
    await change(root, 'dataset/samples/billing/new-1.json', () => JSON.stringify(sample))
    const { code, verdict, diff } = await reviewed(root)
    expect([code, verdict]).toEqual([0, 'inconclusive'])
    expect(diff.data?.added.map(({ id }) => id)).toEqual(['new-1'])
  })

  it('says first that a change loosens the gate or changes the evaluation set', async () => {
    const root = await project()
    await change(root, 'mlops/pipeline.yaml', (text) => text.replace('margin: 0.05', 'margin: 0.5'))
    await change(root, 'dataset/evaluation.json', (text) => {
      const set = JSON.parse(text)
      return `${JSON.stringify({ ...set, items: set.items.slice(1) }, null, 2)}\n`
    })
    const { summary } = await reviewed(root, 'HEAD~2')
    expect(summary).toMatch(/^Loosens the gate\. Changes the evaluation set\. /)
  })

  it('says first that the branch lacks commits of the base', async () => {
    const root = await project()
    await change(root, 'mlops/pipeline.yaml', (text) => text.replace('margin: 0.05', 'margin: 0.5'))
    git(root, 'branch', 'newer')
    git(root, 'reset', '-q', '--hard', 'HEAD~1')
    expect((await reviewed(root, 'newer')).summary).toMatch(/^The branch lacks commits of the base, /)
  })

  it('fails what no run could use, and names file and line, below the root of the repository', async () => {
    const root = await project()
    await change(root, 'dataset/samples/more.jsonl', () => '{"id":"m1","text":"a","label":"billing"}\n{"id":"m2"\n')
    expect(await reviewed(root)).toMatchObject({
      ...{ code: 1, verdict: 'fail', summary: expect.stringMatching(/^Not ready: Cannot use the samples/) },
      problems: [{ code: 'dataset-invalid', places: [{ path: 'dataset/samples/more.jsonl', line: 2 }] }],
    })
  })

  it('names every line of a configuration that cannot be used', async () => {
    const root = await project()
    await change(root, 'mlops/pipeline.yaml', (text) => text.replace('- weight_integrity', '- weight_integrty'))
    const { problems } = await reviewed(root)
    const text = await readFile(join(root, 'mlops/pipeline.yaml'), 'utf8')
    const line = text.split('\n').findIndex((one) => one.includes('integrty')) + 1
    expect(problems[0]?.places).toMatchObject([{ path: 'mlops/pipeline.yaml', line }])
  })

  itInFull('trains if asked to, shows the progress, and writes a page', async () => {
    const root = await project()
    const text = JSON.stringify({ id: 'new-1', text: 'The invoice names another company', label: 'billing' })
    await change(root, 'dataset/samples/billing/new-1.json', () => text)
    const page = join(root, 'review.html')
    const { code, out, err } = await sheikh(root, ['review', 'HEAD~1', '--train', '--share', '0.3', '--out', page])
    expect([code, out]).toEqual([0, expect.stringMatching(/^\*\*(Pass\.|Inconclusive:)\*\*/)])
    expect(out).toContain('| accuracy | all |')
    expect(err).toContain('train base: ')
    expect(err).toContain('evaluate head: ')
    expect(await readFile(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<svg/)
    expect((await sheikhJson(root, 'status')).json).toMatchObject({ lastRun: null, current: null })
  })

  it('refuses a share without a training, and one that is none', async () => {
    const root = await project()
    await change(root, 'mlops/pipeline.yaml', (text) => text.replace('margin: 0.05', 'margin: 0.04'))
    for (const [options, remedy] of [
      [['--share', '0.3'], 'Add --train'],
      [['--train', '--share', 'half'], 'not a number'],
      [['--train', '--share', '1.5'], 'not between 0 and 1'],
    ] as const) {
      const { code, err } = await sheikh(root, ['review', 'HEAD~1', ...options])
      expect([code, err]).toEqual([1, expect.stringContaining(remedy)])
    }
  })

  it('reviews commits only, against a base that is there', async () => {
    const root = await project()
    const unknown = await sheikh(root, ['review', 'origin/absent'])
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining('git fetch origin')])
    await writeFile(join(root, 'dataset/samples/new.json'), '{}')
    const dirty = await sheikh(root, ['review', 'HEAD'])
    expect([dirty.code, dirty.err]).toEqual([1, expect.stringContaining('dataset/samples/new.json')])
  })
})

describe('sheikh review --github', () => {
  /** What a runner sets. */
  async function runner(event: unknown, more: Readonly<Record<string, string>> = {}) {
    const folder = await temporary()
    await writeFile(join(folder, 'event.json'), JSON.stringify(event))
    const variables = {
      ...{ GITHUB_EVENT_PATH: join(folder, 'event.json'), GITHUB_STEP_SUMMARY: join(folder, 'summary') },
      ...{ GITHUB_OUTPUT: join(folder, 'output'), GITHUB_BASE_REF: '', GITHUB_TOKEN: '', ...more },
    }
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
    return { folder, read: (name: string) => readFile(join(folder, name), 'utf8') }
  }

  itInFull('annotates the lines of warnings about data, which do not fail a change', async () => {
    const root = await project()
    await change(root, 'mlops/pipeline.yaml', (text) =>
      text.replace('stages:\n', 'stages:\n  validate:\n    steps: [validate_schema, check_data_quality]\n'),
    )
    const copy = (id: string) => `{"id":"${id}","text":"an utterly new sentence which appears twice","label":"login"}\n`
    await change(root, 'dataset/samples/new.jsonl', () => copy('n1') + copy('n2'))
    await runner({ merge_group: { base_sha: git(root, 'rev-parse', 'HEAD~1') } })
    const { code, out } = await sheikh(root, ['review', '--github'])
    expect(code).toBe(0)
    expect(out).toContain('Data quality (duplicate), "n1", "n2": 2 samples of the training part are equal.')
    expect(out).toMatch(
      /^::warning file=dataset\/samples\/new\.jsonl,line=2,title=sheikh review::.*duplicate: 2 samples/m,
    )
    const validated = await sheikh(root, ['validate'])
    expect([validated.code, validated.out]).toEqual([
      0,
      expect.stringContaining('Data quality (duplicate), "n1", "n2"'),
    ])
  })

  it('annotates the lines, and leaves a file that the other workflow posts', async () => {
    const root = await project()
    await change(root, 'dataset/samples/a,b.jsonl', () => '{"id":"m2"\n')
    const { folder, read } = await runner({ merge_group: { base_sha: git(root, 'rev-parse', 'HEAD~1') } })
    const { code, out } = await sheikh(root, ['review', '--github', '--out', join(folder, 'review.json')])
    expect(code).toBe(1)
    expect(out).toContain('::error file=dataset/samples/a%2Cb.jsonl,line=1,col=11,title=sheikh review::')
    expect(await read('output')).toContain('fail')
    expect(await read('summary')).toContain('Not ready')

    const github = await startGitHub({ tokens: { writer: 'write' } })
    try {
      github.repository('owner/name')
      const sha = 'a'.repeat(40)
      const state = github.state.repositories.get('owner/name')!
      state.pullRequests.push({ number: 7, head: 'somebody:change', headSha: sha })
      const head = { head_sha: sha, head_branch: 'change', head_repository: { owner: { login: 'somebody' } } }
      await runner(
        { workflow_run: { event: 'pull_request', ...head } },
        { GITHUB_TOKEN: 'writer', GITHUB_REPOSITORY: 'owner/name', GITHUB_API_URL: github.url },
      )
      const posted = await sheikh(root, ['review', '--post', join(folder, 'review.json'), '--github'])
      expect(posted.code).toBe(1)
      const [comment] = state.comments.map(({ body }) => body)
      expect(comment).toContain('which its author can change')
      // A report could hide what follows it.
      expect(comment!.indexOf('its author can change')).toBeLessThan(comment!.indexOf('Not ready'))
      expect(state.checkRuns).toMatchObject([{ name: 'sheikh review', conclusion: 'failure', headSha: sha }])
    } finally {
      await github.close()
    }
  })

  it.each([
    ['dataset/samples/new.json', '{\n  "id": nothing\n}\n', 2],
    ['dataset/samples/new.jsonl', '\n{"id" 3}\n', 2],
    ['dataset/samples/new.csv', 'id,text,label\n1,"a" b,login\n', 2],
    ['dataset/config.yaml', 'projection:\n  input: [\n', undefined],
    ['prompts/inference/new.txt', 'Answer:\n{{ input |\n', undefined],
    ['prompts/inference/other.txt', 'One\n{% unknown %}\n', 2],
  ])('annotates line and column of an error in %s', async (path, content, line) => {
    const root = await project()
    await change(root, path, () => content)
    await runner({ merge_group: { base_sha: git(root, 'rev-parse', 'HEAD~1') } })
    const { code, out, err } = await sheikh(root, ['review', '--github'])
    expect([code, err]).toEqual([1, expect.anything()])
    expect(out).toMatch(new RegExp(`^::error file=${path},line=${line ?? '\\d+'},col=\\d+,title=sheikh review::`, 'm'))
  })

  it.each([
    ['no file', undefined],
    ['something else', '{"verdict":"pass"}'],
    ['a verdict of its own', '{"formatVersion":1,"verdict":"perfect","summary":"","report":""}'],
  ])('fails the check for %s', async (_, content) => {
    const root = await temporary()
    const { folder, read } = await runner({})
    if (content !== undefined) await writeFile(join(folder, 'review.json'), content)
    const { code, err } = await sheikh(root, ['review', '--post', join(folder, 'review.json'), '--github'])
    expect([code, err]).toEqual([1, expect.stringContaining('Nothing was reviewed')])
    expect(await read('output')).toContain('error')
  })

  it('fails the check of a pull request whose base is missing', async () => {
    const root = await project()
    const { read } = await runner({}, { GITHUB_BASE_REF: 'main-absent' })
    expect((await sheikh(root, ['review', '--github'])).code).toBe(1)
    expect(await read('summary')).toContain('fetch-depth: 0')
  })
})
