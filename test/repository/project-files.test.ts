import { existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { initRepository, openRepository } from '../../src/repository/index.js'
import { sampleOf } from '../whole.js'
import { dirtyPaths, git, gitStatus, temporaryFolder, write } from './harness.js'
import { project, sample, sampleFilesOf } from './project.js'

const pinnedIds = (root: string) =>
  (JSON.parse(readFileSync(join(root, 'dataset/evaluation.json'), 'utf8')) as { items: { id: string }[] }).items.map(
    ({ id }) => id,
  )
const indices = Array.from({ length: 40 }, (_, index) => index)
const pathOf = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`

describe('a link that leaves the project is never followed, though Git calls the tree clean', () => {
  it.each([
    'dataset',
    'dataset/samples',
    'dataset/samples/all',
    'dataset/evaluation.json',
    'dataset/config.yaml',
    'dataset/schemas',
    'dataset/schemas/sample.json',
    'mlops',
    'mlops/pipeline.yaml',
    'prompts',
    'prompts/inference',
    'prompts/inference/ask.txt',
  ])('%s', async (path) => {
    const { root, repository, commit } = await project()
    const outside = join(temporaryFolder(), 'outside')
    renameSync(join(root, path), outside)
    symlinkSync(outside, join(root, path))
    await commit('A link')
    expect(gitStatus(root)).toBe('')
    await expect(repository.validate()).rejects.toMatchObject({
      code: expect.stringMatching(/^(dataset-invalid|invalid-config|template-invalid)$/),
      message: expect.stringMatching(/symbolic link|not a folder/),
    })
  })
})

it('a project that is opened through a link, or by a relative path, is the project: its edits are seen', async () => {
  const root = temporaryFolder()
  await initRepository(join(root, 'projects/tickets'), { samples: false })
  symlinkSync('projects/tickets', join(root, 'link'))
  write(root, 'projects/tickets/prompts/new.txt')
  const names = [join(root, 'link'), relative(process.cwd(), join(root, 'projects/tickets'))]
  for (const name of names) expect(await dirtyPaths(await openRepository(name))).toEqual(['prompts/new.txt'])
})

describe('the repository', () => {
  it('knows the head, and who commits as native git is told', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q', '-b', 'main')
    const repository = await openRepository(root)
    expect(await repository.head()).toBe(undefined)
    git(root, 'config', 'user.name', 'Ann Example')
    git(root, 'config', 'user.email', 'ann@example.org')
    expect(await repository.author()).toBe('Ann Example <ann@example.org>')
    write(root, 'prompts/x.txt')
    const oid = await repository.commit({ message: 'One' })
    expect(await repository.head()).toEqual({ oid, branch: 'main' })
    expect(git(root, 'log', '--format=%H %an <%ae>')).toBe(`${oid} Ann Example <ann@example.org>\n`)
    git(root, 'checkout', '-q', '--detach')
    expect(await repository.head()).toEqual({ oid })
  })

  it('opened or made with a signal that is aborted, rejects with the reason', async () => {
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    const root = temporaryFolder()
    await expect(openRepository(root, { signal })).rejects.toBe(reason)
    await expect(initRepository(root, { signal })).rejects.toBe(reason)
    expect(existsSync(join(root, '.git'))).toBe(false)
  })

  it.each(sampleOf(['naïve "quotes"', 'a: b # c', "it's", '{{ x }}', '-', 'null'], 2))(
    'is made with a name that YAML could misread: %s',
    async (name) => {
      const root = temporaryFolder()
      await initRepository(root, { name, samples: false })
      expect((await (await openRepository(root)).load()).notices).toEqual([])
      expect(git(root, 'log', '--format=%s')).toBe(`Start the project "${name}"\n`)
    },
  )
})

describe('a run of a quick trainer of the host', () => {
  it('releases with its commit, is up to date, and restores after a revert', async () => {
    const { root, repository, put, commit } = await project()
    const run = async () => (await repository.pipeline()).run()
    const result = await run()
    if (result.status !== 'released') throw new Error(`it is ${JSON.stringify(result)}`)
    expect(result.release.record.commit).toBe(git(root, 'rev-parse', 'HEAD').trim())
    const carried = JSON.stringify(result.release.manifest)
    expect(carried).toContain('prompts/inference/ask.txt')
    expect(carried).toContain('sheikh/schema.json')
    expect((await run()).status).toBe('up-to-date')
    put(pathOf(90), { ...sample(90), text: 'cherries' })
    const bad = await commit('More')
    expect((await run()).status).toBe('released')
    await repository.revert(bad)
    expect(await run()).toMatchObject({ status: 'restored', restoredFrom: '0.1.0' })
    expect(gitStatus(root)).toBe('')
  })

  it('is dirty by each file that was edited, is new or is gone, and by nothing that it does not read', async () => {
    const { root, repository, put } = await project()
    put('README.md', 'mine')
    put('dataset/.gitignore', '*.tmp\n')
    await repository.commit({ message: 'Ignore' })
    put('dataset/notes.tmp', 'x')
    put('releases/mine.json', '{}')
    expect(await dirtyPaths(repository)).toEqual([])
    // The same length, within the same tick of the clock.
    put('prompts/inference/ask.txt', 'What is {{ text }}!\n')
    put(pathOf(90), sample(90))
    rmSync(join(root, pathOf(3)))
    const dirty = [pathOf(90), 'prompts/inference/ask.txt', pathOf(3)]
    expect([...(await dirtyPaths(repository))].sort()).toEqual(dirty.sort())
    await expect((await repository.pipeline()).run()).rejects.toMatchObject({ code: 'repository-dirty' })
  })
})

describe('the configuration', () => {
  it('is read anew each time: an edit is seen, with its place', async () => {
    const { repository, put, commit } = await project()
    await repository.validate()
    put('mlops/pipeline.yaml', 'stages: { validate_weights: { checks: [ accuracy_threshold: 15 ] } }\n')
    await expect(repository.validate()).rejects.toMatchObject({
      code: 'invalid-config',
      facts: { file: 'mlops/pipeline.yaml', line: 1, column: expect.any(Number) },
    })
    // What is broken can still be committed, and undone.
    await repository.revert(await commit('Broken'))
    await repository.validate()
  })

  it.each(['../secret.json', '/etc/hostname', 'dataset/../../secret.json'])(
    'names a schema outside of the project: %s',
    async (path) => {
      const { root, repository, put } = await project()
      write(root, '../secret.json', '{}')
      put('dataset/config.yaml', `validation: { schema_path: ${path} }\n`)
      await expect(repository.validate()).rejects.toMatchObject({
        code: 'invalid-config',
        message: expect.stringContaining('outside the project'),
      })
    },
  )

  it.each([
    ['that is not there', 'dataset/schemas/none.json', undefined],
    ['that is no JSON', 'dataset/schemas/bad.json', '{ "type": '],
    ['that is no schema', 'dataset/schemas/bad.json', '{ "type": "objekt" }'],
    ['that is a folder', 'dataset/schemas', undefined],
  ])('names a schema %s', async (_, path, text) => {
    const { repository, put } = await project()
    if (text !== undefined) put(path, text)
    put('dataset/config.yaml', `validation: { schema_path: ${path} }\n`)
    await expect(repository.validate()).rejects.toMatchObject({ code: expect.stringMatching(/^invalid-/) })
  })

  it.each([
    ['good', ''],
    ['of a wrong type', '  email: { recipients: 3, events: hunter2 }\n'],
    ['with the key twice', '  slack: { webhook: hunter2 }\n'],
    ['that is no YAML', '  "hunter2\n'],
    ['with a value that opens and does not close', '  email: { recipients: [ hunter2 \n'],
  ])('keeps a secret to itself, in a file %s', async (_, more) => {
    const { repository, put } = await project()
    put(
      'mlops/pipeline.yaml',
      `notifications:\n  slack: { webhook: "\${{ secrets.SLACK }} hunter2", events: [held] }\n${more}`,
    )
    const said = await repository
      .load()
      .then(({ notices }) => notices)
      .catch((error: unknown) => error)
    const text = said instanceof Error ? `${said.message} ${JSON.stringify(said)}` : JSON.stringify(said)
    if (more === '') expect(said).toEqual([])
    else expect(said).toMatchObject({ code: 'invalid-config', facts: { line: expect.any(Number) } })
    expect(text).not.toContain('hunter2')
  })

  it('of a host may bring a whole pipeline', async () => {
    const { repository, put } = await project()
    put('sheikh.config.mjs', 'export default { pipeline: { mine: true, run() {}, plan() {} } }\n')
    expect(await repository.pipeline()).toMatchObject({ mine: true })
  })

  it('holds a prompt that is no template', async () => {
    const { repository, put } = await project()
    put('prompts/inference/ask.txt', 'What is {{ text ?\n')
    await expect(repository.validate()).rejects.toMatchObject({
      code: 'template-invalid',
      message: expect.stringContaining('ask.txt'),
    })
  })
})

describe('the evaluation set', () => {
  it('never changes by new samples, and grows only by name', async () => {
    const { root, repository, put } = await project()
    const before = pinnedIds(root)
    for (let index = 50; index < 90; index += 1) put(pathOf(index), sample(index))
    expect(pinnedIds(root)).toEqual(before)
    expect(await repository.evaluationStatus()).toMatchObject({ pinned: before.length, training: 80 - before.length })
    await repository.addToEvaluation([sample(51).id])
    expect(pinnedIds(root)).toEqual([...before, sample(51).id].sort())
  })

  it('takes the new content of an item that was edited, by name', async () => {
    const { root, repository, put } = await project()
    const index = indices.find((candidate) => pinnedIds(root).includes(sample(candidate).id))!
    put(pathOf(index), { ...sample(index), text: 'apple of another kind' })
    expect((await repository.evaluationStatus()).changed).toEqual([sample(index).id])
    await repository.addToEvaluation([sample(index).id])
    expect((await repository.evaluationStatus()).changed).toEqual([])
    await repository.validate()
  })

  it('keeps a group on one side of the line, and sets aside what joins it later', async () => {
    const { root, repository, put } = await project({
      ...sampleFilesOf((index) => ({ ...sample(index), thread: `t${index % 10}` })),
      'dataset/config.yaml': 'projection: { id: id, input: text, target: label, group: thread }\n',
    })
    const pinned = indices.filter((index) => pinnedIds(root).includes(sample(index).id))
    const groups = new Set(pinned.map((index) => index % 10))
    expect(pinned).toEqual(indices.filter((index) => groups.has(index % 10)))
    put(pathOf(90), { ...sample(90), thread: `t${pinned[0]! % 10}` })
    expect((await repository.evaluationStatus()).excludedByGroup).toBe(1)
    await repository.validate()
  })
})
