import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, temporaryFolder, write } from './harness.js'
import { project, sample } from './project.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: kinds of checkouts, since ${gitIsMissing}\n`)

describe.skipIf(gitIsMissing !== undefined)('a checkout that leaves out samples', () => {
  const refusal = (act: string, path: string) => ({
    code: 'repository-dirty',
    message: expect.stringMatching(
      new RegExp(
        `^Cannot ${act}: this checkout leaves out files .*${path}.*git sparse-checkout disable, or git submod`,
      ),
    ),
  })

  async function expectRefusals(root: string, path: string): Promise<void> {
    const repository = await openRepository(root)
    await expect(repository.validate()).rejects.toMatchObject(refusal('validate the project', path))
    await expect(repository.plan()).rejects.toMatchObject(refusal('plan a run', path))
    await expect(repository.diff('HEAD')).rejects.toMatchObject(refusal('compare the work tree', path))
    for (const call of [
      () => repository.evaluationStatus(),
      () => repository.repinEvaluation({ reason: 'gone', by: 'Ann' }),
    ])
      await expect(call()).rejects.toMatchObject(refusal('read the evaluation set', path))
    expect((await repository.blame('s00')).problems).toContainEqual({
      part: 'dataset',
      ...refusal('read all samples', path),
    })
  }

  itInFull('as a sparse one does, is not taken for one that deleted them', async () => {
    const { root } = await project()
    git(root, 'update-index', '-q', '--refresh')
    git(root, 'sparse-checkout', 'set', '--no-cone', '/*', '!/dataset/samples/all/0*')
    await expectRefusals(root, 'dataset/samples/all/00.json')
  })

  itInFull('in a submodule that is not initialised, is not taken for a whole one', async () => {
    const { root } = await withSubmodule()
    const fresh = join(temporaryFolder(), 'fresh')
    git(root, 'clone', '-q', root, fresh)
    await expectRefusals(fresh, 'dataset/samples/extra')
  })
})

async function withSubmodule() {
  const inner = temporaryFolder()
  git(inner, 'init', '-q', '-b', 'main')
  write(inner, 'extra.json', JSON.stringify(sample(41)))
  git(inner, 'add', '-A')
  git(inner, 'commit', '-q', '-m', 'extra')
  const made = await project()
  git(made.root, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', inner, 'dataset/samples/extra')
  git(made.root, 'commit', '-q', '-m', 'submodule')
  return { ...made, inner }
}

describe.skipIf(gitIsMissing !== undefined)('samples in a submodule', () => {
  it('are read as each commit has them', async () => {
    const { root, repository } = await withSubmodule()
    const submodule = join(root, 'dataset/samples/extra')
    write(submodule, 'extra.json', JSON.stringify({ ...sample(41), text: 'bus number 1000' }))
    git(submodule, 'commit', '-qam', 'edited')
    git(root, 'commit', '-qam', 'moved')
    expect(await repository.validate()).toMatchObject({ counts: { rows: 41 } })
    expect((await repository.diff('HEAD~1', 'HEAD')).data).toMatchObject({ added: [], changed: [{ id: 's41' }] })
    expect((await repository.diff('HEAD~2', 'HEAD')).data).toMatchObject({ added: [{ id: 's41' }], changed: [] })
  })

  it('are an error that names the remedy, if the submodule lacks the commit', async () => {
    const { root, repository } = await withSubmodule()
    git(root, 'update-index', '--cacheinfo', `160000,${'1'.repeat(40)},dataset/samples/extra`)
    git(root, 'commit', '-qm', 'moved')
    await expect(repository.diff('HEAD~1', 'HEAD')).rejects.toMatchObject({
      code: 'repository-invalid',
      message: expect.stringMatching(
        /lacks the commit 1{40} of the submodule "dataset\/samples\/extra".*git submodule/,
      ),
    })
  })
})

describe('a merge conflict that nobody resolved', () => {
  const conflict = (one: string, other: string) => `<<<<<<< HEAD\n${one}\n=======\n${other}\n>>>>>>> side\n`

  it.each([
    ['dataset/samples/all/00.json', conflict('{"id":"s00"}', '{"id":"s01"}'), 'dataset-invalid', /00\.json line 1/],
    ['dataset/samples/all/more.jsonl', `{"id":"x"}\n${conflict('{}', '{}')}`, 'dataset-invalid', /more\.jsonl line 2/],
    ['dataset/evaluation.json', conflict('{}', '{}'), 'dataset-invalid', /evaluation\.json/],
    ['dataset/schemas/sample.json', conflict('{}', '{}'), 'invalid-config', /sample\.json/],
    ['mlops/pipeline.yaml', conflict('a: 1', 'a: 2'), 'invalid-config', /pipeline\.yaml", line 1/],
    ['prompts/inference/ask.txt', conflict('What?', 'Who?'), 'template-invalid', /ask\.txt", line 1/],
  ])('in %s is named', async (path, content, code, place) => {
    const { put, repository } = await project()
    put(path, content)
    const refusal = { code, message: expect.stringMatching(place) }
    await expect(repository.validate()).rejects.toMatchObject(refusal)
    await expect(repository.validate()).rejects.toThrow(/it contains a merge conflict that is not resolved/)
  })
})

describe.skipIf(gitIsMissing !== undefined)('a linked work tree', () => {
  async function linked() {
    const { root, repository } = await project({
      'mlops/pipeline.yaml':
        'pipeline: { name: tiny }\nstages:\n  validate_weights: { checks: [ { accuracy_threshold: 0.15 } ] }\n  release: { targets: [ { directory: { path: releases } } ] }\n',
    })
    const other = join(root, '../linked')
    git(root, 'worktree', 'add', '-q', other, '-b', 'feature')
    return { root, repository, other }
  }

  it('shares the releases, the cache and the last run with the main one, as its ledger', async () => {
    const { root, repository, other } = await linked()
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
    const here = await openRepository(other)
    expect(await here.triggered()).toMatchObject({ action: 'none' })
    write(other, 'dataset/samples/all/new.json', JSON.stringify(sample(50)))
    write(other, 'prompts/inference/ask.txt', 'Say what {{ text }} is.')
    await here.commit({ message: 'On a branch' })
    expect(await (await here.pipeline()).run()).toMatchObject({ status: 'released' })
    const { pipeline } = await repository.load()
    expect(await pipeline.history()).toHaveLength(2)
    expect(existsSync(join(other, 'releases'))).toBe(false)
    expect(existsSync(join(other, '.sheikh'))).toBe(false)
    expect(git(other, 'log', '-1', '--format=%s', 'feature')).toBe('On a branch\n')
    expect(git(root, 'status', '--porcelain')).toBe('')
    expect((await here.planForget('s50')).problems).toContainEqual(
      expect.objectContaining({ part: 'files', message: expect.stringContaining(root) }),
    )
  })

  it('is locked while a run works in the main one', async () => {
    const { repository, other } = await linked()
    const run = await (await repository.pipeline()).start()
    let error: unknown
    try {
      for await (const event of run) {
        if (event.type !== 'run-start') continue
        error = await (await (await openRepository(other)).pipeline()).run().catch((refusal: unknown) => refusal)
        break
      }
    } finally {
      await run.result()
    }
    expect(error).toMatchObject({ code: 'locked' })
  })
})
