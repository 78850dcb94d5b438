import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { acceptBaseline, compareScores, readBaseline, type ScoredItem } from '../../src/repository.js'
import { fixedClock } from '../../src/testing.js'
import { sampleOf } from '../whole.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, temporaryFolder, write } from './harness.js'

const dayMs = 24 * 60 * 60 * 1000
const nowMs = Date.parse('2026-11-29T12:00:00Z')
const clock = (daysLater = 0) => fixedClock(nowMs + daysLater * dayMs)

/** Right on all items but those whose number a divisor divides. */
const scores = (wrongEvery: number, items = 600): readonly ScoredItem[] =>
  Array.from({ length: items }, (_, index) => ({ id: `item-${index}`, score: index % wrongEvery !== 0 }))

function repository(): string {
  const root = temporaryFolder()
  git(root, 'init', '-q', '-b', 'main')
  write(root, 'README.md')
  git(root, 'add', '.')
  git(root, 'commit', '-qm', 'first')
  return root
}

function commitAll(root: string, message: string): string {
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '--allow-empty', '-m', message)
  return git(root, 'rev-parse', 'HEAD').trim()
}

const file = '.sheikh-gate/main.jsonl'

const programs = [
  ['isomorphic', false],
  ['native', 'git'],
] as const
describe.skipIf(gitIsMissing !== undefined).each(sampleOf(programs, 1))(
  'a baseline in Git, read by %s git',
  (_kind, program) => {
    it('is kept at the top of the work tree with its commit and date, and says how old it is', async () => {
      const root = repository()
      write(root, 'deep/er/a.txt')
      const head = git(root, 'rev-parse', 'HEAD').trim()
      const kept = await acceptBaseline(join(root, 'deep/er'), scores(10), {
        ...{ program, clock: clock(), source: 'results.json' },
      })
      expect(kept).toMatchObject({ name: 'main', commit: head, acceptedAtMs: nowMs, path: join(root, file) })
      commitAll(root, 'baseline')
      commitAll(root, 'third')
      const { verdict, baseline } = await compareScores(root, scores(10), { program, clock: clock(9) })
      expect(verdict.status).toBe('pass')
      expect(baseline).toMatchObject({ ageMs: 9 * dayMs, commitsAgo: 2, history: 'complete' })
      expect(baseline.description).toBe(
        `The baseline "main" was accepted from results.json on 2026-11-29, 9 days ago, at commit ${head.slice(0, 7)}, 2 commits ago.`,
      )
      expect((await compareScores(root, scores(5), { program })).verdict.status).toBe('fail')
    })

    it('in a shallow clone is at least as many commits ago as the clone has; after a rewrite its commit is gone', async () => {
      const root = repository()
      await acceptBaseline(root, scores(10), { program, clock: clock() })
      for (const message of ['baseline', 'third', 'fourth']) commitAll(root, message)
      const clone = join(temporaryFolder(), 'clone')
      git(root, 'clone', '-q', '--depth', '2', `file://${root}`, clone)
      const shallow = await compareScores(clone, scores(10), { program, clock: clock() })
      expect(shallow.baseline).toMatchObject({ history: 'shallow', commitsAgo: 2 })
      expect(shallow.baseline.description).toContain('at least 2 commits ago (the clone is shallow)')
      git(root, 'checkout', '-q', '--orphan', 'other')
      commitAll(root, 'rewritten')
      const rewritten = await compareScores(root, scores(10), { program, clock: clock() })
      expect(rewritten.baseline).toMatchObject({ history: 'absent' })
      expect(rewritten.baseline.description).toContain('which is not in the history of this branch')
    })

    it('is read from the base branch, whatever the pull request did to its own copy', async () => {
      const root = repository()
      await acceptBaseline(root, scores(10), { program, clock: clock() })
      commitAll(root, 'baseline')
      git(root, 'tag', '-a', 'v1', '-m', 'v1')
      git(root, 'checkout', '-q', '-b', 'topic')
      await acceptBaseline(root, scores(2), { program, clock: clock() })
      commitAll(root, 'loosen')
      const statusFrom = async (folder: string, from?: string) =>
        (await compareScores(folder, scores(2), { program, from })).verdict.status
      expect(await statusFrom(root)).toBe('pass')
      for (const from of ['main', 'v1', 'refs/heads/main', git(root, 'rev-parse', 'main').trim()])
        expect(await statusFrom(root, from), from).toBe('fail')
      // A CI machine has the base branch only as a branch of origin.
      const clone = join(temporaryFolder(), 'clone')
      git(root, 'clone', '-q', '-b', 'topic', root, clone)
      expect(await statusFrom(clone, 'main')).toBe('fail')
      for (const from of ['nowhere', '../../config', '-x', 'main~1', 'a b', ''])
        await expect(statusFrom(root, from), from).rejects.toMatchObject({ code: 'not-found' })
    })

    it('works before the first commit, and says so', async () => {
      const root = temporaryFolder()
      git(root, 'init', '-q')
      expect((await acceptBaseline(root, scores(10), { program })).commit).toBeUndefined()
      const { baseline } = await compareScores(root, scores(10), { program })
      expect(baseline.history).toBe('none')
      expect(baseline.description).toMatch(/less than a day ago, without a commit\.$/)
    })
  },
)

describe('the file of a baseline', () => {
  it('needs no Git, holds no text of items, and reads back the same', async () => {
    const root = temporaryFolder()
    const lines = [
      { id: 'a', score: 1, outcome: 'ok' as const, target: 'a secret answer', slices: { language: 'de' } },
      { id: 'b', score: null, outcome: 'timeout' as const, target: null, group: 'g', slices: {} },
      { id: 'c', score: 0.1 + 0.2, outcome: 'ok' as const, target: { deep: 1 }, slices: {} },
    ]
    await acceptBaseline(root, { path: 'results.json', lines }, { name: 'nightly-2' })
    const text = readFileSync(join(root, '.sheikh-gate/nightly-2.jsonl'), 'utf8')
    expect(text).not.toContain('secret')
    const read = await readBaseline(root, { name: 'nightly-2' })
    expect(read.scores.lines.map(({ target: _, ...line }) => line)).toEqual(lines.map(({ target: _, ...line }) => line))
    expect(await compareScores(root, { path: 'new', lines }, { name: 'nightly-2', margin: 0.5 })).toBeDefined()
    const changed = lines.map((line) => (line.id === 'a' ? { ...line, target: 'another answer' } : line))
    await expect(compareScores(root, { path: 'new', lines: changed }, { name: 'nightly-2' })).rejects.toMatchObject({
      code: 'baseline-mismatch',
      message: expect.stringContaining('"a" differs in target'),
    })
  })

  it('keeps the format, the metric and further metrics, and is not compared by another metric', async () => {
    const root = temporaryFolder()
    const lines = ['a', 'b'].map((id) => {
      return { id, score: 1, outcome: 'ok' as const, target: null, slices: {}, others: { length: 3.5 } }
    })
    await acceptBaseline(root, { path: 'results.json', lines, format: 'promptfoo', metric: 'relevance' })
    expect(readFileSync(join(root, file), 'utf8')).toContain('"format":"promptfoo","metric":"relevance","items":2')
    expect((await readBaseline(root)).scores).toMatchObject({ metric: 'relevance', lines })
    const { verdict } = await compareScores(root, { path: 'new', lines, metric: 'relevance' })
    expect(verdict.findings[0]).toMatchObject({ metric: 'relevance' })
    await expect(compareScores(root, { path: 'new', lines, metric: 'length' })).rejects.toMatchObject({
      code: 'baseline-mismatch',
    })
  })

  it('is whole with the line ends of Windows, and a diff of it has the items that changed', async () => {
    const root = temporaryFolder()
    await acceptBaseline(root, scores(10))
    const before = readFileSync(join(root, file), 'utf8')
    write(root, file, before.replaceAll('\n', '\r\n'))
    expect((await readBaseline(root)).scores.lines).toHaveLength(600)
    await acceptBaseline(
      root,
      scores(10).map((item) => (item.id === 'item-7' ? { ...item, score: 0 } : item)),
    )
    const [old, now] = [before, readFileSync(join(root, file), 'utf8')].map((text) => text.split('\n').slice(1))
    expect(now!.filter((line, index) => line !== old![index])).toEqual(['{"id":"item-7","score":0}'])
  })

  it.each([
    ['truncated in a line', (text: string) => text.slice(0, -10), 'line 601 is not JSON'],
    ['truncated after a line', (text: string) => text.split('\n').slice(0, 300).join('\n'), 'it has 299 of 600 items'],
    ['edited', (text: string) => text.replace('"item-7","score":1', '"item-7","score":0'), 'differ from the digest'],
    ['empty', () => '', 'its header is missing'],
    ['not a baseline', () => '{"id":"a","score":1}\n', 'its header.sheikh-baseline is missing'],
    ['in a merge conflict', (text: string) => `<<<<<<< HEAD\n${text}`, 'merge conflict'],
    ['of another form', (text: string) => text.replace('"score":1', '"score":"1"'), 'score is missing or has another'],
    ['an LFS pointer', () => 'version https://git-lfs.github.com/spec/v1\n', 'line 1 is not JSON'],
  ])('%s is an error that names the remedy', async (_name, damage, fact) => {
    const root = temporaryFolder()
    await acceptBaseline(root, scores(10))
    write(root, file, damage(readFileSync(join(root, file), 'utf8')))
    await expect(readBaseline(root)).rejects.toMatchObject({
      ...{ code: 'artifact-corrupt', message: expect.stringContaining(fact) },
    })
    await expect(readBaseline(root)).rejects.toThrow('sheikh gate accept <file> --name main')
  })

  it.each([
    '../x',
    'main/../../x',
    '/etc/passwd',
    'a/b',
    '',
    '.',
    '..',
    'a..b',
    '.hidden',
    'Main',
    'a\0b',
    'x'.repeat(65),
  ])('the name %j is refused', async (name) => {
    const root = temporaryFolder()
    await expect(acceptBaseline(root, scores(10), { name })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(readBaseline(root, { name })).rejects.toMatchObject({ code: 'invalid-options' })
    expect(readdirSync(root)).toEqual([])
  })

  it('is neither written nor read through a link, and not written over a file', async () => {
    const [root, elsewhere] = [temporaryFolder(), temporaryFolder()]
    symlinkSync(elsewhere, join(root, '.sheikh-gate'))
    await expect(acceptBaseline(root, scores(10))).rejects.toMatchObject({ code: 'invalid-config' })
    expect(readdirSync(elsewhere)).toEqual([])
    rmSync(join(root, '.sheikh-gate'))
    await acceptBaseline(elsewhere, scores(10))
    mkdirSync(join(root, '.sheikh-gate'))
    symlinkSync(join(elsewhere, file), join(root, file))
    await expect(readBaseline(root)).rejects.toMatchObject({ code: 'invalid-config' })
    rmSync(join(root, '.sheikh-gate'), { recursive: true })
    write(root, '.sheikh-gate', 'a file')
    await expect(acceptBaseline(root, scores(10))).rejects.toMatchObject({ code: 'storage-failed' })
  })

  it('of two writers at once is that of one of them', async () => {
    const root = temporaryFolder()
    const all = Array.from({ length: 8 }, (_, index) => scores(index + 2))
    await Promise.all(all.map((one) => acceptBaseline(root, one)))
    const kept = (await readBaseline(root)).scores.lines.map(({ score }) => score).join()
    const sorted = (items: readonly ScoredItem[]) =>
      [...items]
        .sort((left, right) => (left.id < right.id ? -1 : 1))
        .map(({ score }) => Number(score))
        .join()
    expect(all.map(sorted)).toContain(kept)
    expect(readdirSync(join(root, '.sheikh-gate'))).toEqual(['main.jsonl'])
  })

  it.each([
    ['no items', [], 'there are no items'],
    ['no scores', [{ id: 'a', score: null }], 'no item has a score'],
    ['a score that is not finite', [{ id: 'a', score: Number.NaN }], 'has the score NaN'],
    [
      'an id twice',
      [
        { id: 1, score: 1 },
        { id: '1', score: 1 },
      ],
      'has the id "1" of an earlier item',
    ],
    ['a lone surrogate', [{ id: '\ud800', score: 1 }], 'not plain text'],
    ['a slice that is a number', [{ id: 'a', score: 1, slices: { k: 1 } as never }], 'not plain text'],
    ['a group that is a number', [{ id: 'a', score: 1, group: 7 as never }], 'not plain text'],
  ])('cannot be made of %s', async (_name, items, fact) => {
    const root = temporaryFolder()
    await expect(acceptBaseline(root, items)).rejects.toMatchObject({
      ...{ code: 'evaluation-invalid', message: expect.stringContaining(fact) },
    })
    expect(existsSync(join(root, '.sheikh-gate'))).toBe(false)
  })
})

describe('comparing with a baseline', () => {
  it('names the items that only one side has', async () => {
    const root = temporaryFolder()
    await acceptBaseline(root, scores(10))
    const candidate = [...scores(10).slice(2), { id: 'new', score: 1 }]
    await expect(compareScores(root, candidate)).rejects.toMatchObject({
      code: 'baseline-mismatch',
      facts: { missing: ['item-0', 'item-1'], added: ['new'] },
      message:
        'Cannot compare with the baseline "main": 2 items are only in the baseline ("item-0", "item-1"), and 1 item is only in "scores" ("new"). Score the same items, or accept the new ones: sheikh gate accept <file> --name main',
    })
  })

  it('that is older than the limit never passes, and a regression still fails', async () => {
    const root = temporaryFolder()
    await acceptBaseline(root, scores(10), { clock: clock() })
    const compared = (wrongEvery: number, daysLater: number) =>
      compareScores(root, scores(wrongEvery), { clock: clock(daysLater), maxAgeMs: 30 * dayMs })
    expect((await compared(10, 30)).verdict.status).toBe('pass')
    const { verdict } = await compared(10, 45)
    expect(verdict.status).toBe('inconclusive')
    expect(verdict.summary).toContain('accepted 45 days ago, and the limit is 30 days')
    expect((await compared(2, 45)).verdict.status).toBe('fail')
    // A date in the future would keep a baseline fresh forever.
    expect((await compared(10, -2)).verdict.status).toBe('inconclusive')
    await expect(compareScores(root, scores(10), { maxAgeMs: 0 })).rejects.toMatchObject({
      code: 'invalid-options',
    })
  })

  it('that does not exist is an error that says how to accept one', async () => {
    await expect(compareScores(temporaryFolder(), scores(10))).rejects.toMatchObject({
      ...{ code: 'not-found', message: expect.stringContaining('sheikh gate accept <file> --name main') },
    })
  })
})
