import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openRepository, type Repository } from '../../src/repository/index.js'
import { sheikh, sheikhJson } from '../cli/harness.js'
import { itInFull } from '../in-full.js'
import { git, temporaryFolder } from './harness.js'
import { project, sample } from './project.js'

const path = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`
const pipeline = (margin: number, extra = '') =>
  `pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { regression_check: { margin: ${margin} } } ] }${extra} }\n`
const release = async (repository: Repository, options = {}) => {
  const result = await (await repository.pipeline()).run(options)
  if (result.status !== 'released') throw new Error(`not released: ${result.status}`)
  return result.release.version
}

/** One released model, and the ids that are trained on. */
async function released() {
  const made = await project({ 'mlops/pipeline.yaml': pipeline(0.9) }, { isReleased: true })
  const pinned = new Set((await made.repository.evaluationSet()).items.map(({ id }) => id))
  const training = Array.from({ length: 40 }, (_, index) => index).filter((index) => !pinned.has(sample(index).id))
  /** Edits a sample, and a prompt: the weights of the quick trainer do not depend on the samples. */
  const edit = (index: number, text: string) => {
    made.put(path(training[index]!), { ...sample(training[index]!), text })
    made.put('prompts/inference/ask.txt', `About ${text}: {{ text }}\n`)
  }
  return { ...made, training, edit }
}

it('names commits by what they changed, pull requests, settings and the gate', async () => {
  const { root, repository, put, commit, training } = await released()
  const first = (await repository.head())!.oid
  put(path(training[0]!), { ...sample(training[0]!), text: 'apple pie' })
  put('prompts/inference/ask.txt', 'Name {{ text }}\n')
  await commit('Better samples (#41)')
  git(root, 'checkout', '-q', '-b', 'gate')
  put('mlops/pipeline.yaml', pipeline(0.95))
  await commit('Loosen the gate')
  git(root, 'checkout', '-q', 'main')
  put('docs/notes.md', 'nothing')
  git(root, 'add', 'docs')
  git(root, 'commit', '-q', '-m', 'Notes')
  git(root, 'merge', '-q', '--no-ff', '-m', 'Merge pull request #42 from team/gate', 'gate')
  expect(await release(repository)).toBe('0.2.0')

  const log = await repository.log()
  expect(log).toMatchObject({
    version: '0.2.0',
    previous: '0.1.0',
    baseline: '0.1.0',
    channels: ['latest'],
    problems: [],
  })
  expect(log.origin).toEqual({ kind: 'trained', uncommitted: false, commit: (await repository.head())!.oid })
  expect(log.trained).toMatchObject({ from: first, to: log.origin.commit, isAncestor: true })
  expect(log.trained!.commits.map(({ subject, pullRequest, changes }) => [subject, pullRequest, changes])).toEqual([
    ['Merge pull request #42 from team/gate', 42, []],
    ['Notes', undefined, [{ kind: 'other', count: 1, paths: ['docs/notes.md'] }]],
    ['Loosen the gate', 42, [{ kind: 'configuration', count: 1, paths: ['mlops/pipeline.yaml'] }]],
    [
      'Better samples (#41)',
      41,
      [
        { kind: 'data', count: 1, paths: [path(training[0]!)] },
        { kind: 'prompts', count: 1, paths: ['prompts/inference/ask.txt'] },
      ],
    ],
  ])
  const loosened = log.trained!.commits.find(({ subject }) => subject === 'Loosen the gate')!
  expect(loosened.gate).toMatchObject([{ change: expect.stringContaining('0.95, was 0.9'), looser: true }])
  expect(loosened.settings.map(({ key, before, after }) => [key, before, after])).toEqual([
    ['stages.validate_weights.checks[1].regression_check.margin', 0.9, 0.95],
  ])
  expect(log.verdict?.findings).toContainEqual(
    expect.objectContaining({ margin: 0.95, againstVersion: '0.1.0', status: 'pass' }),
  )
  expect(log.checks.map(({ name, status }) => [name, status])).toEqual([
    ['signature', 'absent'],
    ['provenance', 'absent'],
    ['ledger', 'valid'],
  ])
  expect(log.registries).toEqual([expect.objectContaining({ name: 'directory', hasRelease: true })])
  expect(log.ledger!.map(({ type }) => type)).toEqual(['verdict', 'release'])

  const { code, out } = await sheikh(root, ['log'])
  expect(code).toBe(0)
  expect(out).toMatch(/^0\.2\.0, published .* by the run /)
  expect(out).toMatch(/Commits that led to the model, since 0\.1\.0 \([0-9a-f]{10}\.\.[0-9a-f]{10}\): 4\n/)
  expect(out).toMatch(
    /#41 {2}Better samples \(#41\)\n {6}data: 1 file \(dataset\/samples\/all\/\d\d\.json\)\n {6}prompts: 1 file/,
  )
  expect(out).toMatch(/gate loosened: .*0\.95, was 0\.9\n {6}settings: stages\.validate_weights/)
  expect(out).toContain('2 commits changed nothing that a run reads')
  expect(out).not.toContain('Merge pull request #42')
  expect((await sheikh(root, ['log', '--all'])).out).toContain('#42  Merge pull request #42')
  expect(out).toMatch(/no-regression\(accuracy\): pass, margin 0\.95, against 0\.1\.0\./)
  expect(out).toMatch(/Channels now: latest\nRegistry directory .*releases: yes\nsignature: absent/)
  expect(out).toContain('ledger: valid, line 4\nThe ledger is intact.')
  expect(out).not.toContain('apple pie')
  const { json } = await sheikhJson(root, 'log', 'v0.1.0')
  expect(json).toMatchObject({ version: '0.1.0', channels: [], trained: { to: first } })
  expect([json.previous, json.trained.from, json.baseline]).toEqual([undefined, undefined, undefined])
  const unknown = await sheikh(root, ['log', '9.9.9'])
  expect(unknown.err).toContain('Cannot show the log of "9.9.9": there is no release or channel with this name.')
})

it('follows rollbacks, reverts and republications to the release that was trained', async () => {
  const { root, repository, commit, edit } = await released()
  const first = (await repository.head())!.oid
  edit(0, 'apple tart')
  const second = await commit('Second')
  const next = await release(repository)
  const steps = await repository.pipeline()
  await steps.promote('0.1.0', { to: 'production', by: 'Ada' })
  await steps.rollback({ by: 'Ada', reason: 'complaints' })
  const [rolledBack] = await steps.history()
  expect(await repository.log()).toMatchObject({
    version: rolledBack!.version,
    previous: next,
    origin: {
      kind: 'restored',
      cause: 'rollback',
      restoredFrom: '0.1.0',
      origin: '0.1.0',
      by: 'Ada',
      reason: 'complaints',
    },
    trained: { to: first },
  })
  expect(await repository.log(next)).toMatchObject({
    withdrawn: { reason: 'complaints', by: 'Ada' },
    trained: { from: first, to: second, commits: [{ subject: 'Second' }] },
  })
  expect(await repository.log('production')).toMatchObject({
    version: '0.1.0',
    promotions: [{ channel: 'production', by: 'Ada' }],
  })
  await steps.republish(rolledBack!.version, { by: 'Bo', reason: 'moved' })
  const republished = await repository.log()
  expect(republished.origin).toMatchObject({
    cause: 'republication',
    restoredFrom: rolledBack!.version,
    origin: '0.1.0',
  })
  expect((await sheikh(root, ['log'])).out).toContain(
    `The model of ${rolledBack!.version}, which is 0.1.0 again: republished by Bo: moved. Nothing was trained for ${republished.version}.`,
  )

  edit(1, 'bus stop')
  await commit('Third')
  await release(repository)
  await repository.revert((await repository.head())!.oid)
  await repository.revert(second)
  expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'restored' })
  const restored = await repository.log()
  expect(restored.origin).toMatchObject({ kind: 'restored', cause: 'revert', origin: '0.1.0' })
  expect(restored.restored!.commits.map(({ subject }) => subject)).toEqual(['Revert "Second"', 'Revert "Third"'])
  expect(restored.trained!.to).toBe(first)
})

itInFull('says which releases have no commit of their own: an import, and one from uncommitted changes', async () => {
  const { root, repository, edit } = await released()
  edit(0, 'apple cake')
  const version = await release(repository, { allowDirty: true })
  const dirty = await repository.log(version)
  expect([dirty.origin.uncommitted, dirty.channels]).toEqual([true, []])
  expect((await sheikh(root, ['log', version])).out).toContain('Made from uncommitted changes:')

  const bundle = join(root, 'releases/bundles')
  const other = await project()
  await other.repository.commit({ message: 'x' }).catch(() => {})
  const model = join(temporaryFolder(), 'model')
  const { readdirSync } = await import('node:fs')
  renameSync(join(bundle, readdirSync(bundle)[0]!), model)
  rmSync(join(model, 'prompts'), { recursive: true, force: true })
  rmSync(join(model, 'sheikh'), { recursive: true, force: true })
  await other.repository.import(model, { by: 'Ada' })
  const imported = await other.repository.log()
  expect(imported.origin).toMatchObject({ kind: 'imported', from: model, by: 'Ada' })
  expect((await sheikh(other.root, ['log'])).out).toMatch(
    /Imported from .*model by Ada\.[\s\S]*Gate: an import is not judged\./,
  )
  expect(await release(other.repository, { retrain: true })).toBeDefined()
  const next = await other.repository.log()
  expect([next.previous, next.trained!.from, next.trained!.commits.length]).toEqual(['0.1.0', undefined, 1])
})

it('lists repins, decisions of people, and what a shallow clone or a rewritten history lacks', async () => {
  const { root, repository, put, commit } = await released()
  const set = await repository.evaluationSet()
  const index = Number(set.items[0]!.id.slice(1))
  put(path(index), { ...sample(index), text: `${sample(index).text} corrected` })
  put('prompts/inference/ask.txt', 'Name {{ text }}\n')
  await repository.repinEvaluation({ reason: 'a typo', by: 'Ada' })
  await commit('Repin')
  const third = await release(repository)
  const log = await repository.log()
  expect(log.repins).toEqual([expect.objectContaining({ reason: 'a typo', by: 'Ada', changed: 1 })])
  expect((await sheikh(root, ['log'])).out).toMatch(
    /Evaluation set repinned .* by Ada \(1 changed, 0 removed\): a typo/,
  )

  const clone = join(temporaryFolder(), 'clone')
  git(root, 'clone', '-q', '--depth', '1', `file://${root}`, clone)
  git(root, 'bundle', 'create', '-q', join(clone, 'ledger.bundle'), 'sheikh-ledger')
  renameSync(join(root, 'releases'), join(clone, 'releases'))
  const shallow = await (await openRepository(clone)).log(third)
  expect(shallow.version).toBe(third)
  expect(shallow.problems.map(({ part }) => part)).toEqual(expect.arrayContaining(['commits', 'evaluation-set']))
  for (const { part, message } of shallow.problems)
    if (part !== 'ledger') expect(message).toMatch(/git fetch --unshallow/)
  expect(shallow.trained!.commits.map(({ subject, changes }) => [subject, changes])).toEqual([['Repin', undefined]])
  const { out } = await sheikh(clone, ['log', third])
  expect(out).toContain('unknown (commits):')
  expect(out).toContain('changes unknown')

  renameSync(join(clone, 'releases'), join(root, 'releases'))
  git(root, 'commit', '-q', '--amend', '-m', 'Rewritten')
  git(root, 'reflog', 'expire', '--expire=now', '--all')
  git(root, 'gc', '-q', '--prune=now')
  const rewritten = await repository.log(third)
  expect(rewritten.problems).toContainEqual(
    expect.objectContaining({ part: 'commits', message: expect.stringContaining('git fetch origin') }),
  )
  expect(rewritten.verdict?.status).toBe('pass')
})

itInFull('names who approved an inconclusive result', async () => {
  const { root, repository, edit, commit } = await released()
  edit(0, 'apple pudding')
  await commit('Edit')
  const strict = pipeline(0.02)
  writeFileSync(join(root, 'mlops/pipeline.yaml'), strict)
  await commit('Stricter')
  const steps = await repository.pipeline()
  const open = await steps.run()
  expect(open.status).toBe('awaiting-approval')
  await steps.approve(open.runId, { by: 'Ada\nForged: line', reason: 'looked at it' })
  const log = await repository.log()
  expect(log).toMatchObject({
    verdict: { status: 'inconclusive' },
    approval: { runId: open.runId, reason: 'looked at it' },
  })
  expect(log.ledger!.map(({ type }) => type).filter((type) => type !== 'run')).toEqual([
    'verdict',
    'approval',
    'release',
  ])
  const { out } = await sheikh(root, ['log'])
  expect(out).toContain('Gate: inconclusive, compared with 0.1.0.')
  expect(out).toContain('\nApproved by Ada Forged: line: looked at it\n')
})

it('reports a ledger that somebody edited, and shows the rest', async () => {
  const { root, repository } = await released()
  const text = git(root, 'cat-file', '-p', 'sheikh-ledger:ledger.jsonl')
  const edited = text.replace('"status":"pass"', '"status":"fail"')
  expect(edited).not.toBe(text)
  const { execFileSync } = await import('node:child_process')
  const run = (input: string, ...parameters: readonly string[]) =>
    execFileSync('git', [...parameters], { cwd: root, input, encoding: 'utf8' }).trim()
  const blob = run(edited, 'hash-object', '-w', '--stdin')
  const tree = run(`100644 blob ${blob}\tledger.jsonl\n`, 'mktree')
  const commit = git(root, 'commit-tree', tree, '-m', 'x').trim()
  git(root, 'update-ref', 'refs/heads/sheikh-ledger', commit)
  const log = await repository.log()
  expect(log.problems).toEqual([expect.objectContaining({ part: 'ledger', code: 'artifact-corrupt' })])
  expect([log.ledger, log.trained!.commits.length]).toEqual([undefined, 1])
  const { code, out } = await sheikh(root, ['log'])
  expect([code, out.includes('The ledger is not verified.')]).toEqual([1, true])
})

it('prints hostile subjects, authors and paths as text, and hides tokens', async () => {
  const { root, repository, put, edit } = await released()
  edit(0, 'apple juice')
  put('dataset/samples/all/\u001b[2J\nChannels now: forged.json', sample(40))
  git(root, 'add', '-A')
  git(
    root,
    'commit',
    '-q',
    '--author',
    '\u001b]0;owned\u0007 <a\u202eb@c>',
    '--date',
    '@99999999999 +0000',
    '-m',
    '\u001b[31mred\u202e hf_abcdefghijklmnopqrst (#9)',
  )
  await release(repository)
  const { out } = await sheikh(root, ['log'])
  expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/)
  expect(out).toContain('#9  \\u001b[31mred\\u202e [secret] (#9)')
  expect(out.match(/^Channels now:/gm)).toHaveLength(1)
  expect(JSON.stringify(await repository.log())).not.toContain('hf_abc')
})
