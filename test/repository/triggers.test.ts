import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { loadConfiguration } from '../../src/repository/config/index.js'
import { openGit } from '../../src/repository/git/index.js'
import { initGitRepository, openRepository } from '../../src/repository/index.js'
import { decideTriggers } from '../../src/repository/triggers/index.js'
import { pathFilter } from '../../src/repository/triggers/path-filter.js'
import { commitAll } from '../commit-all.js'
import { itInFull } from '../in-full.js'
import { git, temporaryFolder } from './harness.js'
import { project, sample } from './project.js'

const training = 'training: { paths: ["dataset/**", "prompts/training"], action: retrain }'
const full = 'full: { paths: ["mlops/**"], action: full_train }'
const nightly = 'nightly: { cron: "0 3 * * 1-5", action: full_train }'
const withTriggers = (...triggers: readonly string[]) => ({
  'mlops/pipeline.yaml': `pipeline: { name: tiny }\ntriggers:\n${triggers.map((trigger) => `  ${trigger}\n`).join('')}stages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 }, { weight_integrity: true } ] } }\n`,
})

type Made = Awaited<ReturnType<typeof project>>

const run = async ({ repository }: Made, options = {}) => (await repository.pipeline()).run(options)
const neverAsked = () => Promise.reject(new Error('no trigger asks for drift'))
const ledgerOf = async ({ repository }: Made) => (await repository.pipeline()).ledger()

function commit({ root, put }: Made, files: Readonly<Record<string, unknown>>, message = 'Change'): string {
  for (const [path, content] of Object.entries(files)) put(path, content)
  return commitAll(root, message)
}

async function released(files: Readonly<Record<string, unknown>> = {}): Promise<Made & { readonly first: string }> {
  const made = await project(files, { isReleased: true })
  return { ...made, first: git(made.root, 'rev-parse', 'HEAD').trim() }
}

describe('without triggers', () => {
  it('a file that a run reads leads to one, and other files to none', async () => {
    const made = await project()
    expect(await made.repository.triggered()).toMatchObject({
      action: 'run',
      reason: expect.stringMatching(/records no run yet/),
    })
    await run(made)
    const first = git(made.root, 'rev-parse', 'HEAD').trim()
    expect(await made.repository.triggered()).toEqual({
      ...{ action: 'none', retrain: false, reason: expect.stringContaining('was run already') },
      ...{ commit: first, since: first, commits: 0, triggers: [] },
    })
    const second = commit(made, { 'README.md': 'Words', 'docs/dataset/a.json': '{}' })
    expect(await made.repository.triggered()).toMatchObject({
      action: 'none',
      commit: second,
      since: first,
      commits: 1,
    })
    commit(made, { 'prompts/inference/ask.txt': 'What could {{ text }} be?\n' })
    expect(await made.repository.triggered()).toMatchObject({
      ...{ action: 'run', retrain: false, since: first, commits: 2 },
      triggers: [{ name: 'default', action: 'retrain', paths: ['prompts/inference/ask.txt'], count: 1 }],
    })
  })

  itInFull('a module of the configuration outside of the usual folders counts', async () => {
    const made = await released({
      'sheikh.config.mjs': `import trainer from './lib/trainer.mjs'\nexport default { trainer }\n`,
      'lib/trainer.mjs': `export default globalThis[Symbol.for('sheikh-freemium.test-trainer')]\n`,
    })
    commit(made, { 'lib/other.mjs': '' })
    expect(await made.repository.triggered()).toMatchObject({ action: 'none' })
    commit(made, {
      'lib/trainer.mjs': `// v2\nexport default globalThis[Symbol.for('sheikh-freemium.test-trainer')]\n`,
    })
    expect(await made.repository.triggered()).toMatchObject({ triggers: [{ paths: ['lib/trainer.mjs'] }] })
  })
})

describe('triggers', () => {
  it('select by glob, and the last pattern that matches decides', async () => {
    const made = await released(
      withTriggers(
        'data: { paths: ["dataset/**", "!dataset/**/*.md", "dataset/must.md"], action: validate_and_queue }',
      ),
    )
    commit(made, { 'dataset/notes/x.md': 'x', 'prompts/inference/ask.txt': '{{ text }}!' })
    expect(await made.repository.triggered()).toMatchObject({
      action: 'none',
      reason: expect.stringMatching(/none changes a file that a trigger/),
    })
    commit(made, { 'dataset/must.md': 'x' })
    expect(await made.repository.triggered()).toMatchObject({
      action: 'run',
      triggers: [{ name: 'data', action: 'validate_and_queue', paths: ['dataset/must.md'], count: 1 }],
    })
  })

  it('select the same files, however a folder is written, and files outside the project only with ".."', () => {
    for (const pattern of ['dataset', './dataset/', 'dataset//**', 'mlops/../dataset', '.', './', '**'])
      expect([pattern, pathFilter([pattern])('dataset/a.json')]).toEqual([pattern, true])
    const outside = '../shared/a.json'
    for (const pattern of ['**', '.', '**/*.json']) expect(pathFilter([pattern])(outside)).toBe(false)
    for (const pattern of ['../**', '../shared', '{../shared,dataset}/**'])
      expect(pathFilter([pattern])(outside)).toBe(true)
    expect(pathFilter(['../shared', '!**/*.json'])(outside)).toBe(false)
  })

  it('with full_train train again, also when a run in between was lost', async () => {
    const made = await released(withTriggers(training, full))
    commit(made, { 'mlops/validation/rules.yaml': 'validation: { accuracy_threshold: 0.2 }\n' })
    commit(made, { 'README.md': 'x' })
    const decision = await made.repository.triggered()
    expect(decision).toMatchObject({ action: 'run', retrain: true, commits: 2, triggers: [{ name: 'full', count: 1 }] })
    expect(await run(made, { retrain: true })).toMatchObject({ status: 'up-to-date' })
    // The run ended without a release, and all the same its commits are done with.
    expect(await made.repository.triggered()).toMatchObject({ action: 'none', retrain: false, commits: 0 })
  })

  it('count both names of a renamed file, and list at most 20 files', async () => {
    const made = await released(withTriggers(training))
    git(made.root, 'mv', 'prompts/inference/ask.txt', 'dataset/ask.txt')
    commit(made, {})
    expect(await made.repository.triggered()).toMatchObject({ triggers: [{ paths: ['dataset/ask.txt'], count: 1 }] })
    git(made.root, 'mv', 'dataset/ask.txt', 'ask.txt')
    for (let index = 100; index < 125; index += 1) made.put(`dataset/samples/all/${index}.json`, sample(index))
    commit(made, {})
    const [fired] = (await made.repository.triggered()).triggers
    expect(fired).toMatchObject({ count: 25 })
    expect(fired?.paths).toHaveLength(20)
    git(made.root, 'mv', 'dataset/config.yaml', 'config.yaml')
    commit(made, {})
    expect((await made.repository.triggered()).triggers[0]).toMatchObject({ count: 26 })
  })

  it('see paths with any characters', async () => {
    const paths = ['dataset/"quoted"\t.json', 'dataset/a b.json', 'dataset/line\nbreak.json', 'dataset/naïve-日本.json']
    const made = await released(withTriggers(training))
    commit(made, Object.fromEntries(paths.map((path) => [path, '{}'])))
    const [fired] = (await made.repository.triggered()).triggers
    expect([...fired!.paths].sort()).toEqual(paths)
  })

  it('see a submodule in dataset/ that moved', async () => {
    const made = await released(withTriggers(training))
    const other = join(temporaryFolder(), 'other')
    await initGitRepository(other)
    git(other, 'commit', '--quiet', '--allow-empty', '--message', 'One')
    const add = (message: string) => {
      git(
        made.root,
        'update-index',
        '--add',
        '--cacheinfo',
        `160000,${git(other, 'rev-parse', 'HEAD').trim()},dataset/more`,
      )
      git(made.root, 'commit', '--quiet', '--message', message)
    }
    add('Add')
    expect(await made.repository.triggered()).toMatchObject({ triggers: [{ paths: ['dataset/more'], count: 1 }] })
  })

  it('skip while the message of the newest commit says so; a later commit brings the change along', async () => {
    const made = await released(withTriggers(training, nightly))
    commit(made, { 'dataset/a.txt': 'x' }, 'Add\n\n[skip train]')
    expect(await made.repository.triggered()).toMatchObject({
      action: 'none',
      reason: expect.stringMatching(/skips training/),
      triggers: [],
    })
    // A schedule is another time.
    expect(await made.repository.triggered({ schedule: '0 3 * * 1-5' })).toMatchObject({ action: 'run', retrain: true })
    commit(made, { 'README.md': 'x' }, 'Words')
    expect(await made.repository.triggered()).toMatchObject({ action: 'run', triggers: [{ paths: ['dataset/a.txt'] }] })
    commit(made, { 'README.md': 'y' }, '[Train Skip] once more')
    expect(await made.repository.triggered()).toMatchObject({ action: 'none' })
  })

  it('fire by their schedule, with the changes that wait; an unknown schedule is an error that lists the known ones', async () => {
    const made = await released(withTriggers(training, nightly))
    expect(await made.repository.triggered({ schedule: ' 0  3 * * 1-5 ' })).toMatchObject({
      ...{ action: 'run', retrain: true, commits: 0 },
      triggers: [{ name: 'nightly', cron: '0 3 * * 1-5', count: 0 }],
    })
    commit(made, { 'dataset/a.txt': 'x' })
    const { triggers } = await made.repository.triggered({ schedule: '0 3 * * 1-5' })
    expect(triggers.map(({ name }) => name)).toEqual(['nightly', 'training'])
    await expect(made.repository.triggered({ schedule: '0 4 * * *' })).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('"0 3 * * 1-5"'),
    })
  })
})

describe('the last run', () => {
  it('is known by any result: one that waits for a person and up to date too, once for each commit', async () => {
    const made = await released()
    const strict = 'validation: { accuracy_threshold: 0.999 }\n'
    const second = commit(made, { 'mlops/validation/rules.yaml': strict, 'prompts/inference/ask.txt': '{{ text }}?' })
    expect(await run(made)).toMatchObject({ status: 'awaiting-approval' })
    expect((await ledgerOf(made)).at(-1)).toMatchObject({ type: 'run', status: 'awaiting-approval', commit: second })
    expect(await made.repository.triggered()).toMatchObject({ action: 'none', since: second })
    const lines = (await ledgerOf(made)).length
    expect(await run(made)).toMatchObject({ status: 'awaiting-approval' })
    expect((await ledgerOf(made)).length).toBe(lines)
    const third = commit(made, { 'README.md': 'x' })
    expect(await made.repository.triggered()).toMatchObject({ action: 'none', since: second, commits: 1 })
    await run(made)
    expect((await ledgerOf(made)).at(-1)).toMatchObject({ type: 'run', commit: third })
  })

  it('is not one that failed, was aborted or had uncommitted changes', async () => {
    const made = await released()
    commit(made, { 'dataset/samples/all/50.json': '{' })
    await expect(run(made)).rejects.toMatchObject({ code: 'dataset-invalid' })
    commit(made, { 'dataset/samples/all/50.json': { ...sample(50) } })
    await expect(run(made, { signal: AbortSignal.abort() })).rejects.toThrow()
    made.put('prompts/inference/ask.txt', 'dirty {{ text }}')
    await run(made, { allowDirty: true })
    git(made.root, 'checkout', '--', 'prompts')
    expect(await made.repository.triggered()).toMatchObject({
      ...{ action: 'run', since: made.first, commits: 2 },
      triggers: [{ paths: ['dataset/samples/all/50.json'] }],
    })
  })

  itInFull('is not a rollback, and a revert leads to a run that restores', async () => {
    const made = await released()
    const changed = commit(made, { 'prompts/inference/ask.txt': '{{ text }}?' })
    expect(await run(made)).toMatchObject({ status: 'released' })
    await (await made.repository.pipeline()).rollback({ reason: 'Wrong', by: 'Me' })
    expect((await ledgerOf(made)).findLast(({ type }) => type === 'release')).not.toHaveProperty('commit')
    expect(await made.repository.triggered()).toMatchObject({ action: 'none', since: changed })
    await made.repository.revert(changed)
    expect(await made.repository.triggered()).toMatchObject({ action: 'run', since: changed, commits: 1 })
  })

  it('of a merge is the last of both sides', async () => {
    const made = await released()
    const branch = git(made.root, 'branch', '--show-current').trim()
    git(made.root, 'checkout', '--quiet', '-b', 'feature')
    commit(made, { 'dataset/a.txt': 'x' })
    git(made.root, 'checkout', '--quiet', branch)
    const main = commit(made, { 'prompts/inference/ask.txt': '{{ text }}?' })
    await run(made)
    git(made.root, 'merge', '--quiet', '--no-edit', 'feature')
    expect(await made.repository.triggered()).toMatchObject({
      ...{ action: 'run', since: main, commits: 2 },
      triggers: [{ paths: ['dataset/a.txt'] }],
    })
  })

  itInFull('is unknown on a branch that was rewritten, and a run is needed', async () => {
    const made = await released()
    commit(made, { 'prompts/inference/ask.txt': '{{ text }}?' })
    await run(made)
    git(made.root, 'reset', '--quiet', '--hard', 'HEAD~1')
    expect(await made.repository.triggered()).toMatchObject({
      ...{
        action: 'run',
        reason: expect.stringMatching(/0\.2\.0 was made from the commit \w{10}, which is not in the history of HEAD/),
      },
    })
    expect(await run(made)).toMatchObject({ status: 'restored' })
    expect(await made.repository.triggered()).toMatchObject({ action: 'none' })
  })

  it('of another branch counts only if it released', async () => {
    const made = await released()
    const branch = git(made.root, 'branch', '--show-current').trim()
    git(made.root, 'checkout', '--quiet', '-b', 'feature')
    commit(made, {
      'mlops/validation/rules.yaml': 'validation: { accuracy_threshold: 0.999 }\n',
      'prompts/inference/ask.txt': '{{ text }}?',
    })
    expect(await run(made)).toMatchObject({ status: 'awaiting-approval' })
    git(made.root, 'checkout', '--quiet', branch)
    expect(await made.repository.triggered()).toMatchObject({ action: 'none', since: made.first })
    git(made.root, 'checkout', '--quiet', '--orphan', 'other')
    commit(made, {})
    expect(await made.repository.triggered()).toMatchObject({
      action: 'run',
      reason: expect.stringMatching(/not in the history of HEAD/),
    })
  })

  it('is unknown in a shallow clone without its commit', async () => {
    const made = await released()
    commit(made, { 'README.md': 'x' })
    commit(made, { 'README.md': 'y' })
    const clone = join(temporaryFolder(), 'clone')
    git(made.root, 'clone', '--quiet', '--depth', '1', `file://${made.root}`, clone)
    const shallow = await openRepository(clone)
    expect(await shallow.triggered()).toMatchObject({
      action: 'run',
      reason: expect.stringMatching(/shallow clone .*fetch-depth: 0/),
    })
    git(clone, 'fetch', '--quiet', '--unshallow')
    expect(await shallow.triggered()).toMatchObject({ action: 'none', since: made.first, commits: 2 })
  })

  it('is found with a detached HEAD', async () => {
    const made = await released()
    commit(made, { 'dataset/a.txt': 'x' })
    git(made.root, 'checkout', '--quiet', '--detach')
    expect(await made.repository.triggered()).toMatchObject({ action: 'run', since: made.first, commits: 1 })
  })
})

it('without commits there is nothing to run', async () => {
  const { root } = await project()
  rmSync(join(root, '.git'), { recursive: true })
  await initGitRepository(root)
  expect(await (await openRepository(root)).triggered()).toEqual({
    ...{ action: 'none', retrain: false, reason: 'The repository has no commits.', triggers: [] },
  })
})

it('the decision is the same without a program git', async () => {
  const made = await released(withTriggers(training, nightly))
  git(made.root, 'checkout', '--quiet', '-b', 'feature')
  git(made.root, 'mv', 'dataset/config.yaml', 'dataset/naïve name.yaml')
  commit(made, {})
  git(made.root, 'checkout', '--quiet', '-')
  commit(made, { 'README.md': 'x' })
  git(made.root, 'merge', '--quiet', '--no-edit', 'feature')
  const entries = await (await made.repository.ledger()).read(callContext())
  const decide = async (program: string | false) => {
    const opened = await openGit(made.root, callContext(), { program })
    const { triggers } = await loadConfiguration(made.root, callContext())
    return decideTriggers({ git: opened, prefix: '', triggers, runPaths: [], entries, drift: neverAsked })
  }
  const decision = await decide(false)
  expect(decision).toMatchObject({ since: made.first, commits: 3, triggers: [{ name: 'training', count: 2 }] })
  expect(decision).toEqual(await decide('git'))
})
