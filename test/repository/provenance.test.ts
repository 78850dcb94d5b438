// Whatever a run reads is in the commit, or named and refused.

import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { sampleFiles } from '../../src/dataset/index.js'
import { openRepository } from '../../src/repository/index.js'
import { isWhole, sampleOf } from '../whole.js'
import { gitIsMissing } from './git-http-backend.js'
import { dirtyPaths, git, gitStatus, temporaryFolder, write } from './harness.js'
import { project, sample } from './project.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: what no commit holds, since ${gitIsMissing}\n`)

const another = JSON.stringify({ ...sample(99), id: 'extra' })

describe.skipIf(gitIsMissing !== undefined)('files that Git ignores', () => {
  const ignored = [
    ['a sample', 'dataset/samples/all/extra.json', another],
    ['a folder of samples', 'dataset/samples/secret/extra.json', another],
    ['a prompt', 'prompts/inference/extra.txt', 'Hello {{ text }}'],
    ['the configuration', 'mlops/training/config.yaml', 'training: { seed: 7 }\n'],
    ['a rule of the gate', 'mlops/validation/rules.yaml', 'validation: { accuracy_threshold: 0.2 }\n'],
    ['the keys that are trusted', 'mlops/keys/trusted.json', '{}'],
  ] as const
  it.each(sampleOf(ignored, 3))('%s is named, and a run is refused', async (what, path, content) => {
    const { root, repository, put, commit } = await project()
    put('.gitignore', '.sheikh/\nreleases/\nextra.*\nsecret/\nmlops/training/\nmlops/validation/\nmlops/keys/\n')
    await commit()
    put(path, content)
    expect(gitStatus(root)).toBe('')
    expect(await dirtyPaths(repository)).toEqual([path])
    await expect((await repository.pipeline()).run()).rejects.toMatchObject({
      code: 'repository-dirty',
      message: expect.stringMatching(new RegExp(`ignored by Git.*\\(${path}\\).*\\.gitignore`)),
      facts: { paths: [path] },
    })
    // Which file it is decides nothing from here on.
    if (!isWhole && what !== 'a sample') return
    expect(await (await repository.pipeline()).run({ allowDirty: true })).toMatchObject({ status: 'released' })
    expect(existsSync(join(root, 'releases/channels/latest.json'))).toBe(false)
  })

  it('and that no run reads are nobody’s business', async () => {
    const { repository, put, commit } = await project()
    put('.gitignore', '.sheikh/\nreleases/\n.DS_Store\nraw/\n*.log\nnode_modules/\n')
    await commit()
    for (const path of ['dataset/.DS_Store', 'dataset/samples/.DS_Store', 'dataset/raw/dump.json', 'mlops/train.log'])
      put(path, '{}')
    put('mlops/node_modules/left-pad/package.json', '{}')
    expect(await dirtyPaths(repository)).toEqual([])
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
  })
})

describe.skipIf(gitIsMissing !== undefined)('modules that the configuration imports', () => {
  const withTrainer = (imports: string) =>
    `${imports}\nexport default { trainer: globalThis[Symbol.for('sheikh-freemium.test-trainer')] }\n`

  const imported = [
    ['by a path', "import { knob } from './lib/knobs.ts'", 'lib/knobs.ts'],
    ['with another extension', "import { knob } from './lib/knobs.js'", 'lib/knobs.ts'],
    ['without an extension', "export { knob } from './lib/knobs'", 'lib/knobs.ts'],
    ['for its effects', "import './lib/knobs.ts'", 'lib/knobs.ts'],
    ['dynamically', "await import('./lib/knobs.ts')", 'lib/knobs.ts'],
    [
      'by require',
      "const { createRequire } = await import('node:module')\nconst require = createRequire(import.meta.url)\nrequire('./lib/data.json')",
      'lib/data.json',
    ],
    ['through another module', "import './lib/deep.ts'", 'lib/knobs.ts'],
    ['as the address of a worker', "const worker = new URL('./lib/knobs.ts', import.meta.url)", 'lib/knobs.ts'],
    ['by a name of the package', "import '#knobs'", 'lib/knobs.ts'],
  ] as const
  it.each(sampleOf(imported, 4))('%s', async (how, imports, path) => {
    const { repository, put, commit } = await project({
      'package.json': { name: 'tiny', type: 'module', imports: { '#knobs': './lib/knobs.ts' } },
      'lib/knobs.ts': 'export const knob: number = 1\n',
      'lib/deep.ts': "export * from './deeper/index.ts'\n",
      'lib/deeper/index.ts': "export { knob } from '../knobs.ts'\n",
      'lib/data.json': '{ "knob": 1 }',
      'lib/unused.ts': 'export {}\n',
    })
    put('sheikh.config.mjs', withTrainer(imports))
    await commit('Its modules')
    expect(await dirtyPaths(repository)).toEqual([])
    put('lib/unused.ts', 'export const edited = true\n')
    expect(await dirtyPaths(repository)).toEqual([])
    put(path, path.endsWith('.json') ? '{ "knob": 2 }' : 'export const knob: number = 2\n')
    expect(await dirtyPaths(repository)).toEqual([path])
    await commit('Another knob')
    expect(await dirtyPaths(repository)).toEqual([])
    // The way of the other import decides nothing here.
    if (!isWhole && how !== 'by a path') return
    put('.gitignore', `.sheikh/\nreleases/\nlocal.*\n`)
    put('lib/local.ts', 'export {}\n')
    put('sheikh.config.mjs', withTrainer(`${imports}\nimport './lib/local.ts'`))
    await commit('A module that nobody else has')
    expect(await dirtyPaths(repository)).toEqual(['lib/local.ts'])
  })

  it('of a workspace, but not of packages that are installed', async () => {
    const root = temporaryFolder()
    git(root, 'init', '-q')
    write(root, '.gitignore', 'node_modules/\n.sheikh/\nreleases/\n')
    write(root, 'packages/knobs/package.json', '{ "name": "knobs", "type": "module", "exports": "./index.ts" }')
    write(root, 'packages/knobs/index.ts', 'export const knob = 1\n')
    write(
      root,
      'node_modules/installed/package.json',
      '{ "name": "installed", "type": "module", "exports": "./index.js" }',
    )
    write(root, 'node_modules/installed/index.js', 'export {}\n')
    symlinkSync('../packages/knobs', join(root, 'node_modules/knobs'))
    write(root, 'models/tiny/sheikh.config.mjs', withTrainer("import 'knobs'\nimport 'installed'"))
    mkdirSync(join(root, 'models/tiny/dataset/samples'), { recursive: true })
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'workspace')
    const repository = await openRepository(join(root, 'models/tiny'))
    expect(await dirtyPaths(repository)).toEqual([])
    write(root, 'packages/knobs/index.ts', 'export const knob = 2\n')
    expect(await dirtyPaths(repository)).toEqual(['packages/knobs/index.ts'])
  })

  it('from outside of the repository', async () => {
    const { root, repository, put, commit } = await project()
    write(join(root, '..'), 'shared.ts', 'export {}\n')
    put('sheikh.config.mjs', withTrainer("import '../shared.ts'"))
    await commit()
    expect(await dirtyPaths(repository)).toEqual(['../shared.ts'])
  })
})

describe.skipIf(gitIsMissing !== undefined)('a checkout that leaves files out', () => {
  it('is refused, with the remedy', async () => {
    const { root, repository } = await project()
    // Git leaves files that changed since it looked, as those of a copied project did.
    expect(gitStatus(root)).toBe('')
    git(root, 'sparse-checkout', 'set', '--no-cone', '/*', '!/dataset/samples/all/07.json')
    expect(gitStatus(root)).toBe('')
    await expect((await repository.pipeline()).run()).rejects.toMatchObject({
      code: 'repository-dirty',
      message: expect.stringMatching(
        /not in this checkout \(dataset\/samples\/all\/07\.json\).*git sparse-checkout disable/,
      ),
    })
  })
})

it.skipIf(gitIsMissing !== undefined)('the samples of a host’s own source are in the commit, or named', async () => {
  const root = join(temporaryFolder(), 'data')
  const { repository, put } = await project({
    'data/one.jsonl': `${JSON.stringify(sample(0))}\n`,
    'sheikh.config.mjs': "export default { source: globalThis[Symbol.for('sheikh-freemium.test-source')] }\n",
  })
  const place = (folder: string) =>
    Object.assign(globalThis, { [Symbol.for('sheikh-freemium.test-source')]: sampleFiles(folder) })
  place(join(repository.root, 'data'))
  git(repository.root, 'add', '-A')
  git(repository.root, 'commit', '-q', '--allow-empty', '-m', 'The data')
  expect(await dirtyPaths(repository)).toEqual([])
  put('data/two.jsonl', `${JSON.stringify(sample(2))}\n`)
  expect(await dirtyPaths(repository)).toEqual(['data/two.jsonl'])
  const commit = git(repository.root, 'rev-parse', 'HEAD').trim()
  await (await repository.ledger()).append({ type: 'run', runId: 'r', commit, status: 'held' }, callContext())
  git(repository.root, 'add', '-A')
  git(repository.root, 'commit', '-q', '-m', 'More data')
  expect(await repository.triggered()).toMatchObject({ action: 'run', triggers: [{ paths: ['data/two.jsonl'] }] })
  // Outside of the repository: the source answers for its samples itself.
  place(root)
  expect(await dirtyPaths(repository)).toEqual([])
})
