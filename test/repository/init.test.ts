import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { initGitRepository } from '../../src/repository/git/index.js'
import { initRepository, openRepository } from '../../src/repository/index.js'
import { minimumItemsForMargin } from '../../src/statistics/index.js'
import { itInFull } from '../in-full.js'
import { templateProject } from '../template-project.js'
import { dirtyPaths, git, gitCheck, gitStatus, temporaryFolder, write } from './harness.js'

describe('init', () => {
  it('in an empty folder makes a repository with one commit that holds everything, and a clean tree', async () => {
    const root = join(temporaryFolder(), 'tickets')
    const { commit, pinned } = await initRepository(root)
    expect(gitStatus(root)).toBe('')
    gitCheck(root)
    expect(git(root, 'log', '--format=%H|%s')).toBe(`${commit}|Start the project "tickets"\n`)
    const files = git(root, 'ls-files').trim().split('\n')
    expect(files.filter((path) => /^dataset\/samples\/\w+\/[\w-]+\.json$/.test(path))).toHaveLength(200)
    expect(files).toEqual(
      expect.arrayContaining([
        '.gitignore',
        'dataset/config.yaml',
        'dataset/evaluation.json',
        'dataset/schemas/sample.json',
        'mlops/pipeline.yaml',
        'mlops/training/config.yaml',
        'prompts/inference/classify.txt',
      ]),
    )
    expect(readFileSync(join(root, '.gitignore'), 'utf8').split('\n')).toEqual(
      expect.arrayContaining(['.sheikh/', 'releases/']),
    )
    const repository = await openRepository(root)
    expect((await repository.load()).notices).toEqual([])
    // Enough for the margin that it writes: an identical model can pass.
    expect(pinned).toBeGreaterThanOrEqual(minimumItemsForMargin(0.05))
    expect(await repository.evaluationStatus()).toMatchObject({ pinned, changed: [], warnings: [] })
  })

  it('names the schema of each YAML file, in the nearest folder that has the package installed', async () => {
    const installed = temporaryFolder()
    write(installed, 'node_modules/sheikh-freemium/dist/schemas/pipeline.json', '{}')
    for (const [root, up] of [
      [join(installed, 'models', 'tickets'), '../../'],
      [join(temporaryFolder(), 'tickets'), ''],
    ] as const) {
      await initRepository(root, { samples: false })
      const schema = (path: string) =>
        /^# yaml-language-server: \$schema=(.+)\n/.exec(readFileSync(join(root, path), 'utf8'))?.[1]
      const schemas = `${up}node_modules/sheikh-freemium/dist/schemas`
      expect(schema('mlops/pipeline.yaml')).toBe(`../${schemas}/pipeline.json`)
      expect(schema('mlops/training/config.yaml')).toBe(`../../${schemas}/training.json`)
      expect(schema('dataset/config.yaml')).toBe(`../${schemas}/dataset.json`)
    }
  })

  it('gives the same samples and evaluation set every time, whatever the name', async () => {
    const [one, other] = [join(temporaryFolder(), 'one'), await templateProject()]
    await initRepository(one)
    const read = (root: string) => git(root, 'rev-parse', 'HEAD:dataset/samples', 'HEAD:dataset/evaluation.json')
    expect(read(one)).toBe(read(other))
  })

  it('without samples waits for some', async () => {
    const root = join(temporaryFolder(), 'empty')
    expect(await initRepository(root, { samples: false })).toMatchObject({ pinned: 0 })
    expect(gitStatus(root)).toBe('')
    const repository = await openRepository(root)
    await expect((await repository.pipeline()).run()).rejects.toMatchObject({ code: 'dataset-invalid' })
    await expect(repository.pinEvaluation()).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  it('in a repository with a history adds one commit of its own files, and leaves the rest as it is', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q', '-b', 'trunk')
    write(root, 'readme.txt')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'before')
    write(root, 'readme.txt', 'my work')
    write(root, 'notes.txt')
    await initRepository(root, { samples: false })
    expect(git(root, 'log', '--format=%s', 'trunk').split('\n')).toHaveLength(3)
    expect(gitStatus(root)).toBe(' M readme.txt\n?? notes.txt\n')
  })

  itInFull('below a repository’s root makes a project there, that runs', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    const project = join(root, 'models/tickets')
    await initRepository(project)
    expect(gitStatus(root)).toBe('')
    const repository = await openRepository(project)
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
    expect(gitStatus(root)).toBe('')
    write(root, 'elsewhere.txt')
    expect(await dirtyPaths(repository)).toEqual([])
    write(project, 'dataset/samples/billing/new.json', '{}')
    expect(await dirtyPaths(repository)).toEqual(['models/tickets/dataset/samples/billing/new.json'])
  })

  it('adds what a project lacks, changes no file, and names what it left', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    const mine = {
      'dataset/config.yaml': 'dataset: { name: mine }\nprojection: { input: body, target: label }\n',
      'dataset/samples/mine/1.json': '{"body":"hello","label":"greeting"}',
      'mlops/pipeline.yaml': 'pipeline: { name: mine }\n',
    }
    for (const [path, text] of Object.entries(mine)) write(root, path, text)
    const made = await initRepository(root)
    for (const [path, text] of Object.entries(mine)) expect(readFileSync(join(root, path), 'utf8')).toBe(text)
    const added = [
      '.gitignore',
      'dataset/schemas/sample.json',
      'prompts/inference/classify.txt',
      'mlops/training/config.yaml',
    ]
    expect(made).toEqual({
      commit: expect.stringMatching(/^[0-9a-f]{40}$/),
      added,
      left: ['dataset/config.yaml', 'mlops/pipeline.yaml', 'dataset/samples'],
      pinned: 0,
    })
    expect(git(root, 'ls-files').trim().split('\n').toSorted()).toEqual(added.toSorted())
    expect(git(root, 'log', '--format=%s')).toContain('Complete the project')
  })

  it('pins nothing of a user’s own samples, and leaves an evaluation set', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    write(root, 'dataset/samples/mine.csv', 'text,label\nhello,greeting\n')
    write(root, 'dataset/evaluation.json', '{}')
    expect(await initRepository(root)).toMatchObject({ left: ['dataset/samples'], pinned: 0 })
    expect(readdirSync(join(root, 'dataset/samples'))).toEqual(['mine.csv'])
    expect(readFileSync(join(root, 'dataset/evaluation.json'), 'utf8')).toBe('{}')
  })

  itInFull('leaves a configuration of another extension, so that there is one', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    write(root, 'sheikh.config.ts', 'export default {}\n')
    const { left, added } = await initRepository(root, { template: 'own-model' })
    expect([left, added.includes('sheikh.config.mjs')]).toEqual([['sheikh.config.ts'], false])
  })

  it.each(['dataset', 'mlops', 'dataset/config.yaml/x'])(
    'in a folder with %s in the way is refused, and nothing is written',
    async (path) => {
      const root = temporaryFolder()
      write(root, path, 'mine')
      const before = readdirSync(root, { recursive: true })
      await expect(initRepository(root, { here: true })).rejects.toMatchObject({ code: 'invalid-options' })
      expect(readdirSync(root, { recursive: true })).toEqual(before)
    },
  )

  it('writes nothing through a symbolic link', async () => {
    const [root, elsewhere] = [temporaryFolder(), temporaryFolder()]
    symlinkSync(elsewhere, join(root, 'mlops'))
    await expect(initRepository(root, { here: true })).rejects.toMatchObject({ code: 'invalid-config' })
    expect(readdirSync(elsewhere)).toEqual([])
  })

  it('in a folder with half a .git, which a killed init leaves, starts again', async () => {
    const root = temporaryFolder()
    mkdirSync(join(root, '.git/refs'), { recursive: true })
    expect(await initRepository(root)).toMatchObject({ pinned: 80, left: [] })
    gitCheck(root)
  })

  it('adds what is missing to a .gitignore that is there', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    write(root, '.gitignore', 'mine\nnode_modules/')
    await initRepository(root, { samples: false })
    expect(readFileSync(join(root, '.gitignore'), 'utf8')).toBe('mine\nnode_modules/\n.sheikh/\nreleases/\n')
    expect(gitStatus(root)).toBe('')
  })

  it('makes no repository around other files unless it is asked to, and then commits none of them', async () => {
    const root = temporaryFolder()
    write(root, 'thesis.tex', 'mine')
    await expect(initRepository(root)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringMatching(/thesis\.tex.*--here/),
    })
    expect(readdirSync(root)).toEqual(['thesis.tex'])
    await initRepository(root, { here: true, samples: false })
    expect(gitStatus(root)).toBe('?? thesis.tex\n')
  })

  it('where Git knows nobody to commit as leaves the folder as it was', async () => {
    const root = join(temporaryFolder(), 'new')
    const known = process.env['GIT_CONFIG_GLOBAL']
    process.env['GIT_CONFIG_GLOBAL'] = '/dev/null'
    try {
      await expect(initRepository(root)).rejects.toMatchObject({
        code: 'repository-invalid',
        message: expect.stringContaining('git config --global user.name'),
      })
    } finally {
      process.env['GIT_CONFIG_GLOBAL'] = known
    }
    expect(existsSync(join(root, '.git'))).toBe(false)
    await initRepository(root, { samples: false })
  })

  it('where Git ignores its files says so, and commits nothing', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    write(root, '.gitignore', '*.json\n')
    await expect(initRepository(root)).rejects.toMatchObject({
      code: 'repository-invalid',
      message: expect.stringMatching(/Git ignores dataset.*check-ignore/),
    })
    expect(() => git(root, 'rev-parse', '--verify', 'HEAD')).toThrow()
  })

  it.each([
    ['native', undefined],
    ['isomorphic', false],
  ] as const)('has the settings that `git init` finds out, by %s git', async (_kind, program) => {
    const [root, other] = [join(temporaryFolder(), 'ours'), join(temporaryFolder(), 'theirs')]
    await initGitRepository(root, {}, { program })
    mkdirSync(other)
    git(other, 'init', '-q', '-b', 'main')
    const settings = (folder: string) =>
      ['core.bare', 'core.filemode', 'core.symlinks', 'core.ignorecase', 'core.repositoryformatversion'].map((key) => {
        try {
          return git(folder, 'config', '--local', key).trim()
        } catch {
          return 'unset'
        }
      })
    expect(settings(root)).toEqual(settings(other))
    expect(git(root, 'symbolic-ref', 'HEAD').trim()).toBe('refs/heads/main')
  })

  it('twice adds nothing the second time', async () => {
    const root = temporaryFolder()
    const { commit } = await initRepository(root)
    expect(await initRepository(root)).toEqual({ added: [], left: [], pinned: 80 })
    expect(git(root, 'rev-parse', 'HEAD').trim()).toBe(commit)
    expect(gitStatus(root)).toBe('')
  })
})
