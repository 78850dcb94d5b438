import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { initRepository, openRepository } from '../../src/repository/index.js'
import { git, gitCheck, gitStatus, temporaryFolder, write } from './harness.js'

const commits = (root: string) => git(root, 'log', '--format=%s').trim().split('\n')
const filesOf = (root: string) => git(root, 'ls-files').trim().split('\n')

describe('initRepository', () => {
  it('makes a project in an empty folder: layout, samples, a pinned set, one commit, and nothing left over', async () => {
    const root = temporaryFolder()
    const { commit, files, pinned } = await initRepository(root, { name: 'tickets' })
    expect(commits(root)).toEqual(['Start the project "tickets"'])
    expect(git(root, 'rev-parse', 'HEAD').trim()).toBe(commit)
    expect(gitStatus(root)).toBe('')
    gitCheck(root)

    const tracked = filesOf(root)
    expect(tracked).toHaveLength(files)
    const samples = tracked.filter((path) => path.startsWith('dataset/samples/'))
    expect(samples).toHaveLength(200)
    expect(new Set(samples.map((path) => path.split('/')[2]))).toEqual(
      new Set(['billing', 'login', 'shipping', 'technical']),
    )
    expect(tracked.filter((path) => !path.startsWith('dataset/samples/'))).toEqual([
      '.gitignore',
      'dataset/config.yaml',
      'dataset/evaluation.json',
      'dataset/schemas/sample.json',
      'mlops/pipeline.yaml',
      'mlops/training/config.yaml',
      'prompts/inference/classify.txt',
    ])
    const set = JSON.parse(readFileSync(join(root, 'dataset/evaluation.json'), 'utf8')) as { items: unknown[] }
    expect(set.items).toHaveLength(pinned)
    expect(pinned).toBeGreaterThan(0)
  })

  it('ignores what the library writes: runs and releases never make a work tree dirty', async () => {
    const root = temporaryFolder()
    await initRepository(root)
    expect(readFileSync(join(root, '.gitignore'), 'utf8')).toBe('.sheikh/\nreleases/\n')
    await (await openRepository(root)).validate()
    write(root, 'releases/channels/latest.json', '{}')
    expect(readdirSync(root)).toContain('.sheikh')
    expect(gitStatus(root)).toBe('')
  })

  it('makes a project that uses its whole configuration, and validates', async () => {
    const root = temporaryFolder()
    await initRepository(root, { name: 'tickets' })
    const repository = await openRepository(root)
    expect(await repository.notices()).toEqual([])
    expect(await repository.dirtyPaths()).toEqual([])
    const { changed, pinned, training, warnings } = await repository.evaluationStatus()
    expect({ changed, warnings }).toEqual({ changed: [], warnings: [] })
    expect(pinned + training).toBe(200)
    await repository.validate()
  })

  it('twice is the same project, whatever the folder: the same samples and the same items pinned', async () => {
    const trees = []
    for (const root of [temporaryFolder(), temporaryFolder()]) {
      await initRepository(root, { name: 'tickets' })
      trees.push(git(root, 'rev-parse', 'HEAD^{tree}'))
    }
    expect(trees[1]).toBe(trees[0])
  })

  it('empty: the layout without samples, nothing pinned, and an error that says what is missing', async () => {
    const root = temporaryFolder()
    const { pinned, files } = await initRepository(root, { samples: false, name: 'x' })
    expect(pinned).toBe(0)
    expect(existsSync(join(root, 'dataset/evaluation.json'))).toBe(false)
    expect(filesOf(root)).toHaveLength(files)
    expect(filesOf(root)).toContain('dataset/samples/.gitkeep')
    expect(gitStatus(root)).toBe('')
    expect(commits(root)).toHaveLength(1)
    const repository = await openRepository(root)
    expect(await repository.notices()).toEqual([])
    await expect(repository.validate()).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('sheikh evaluation pin'),
    })
    await expect(repository.pinEvaluation()).rejects.toMatchObject({ code: 'dataset-invalid' })
  })

  it('a second time is refused, and changes nothing', async () => {
    const root = temporaryFolder()
    const { commit } = await initRepository(root)
    await expect(initRepository(root)).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('dataset'),
    })
    expect(git(root, 'rev-parse', 'HEAD').trim()).toBe(commit)
    expect(gitStatus(root)).toBe('')
  })

  it('over any file of its own is refused before anything is written', async () => {
    const root = temporaryFolder()
    write(root, 'mlops/mine.txt', 'mine')
    await expect(initRepository(root)).rejects.toMatchObject({
      code: 'invalid-options',
      facts: { paths: ['mlops'] },
    })
    expect(readdirSync(root)).toEqual(['mlops'])
  })

  it('in a repository that is there: on its branch, after its commits, and what else is there stays as it is', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q', '-b', 'trunk')
    write(root, 'README.md', 'mine')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'mine')
    write(root, 'README.md', 'edited')
    write(root, 'untracked.txt')
    await initRepository(root, { name: 'x' })
    expect(git(root, 'log', '--format=%s', 'trunk').trim().split('\n')).toEqual(['Start the project "x"', 'mine'])
    expect(gitStatus(root)).toBe(' M README.md\n?? untracked.txt\n')
    expect(git(root, 'show', '--stat', '--format=', 'HEAD')).not.toContain('README')
    gitCheck(root)
  })

  it('in a folder of a repository: the project is below, and only its own files count', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    write(root, 'dataset/of-another.json', '{}')
    const project = join(root, 'projects/tickets')
    await initRepository(project)
    expect(existsSync(join(project, '.git'))).toBe(false)
    expect(filesOf(root).every((path) => path.startsWith('projects/tickets/'))).toBe(true)
    const repository = await openRepository(project)
    expect(await repository.dirtyPaths()).toEqual([])
    write(project, 'dataset/samples/login/new.json', '{"id":"n","text":"a","label":"login"}')
    expect(await repository.dirtyPaths()).toEqual(['projects/tickets/dataset/samples/login/new.json'])
    await repository.commit({ message: 'More' })
    expect(gitStatus(root)).toBe('?? dataset/of-another.json\n')
  })

  it.each(['naïve "quotes"', 'a: b # c', "it's", '{{ x }}', '-', 'null'])(
    'takes a name that YAML could misread: %s',
    async (name) => {
      const root = temporaryFolder()
      await initRepository(root, { name, samples: false })
      const repository = await openRepository(root)
      expect(await repository.notices()).toEqual([])
      expect(commits(root)).toEqual([`Start the project "${name}"`])
    },
  )

  it('aborted before it starts, leaves nothing', async () => {
    const root = temporaryFolder()
    const reason = new Error('enough')
    await expect(initRepository(root, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    expect(readdirSync(root)).toEqual([])
  })
})
