import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { findProjects, initGitRepository, openRepository } from '../../src/repository/index.js'
import { startGitHub } from '../../src/testing/github/index.js'
import { commitAll } from '../commit-all.js'
import { itInFull } from '../in-full.js'
import { dirtyPaths, git, temporaryFolder, write } from './harness.js'
import { project } from './project.js'

const targets = (target: string) =>
  `stages: { validate_weights: { checks: [ { accuracy_threshold: 0.15 } ] }, release: { targets: [ ${target} ] } }\n`

/** Two projects in one repository, each with its samples. */
async function monorepo(configuration: (name: string) => string = () => targets('{ directory: { path: releases } }')) {
  const template = (await project()).root
  const root = join(temporaryFolder(), 'all')
  await initGitRepository(root)
  const folder = (name: string) => join(root, 'models', name)
  for (const name of ['apples', 'buses']) {
    cpSync(template, folder(name), { recursive: true, filter: (path) => !path.endsWith('.git') })
    write(folder(name), 'mlops/pipeline.yaml', `pipeline: { name: ${name} }\n${configuration(name)}`)
  }
  const commit = (files: Readonly<Record<string, string>> = {}, message = 'Change') => {
    for (const [path, content] of Object.entries(files)) write(root, path, content)
    return commitAll(root, message)
  }
  commit()
  const open = (name: string, environment = {}) => openRepository(folder(name), { environment })
  const run = async (name: string, environment = {}) => (await (await open(name, environment)).pipeline()).run()
  /** What the triggers look for after a run of HEAD, without its work. */
  const noted = async (name: string) => {
    const repository = await open(name)
    const commit = (await repository.head())!.oid
    await (await repository.ledger()).append({ type: 'run', runId: 'r', commit, status: 'up-to-date' }, callContext())
  }
  const triggered = async () => (await findProjects(root, { triggered: true })).map(({ path }) => path)
  return { root, folder, commit, open, run, noted, triggered }
}

const prompt = (name: string) => `models/${name}/prompts/inference/ask.txt`

describe('two projects in a repository', () => {
  it('are found by their configuration, from any folder', async () => {
    const { root, folder, commit } = await monorepo()
    const found = [
      { path: 'models/apples', name: 'apples' },
      { path: 'models/buses', name: 'buses' },
    ]
    expect(await findProjects(root)).toEqual(found)
    expect(await findProjects(folder('buses'))).toEqual(found)
    commit({ 'sheikh.config.mjs': 'export default {}\n', 'models/broken/mlops/pipeline.yaml': 'triggers: 3\n' })
    expect(await findProjects(root)).toEqual([
      { path: '.', name: 'sheikh' },
      found[0],
      { path: 'models/broken', problem: expect.stringContaining('triggers') },
      found[1],
    ])
  })

  it('are run by their own changes, each with its own ledger', async () => {
    const { root, commit, run, open, triggered } = await monorepo()
    expect(await triggered()).toEqual(['models/apples', 'models/buses'])
    expect(await run('apples')).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    expect(await triggered()).toEqual(['models/buses'])
    expect(await run('buses')).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    expect(await triggered()).toEqual([])

    commit({ [prompt('buses')]: 'Is {{ text }} a bus?\n' })
    expect(await triggered()).toEqual(['models/buses'])
    expect((await (await open('buses')).triggered()).triggers).toMatchObject([{ paths: ['prompts/inference/ask.txt'] }])
    // The other one has nothing to do with it, and says that it was run of an earlier commit.
    expect(await (await open('apples')).triggered()).toMatchObject({ action: 'none', commits: 1 })
    expect(await run('buses')).toMatchObject({ status: 'released', release: { version: '0.2.0' } })
    const lines = async (name: string) => (await (await open(name)).ledger()).read(callContext())
    expect([(await lines('apples')).length, (await lines('buses')).length]).toEqual([2, 4])
    expect(git(root, 'ls-tree', '-r', '--name-only', 'sheikh-ledger').trim().split('\n')).toEqual([
      'models/apples/ledger.jsonl',
      'models/buses/ledger.jsonl',
    ])
  })

  it('do not stop each other: neither by uncommitted files nor by a run at the same time', async () => {
    const { folder, open, run } = await monorepo()
    write(folder('buses'), 'prompts/inference/ask.txt', 'dirty {{ text }}\n')
    expect(await dirtyPaths(await open('apples'))).toEqual([])
    expect(await dirtyPaths(await open('buses'))).toEqual([prompt('buses')])
    expect(await run('apples')).toMatchObject({ status: 'released' })
    await expect(run('buses')).rejects.toMatchObject({ code: 'repository-dirty' })
    git(folder('buses'), 'checkout', '--', '.')
    const [again, other] = await Promise.all([run('apples'), run('buses')])
    expect([again.status, other.status]).toEqual(['up-to-date', 'released'])
  })

  itInFull('share code, which concerns both', async () => {
    const { root, folder, commit, triggered, noted } = await monorepo()
    const shared = `import trainer from '../../lib/trainer.mjs'\nexport default { trainer }\n`
    commit({
      'lib/trainer.mjs': `export default globalThis[Symbol.for('sheikh-freemium.test-trainer')]\n`,
      'models/buses/sheikh.config.mjs': shared,
    })
    for (const name of ['apples', 'buses']) await noted(name)
    commit({ 'lib/trainer.mjs': `// 2\nexport default globalThis[Symbol.for('sheikh-freemium.test-trainer')]\n` })
    expect(await triggered()).toEqual(['models/buses'])
    write(
      folder('apples'),
      'mlops/pipeline.yaml',
      `triggers: { lib: { paths: ["../../lib/**"] } }\n${targets('{ directory: { path: releases } }')}`,
    )
    commit()
    expect(await findProjects(root, { triggered: true })).toMatchObject([
      { path: 'models/apples', decision: { triggers: [{ name: 'lib', paths: ['../../lib/trainer.mjs'] }] } },
      { path: 'models/buses' },
    ])
  })

  itInFull('are restored together by the revert of a commit that changed both', async () => {
    const { commit, run, open, triggered } = await monorepo()
    for (const name of ['apples', 'buses']) await run(name)
    const both = commit({ [prompt('apples')]: 'A {{ text }}\n', [prompt('buses')]: 'B {{ text }}\n' })
    for (const name of ['apples', 'buses']) expect(await run(name)).toMatchObject({ release: { version: '0.2.0' } })
    await (await open('apples')).revert(both)
    expect(await triggered()).toEqual(['models/apples', 'models/buses'])
    for (const name of ['apples', 'buses'])
      expect(await run(name)).toMatchObject({ status: 'restored', restoredFrom: '0.1.0' })
  })

  itInFull('have schedules of their own, and skip together', async () => {
    const { root, commit, noted, triggered } = await monorepo(
      (name) =>
        `triggers: { own: { paths: ["**"]${name === 'apples' ? ', cron: "0 3 * * *"' : ''} } }\n${targets('{ directory: { path: releases } }')}`,
    )
    for (const name of ['apples', 'buses']) await noted(name)
    const at = async (schedule: string) =>
      (await findProjects(root, { triggered: true, schedule })).map(({ path }) => path)
    expect(await at('0 3 * * *')).toEqual(['models/apples'])
    await expect(at('0 4 * * *')).rejects.toMatchObject({ code: 'invalid-options' })
    commit({ [prompt('apples')]: 'A {{ text }}\n', [prompt('buses')]: 'B {{ text }}\n' }, 'Both [skip train]')
    expect(await triggered()).toEqual([])
    commit({ 'README.md': 'x' })
    expect(await triggered()).toEqual(['models/apples', 'models/buses'])
  })

  itInFull('release under tags of their own in one GitHub repository', async () => {
    const github = await startGitHub()
    onTestFinished(() => github.close())
    github.repository('me/all')
    const environment = { GITHUB_TOKEN: github.token, GITHUB_API_URL: github.url, GITHUB_REPOSITORY: 'me/all' }
    const { run, open } = await monorepo(() => targets('{ github: { release: true } }'))
    for (const name of ['apples', 'buses'])
      expect(await run(name, environment)).toMatchObject({ status: 'released', release: { version: '0.1.0' } })
    const history = async (name: string) => (await (await open(name, environment)).pipeline()).history()
    for (const name of ['apples', 'buses']) expect(await history(name)).toHaveLength(1)
    expect(await run('apples', environment)).toMatchObject({ status: 'up-to-date' })
    // Neither takes the other's tags and channels for foreign ones.
    for (const name of ['apples', 'buses'])
      expect((await (await open(name, environment)).verify('0.1.0', { remote: true })).unexplained).toEqual([])
  })

  it.each([
    ['{ github: { release: true, tag_format: "v{version}" } }', true],
    ['{ github: { release: true } }', false],
    ['{ huggingface: { repo: me/all } }', true],
    ['{ s3: { address: "s3://team/all" } }', true],
    ['{ directory: { path: ../../releases } }', true],
    ['{ directory: { path: releases } }', false],
  ])('with the target %s are reported if it is the same place', async (target, isSame) => {
    const { root } = await monorepo(() => targets(target))
    const problems = (await findProjects(root)).map(({ problem }) => problem?.includes('"models/apples"') ?? false)
    expect(problems).toEqual([false, isSame])
  })
})

it('a repository without commits has no projects, and a folder outside of one is an error', async () => {
  const root = temporaryFolder()
  await expect(findProjects(root)).rejects.toMatchObject({ code: 'repository-invalid' })
  await initGitRepository(root)
  expect(await findProjects(root)).toEqual([])
})
