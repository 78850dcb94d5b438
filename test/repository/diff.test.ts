import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext, digestBytes, SheikhError } from '../../src/core/index.js'
import { compose } from '../../src/repository/compose.js'
import { findState } from '../../src/repository/diff/find-state.js'
import { openGit } from '../../src/repository/git/index.js'
import { openRepository } from '../../src/repository/index.js'
import { git, temporaryFolder } from './harness.js'
import { project, quickTrainer, sample, sampleFilesOf } from './project.js'

const path = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`
const gate = (margin: number, floor = 0.15) =>
  `pipeline: { name: tiny }\nstages: { validate_weights: { checks: [ { accuracy_threshold: ${floor} }, { regression_check: { margin: ${margin} } } ] } }\n`

describe('diff', () => {
  it('finds nothing between a commit and itself, and leaves no folder behind', async () => {
    const { repository } = await project()
    // Other test files use the common folder at the same time.
    const temporary = temporaryFolder()
    vi.stubEnv('TMPDIR', temporary)
    onTestFinished(() => void vi.unstubAllEnvs())
    const [found, same] = [await repository.diff(), await repository.diff('HEAD', 'main')]
    for (const { problems, gate, files, configuration, prompts, evaluation, data } of [found, same]) {
      expect([problems, gate, files, configuration, prompts]).toEqual([[], [], [], [], []])
      expect([evaluation!.added, evaluation!.removed, evaluation!.changed]).toEqual([[], [], []])
      expect([evaluation!.edited, evaluation!.deleted]).toEqual([[], []])
      expect([data!.added, data!.removed, data!.changed, data!.moved, data!.relabelled]).toEqual([[], [], [], [], []])
    }
    expect(found.from).toEqual({ name: 'HEAD', commit: (await repository.head())!.oid })
    expect(found.to).toEqual({ name: 'the work tree' })
    expect(await readdir(temporary)).toEqual([])
  })

  it('compares data, prompts, settings, code and the evaluation set of the work tree with a commit', async () => {
    const { root, repository, put, commit } = await project()
    put('mlops/pipeline.yaml', gate(0.02))
    await commit()
    const set = await repository.evaluationSet()
    const pinned = set.items.map(({ id }) => Number(id.slice(1)))
    const [first, second, third] = Array.from({ length: 40 }, (_, index) => index).filter(
      (index) => !pinned.includes(index),
    )
    put('mlops/pipeline.yaml', gate(0.05, 0.3))
    put(path(first!), { ...sample(first!), label: 'vehicle' === sample(first!).label ? 'fruit' : 'vehicle' })
    put(path(second!), { ...sample(second!), text: 'secret words' })
    put(path(40), sample(40))
    rmSync(join(root, path(third!)))
    rmSync(join(root, path(pinned[0]!)))
    put(path(pinned[1]!), { ...sample(pinned[1]!), text: 'edited' })
    put('prompts/inference/ask.txt', 'Name {{ text }}!\n')
    put('prompts/training/needs.txt', '{{ something_else }}')
    put('sheikh.config.mjs', `${quickTrainer}// changed\n`)

    const found = await repository.diff('main')
    expect(found.problems).toEqual([])
    expect(found.gate.map(({ change, looser }) => [change, looser])).toEqual([
      ['the margin of no-regression(accuracy) is now 0.05, was 0.02', true],
      ['the floor of at-least(accuracy) is now 0.3, was 0.15', false],
    ])
    expect(found.files).toEqual([{ path: 'sheikh.config.mjs', change: 'changed' }])
    expect(found.configuration).toEqual([
      {
        file: 'mlops/pipeline.yaml',
        key: 'stages.validate_weights.checks[0].accuracy_threshold',
        before: 0.15,
        after: 0.3,
      },
      {
        file: 'mlops/pipeline.yaml',
        key: 'stages.validate_weights.checks[1].regression_check.margin',
        before: 0.02,
        after: 0.05,
      },
    ])
    expect(found.prompts).toEqual([
      { path: 'inference/ask.txt', change: 'changed' },
      { path: 'training/needs.txt', change: 'added' },
    ])
    const id = (index: number) => sample(index).id
    expect(found.evaluation).toMatchObject({ added: [], edited: [id(pinned[1]!)], deleted: [id(pinned[0]!)] })
    expect(found.data!.added.map((row) => row.id)).toEqual([id(40)])
    expect(new Set(found.data!.removed.map((row) => row.id))).toEqual(new Set([id(third!), id(pinned[0]!)]))
    expect(found.data!.relabelled.map(({ ids }) => ids)).toEqual([[id(first!)]])
    expect(found.data!.rows).toEqual({ before: 40, after: 39 })
    expect(JSON.stringify(found)).not.toContain('secret words')

    const told = await repository.diff('main', undefined, { includeText: true })
    expect(JSON.stringify(told)).toContain('secret words')
    const [asked] = told.prompts
    expect(asked).toMatchObject({
      ...{ path: 'inference/ask.txt', change: 'changed' },
      rendered: { samples: told.data!.rows.after, changed: told.data!.rows.after },
    })
    expect(asked!.rendered!.examples).toHaveLength(5)
    for (const { before, after } of asked!.rendered!.examples) {
      expect(before).toMatchObject({ text: expect.stringMatching(/^What is .+\?$/), characters: before.text!.length })
      expect(after).toMatchObject({ text: expect.stringMatching(/^Name .+!$/), digest: digestBytes(after.text!) })
    }
    expect(told.prompts[1]).toEqual({ path: 'training/needs.txt', change: 'added' })
  })

  it('tells a renamed file without an id from a new sample, and an edited prompt from edited samples', async () => {
    const withoutIds = 'projection: { input: prompts/training/x.txt, target: label }\n'
    const files = sampleFilesOf((index) => ({ text: sample(index).text, label: sample(index).label }))
    const { root, repository, put } = await project({
      ...files,
      'dataset/config.yaml': withoutIds,
      'prompts/training/x.txt': 'A {{ text }}',
    })
    put(
      'prompts/training/x.txt',
      '{% if text is in(texts) %}B{% else %}A{% endif %} {{ text }}'.replace(
        'texts',
        `["${sample(4).text}", "${sample(5).text}"]`,
      ),
    )
    const [change] = (await repository.diff()).prompts
    // The texts are asked for separately: whether they change is told with ids and digests.
    expect(change!.rendered).toMatchObject({ samples: 40, changed: 2 })
    expect(change!.rendered!.examples).toHaveLength(2)
    expect(JSON.stringify(change)).not.toContain(sample(4).text)
    put('prompts/training/x.txt', 'B {{ text }}')
    await rename(join(root, path(3)), join(root, 'dataset/samples/all/renamed.json'))
    const { data } = await repository.diff()
    expect([data!.added, data!.removed, data!.changed]).toEqual([[], [], []])
    expect(data!.moved).toEqual([{ id: 'all/renamed.json', previousId: 'all/03.json' }])
    expect(data!.projectedDifferently).toHaveLength(39)
  })

  it.runIf(process.platform === 'linux')('reads files of commits whose names another system refuses', async () => {
    const { put, commit, repository } = await project()
    for (const [index, name] of ['a:b', 'aux', 'back\\slash', 'tab\there'].entries())
      put(`dataset/samples/all/${name}.json`, sample(50 + index))
    await commit()
    const { data } = await repository.diff('HEAD~1', 'HEAD')
    expect(data!.added.map(({ id }) => id)).toEqual(['s50', 's51', 's52', 's53'])
  })

  it('finds states by version, channel, branch, tag, id and ancestors', async () => {
    const { root, repository, put, commit } = await project()
    const first = (await repository.head())!.oid
    expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
    put(path(1), { ...sample(1), text: 'bus again' })
    const second = await commit()
    git(root, 'tag', 'light')
    git(root, 'tag', '-a', '-m', 'x', 'heavy')
    git(root, 'branch', 'feature/one', first)
    put(path(2), { ...sample(2), text: 'apple again' })
    const third = await commit()
    const { releaser } = await compose(
      { root, shared: root, project: '', originUrl: async () => undefined, environment: {} },
      callContext(),
    )
    const place = { git: await openGit(root, callContext()), releaser }
    const names: readonly (readonly [name: string, commit: string, version?: string])[] = [
      ['0.1.0', first, '0.1.0'],
      ['v0.1.0', first, '0.1.0'],
      ['latest', first, '0.1.0'],
      ['light', second],
      ['heavy', second],
      ['feature/one', first],
      ['refs/heads/feature/one', first],
      ['HEAD', third],
      ['@', third],
      ['HEAD~', second],
      ['HEAD~1', second],
      ['main~2', first],
      ['HEAD^^', first],
      [second.slice(0, 8), second],
      [second, second],
    ]
    for (const [name, oid, version] of names) {
      const found = await findState(name, place, callContext())
      expect(found, name).toEqual({ name, commit: oid, ...(version !== undefined && { version }) })
    }
    const again = await (await repository.pipeline()).republish('0.1.0', { by: 'Ada', reason: 'another registry' })
    if (again.status !== 'restored') throw new Error(again.status)
    const { version } = again.release
    expect(again.release.record.commit).toBe(undefined)
    expect(await findState(version, place, callContext())).toEqual({ name: version, commit: first, version })
    git(root, 'tag', 'v0.1.0', second)
    const unreachable = async () => {
      throw new SheikhError('remote-failed', 'Cannot reach the registry.')
    }
    const offline = { ...place, releaser: unreachable }
    expect(await findState('v0.1.0', offline, callContext())).toEqual({ name: 'v0.1.0', commit: second })
    await expect(findState('v0.2.0', offline, callContext())).rejects.toMatchObject({ code: 'remote-failed' })
    const { from, to, data } = await repository.diff('0.1.0', second.slice(0, 8))
    expect([from.commit, to.commit]).toEqual([first, second])
    expect(data!.changed).toHaveLength(1)
    for (const name of ['nothing', 'HEAD~3', '9.9.9', '', '-x', 'a b', '../main', 'main:path', 'HEAD@{1}', '^', '~'])
      await expect(findState(name, place, callContext()), JSON.stringify(name)).rejects.toMatchObject({
        code: 'not-found',
      })
  })

  it('compares the rest if the samples or the settings of one state cannot be read', async () => {
    const { repository, put, commit } = await project()
    put(path(5), '{ broken')
    put('prompts/inference/ask.txt', 'Say {{ text }}')
    const broken = await repository.diff()
    expect(broken.problems).toEqual([
      { state: 'to', code: 'dataset-invalid', message: expect.stringMatching(/^(?!.*sheikh-commit-).*05\.json/s) },
    ])
    expect([broken.data, broken.prompts.length, broken.evaluation?.edited]).toEqual([undefined, 1, undefined])
    await commit('Broken samples')
    put('mlops/pipeline.yaml', 'stages: [')
    const worse = await repository.diff('HEAD~1')
    expect(worse.problems).toEqual([
      { state: 'to', code: 'invalid-config', message: expect.stringContaining('pipeline.yaml') },
    ])
    expect([worse.data, worse.gate, worse.prompts.length]).toEqual([undefined, [], 1])
  })

  it('does not take a file that cannot be read for a removed one', async () => {
    const { root, repository } = await project()
    rmSync(join(root, 'sheikh.config.mjs'))
    mkdirSync(join(root, 'sheikh.config.mjs'))
    const { problems, files } = await repository.diff()
    expect(problems).toEqual([
      { state: 'to', code: 'storage-failed', message: expect.stringContaining('"sheikh.config.mjs" (EISDIR)') },
    ])
    expect(files).toEqual([])
  })

  it('names a repository without a commit', async () => {
    const { root } = await project()
    rmSync(join(root, '.git'), { recursive: true })
    git(root, 'init', '-q')
    const repository = await openRepository(root)
    await expect(repository.diff()).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringContaining('has no commit yet'),
    })
  })

  it('hides tokens in settings', async () => {
    const { root, put } = await project()
    const settings = (token: string) => `pipeline: { name: tiny }\nstages: { notify: { address: '${token}' } }\n`
    put('mlops/pipeline.yaml', settings('hf_abcdefghijklmnop'))
    const repository = await openRepository(root, { environment: { ...process.env, HF_TOKEN: 'known-token' } })
    await repository.commit({ message: 'Token' })
    put('mlops/pipeline.yaml', settings('known-token'))
    expect((await repository.diff()).configuration).toEqual([
      { file: 'mlops/pipeline.yaml', key: 'stages.notify.address', before: '[secret]', after: '[secret]' },
    ])
  })

  it('reads no file outside the project', async () => {
    const { root, repository, put } = await project()
    const outside = join(root, '../outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'pipeline.yaml'), 'pipeline: { name: private }\n')
    await rename(join(root, 'mlops'), join(root, 'aside'))
    symlinkSync(outside, join(root, 'mlops'))
    const linked = await repository.diff()
    expect(linked.problems).toEqual([
      { state: 'to', code: 'invalid-config', message: expect.stringContaining('symbolic link') },
    ])
    expect(JSON.stringify(linked)).not.toContain('private')
    rmSync(join(root, 'mlops'))
    await rename(join(root, 'aside'), join(root, 'mlops'))
    put('dataset/config.yaml', 'validation: { schema_path: ../outside/pipeline.yaml }\n')
    const { problems, files } = await repository.diff()
    expect([problems.map(({ code }) => code), files]).toEqual([['invalid-config'], []])
  })

  it('works in a project below the root of the repository', async () => {
    const { root } = await project()
    const above = temporaryFolder()
    git(above, 'init', '-q')
    await rename(root, join(above, 'models'))
    rmSync(join(above, 'models/.git'), { recursive: true })
    const repository = await openRepository(join(above, 'models'))
    await repository.commit({ message: 'Start' })
    git(above, 'mv', 'models/dataset/samples/all/03.json', 'models/dataset/samples/all/99.json')
    const { data, problems } = await repository.diff()
    expect([problems, data!.changed, data!.rows.after]).toEqual([[], [], 40])
  })
})
