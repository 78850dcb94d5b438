import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openRepository, type Repository } from '../../src/repository/index.js'
import { sheikh, sheikhJson } from '../cli/harness.js'
import { itInFull } from '../in-full.js'
import { git, temporaryFolder } from './harness.js'
import { project, sample, sampleFilesOf } from './project.js'

const path = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`
const changes = async (repository: Repository, id: string) =>
  (await repository.blame(id)).events.map(({ change, path: file, position, pullRequest }) =>
    [change, file.replace('dataset/samples/', ''), position, pullRequest].filter(
      (part) => part !== undefined && part !== '',
    ),
  )

it('names the commits that added, changed, moved and removed a sample, across formats', async () => {
  const { root, repository, put, commit } = await project()
  const extra = { id: 'x', text: 'apple x', label: 'fruit' }
  put('dataset/samples/more/list.jsonl', `${JSON.stringify(sample(50))}\n${JSON.stringify(extra)}\n`)
  await commit('Add (#5)')
  put('dataset/samples/more/list.jsonl', `${JSON.stringify(extra)}\n${JSON.stringify(sample(50))}\n`)
  await commit('Sort')
  git(root, 'checkout', '-q', '-b', 'side')
  put(
    'dataset/samples/more/list.jsonl',
    `${JSON.stringify({ ...extra, text: 'secret words' })}\n${JSON.stringify(sample(50))}\n`,
  )
  await commit('Correct')
  git(root, 'checkout', '-q', 'main')
  put('docs/x.md', 'x')
  git(root, 'add', 'docs')
  git(root, 'commit', '-q', '-m', 'Docs')
  git(root, 'merge', '-q', '--no-ff', '-m', 'Merge pull request #6 from side', 'side')
  rmSync(join(root, 'dataset/samples/more/list.jsonl'))
  put('dataset/samples/more/list.csv', 'id,text,label\ns50,apple number 50,fruit\nx,secret words,fruit\n')
  await commit('As a table')
  expect(await changes(repository, 'x')).toEqual([
    ['moved', 'more/list.csv', 'line 3'],
    ['changed', 'more/list.jsonl', 'line 1', 6],
    ['added', 'more/list.jsonl', 'line 2', 5],
  ])
  const { now, problems } = await repository.blame('x')
  expect([now, problems]).toEqual([{ path: 'more/list.csv', position: 'line 3', use: 'training' }, []])
  const { out } = await sheikh(root, ['blame', 'x'])
  expect(out).toContain('x is in more/list.csv, line 3: used for training.\n')
  expect(out).toMatch(/#6 {2}Correct\n {6}changed in dataset\/samples\/more\/list\.jsonl, line 1/)
  expect(out).toContain('moved from dataset/samples/more/list.jsonl to dataset/samples/more/list.csv, line 3\n')
  expect(out).not.toContain('secret words')

  put('dataset/samples/more/list.csv', 'id,text,label\ns50,apple number 50,fruit\n')
  await commit('Remove')
  expect((await changes(repository, 'x'))[0]).toEqual(['removed', 'more/list.csv', 'line 3'])
  expect((await sheikh(root, ['blame', 'x'])).out).toContain('x is not in the work tree.')
  await expect(repository.blame('s5O')).rejects.toMatchObject({
    code: 'not-found',
    message: expect.stringMatching(/no sample has this id, now or in an earlier commit\. The nearest ids are "s5/),
  })
  const hostile = '\u001b[2Jzzzzzzzzzz\n'
  const { code, err } = await sheikh(root, ['blame', hostile])
  expect(code).toBe(1)
  expect(err).toContain('\\u001b[2Jzzzzzzzzzz\\n')
})

it('names the releases that were trained on a sample or evaluated with it, and the channels', async () => {
  const { root, repository, put, commit } = await project({}, { isReleased: true })
  const set = await repository.evaluationSet()
  const run = async () => (await repository.pipeline()).run()
  put(path(60), sample(60))
  put('prompts/inference/ask.txt', 'Two {{ text }}\n')
  await commit('Add')
  expect(await run()).toMatchObject({ status: 'released' })
  const pipeline = await repository.pipeline()
  await pipeline.promote('0.2.0', { to: 'production', by: 'Ada' })
  await pipeline.rollback({ by: 'Ada', reason: 'complaints' })
  rmSync(join(root, path(60)))
  put('prompts/inference/ask.txt', 'Three {{ text }}\n')
  await commit('Remove')
  const third = await run()
  if (third.status !== 'released') throw new Error(third.status)
  put(path(61), sample(61))
  put('prompts/inference/ask.txt', 'Four {{ text }}\n')
  const dirty = await (await repository.pipeline()).run({ allowDirty: true })
  if (dirty.status !== 'released') throw new Error(dirty.status)

  const { releases } = await repository.blame(sample(60).id)
  expect(releases.map(({ version, use }) => [version, use])).toEqual([
    [dirty.release.version, 'unknown'],
    [third.release.version, 'absent'],
    [releases[2]!.version, 'absent'],
    ['0.2.0', 'training'],
    ['0.1.0', 'absent'],
  ])
  expect(releases[0]!.reason).toContain('uncommitted changes')
  expect(releases[2]).toMatchObject({ restoredFrom: '0.1.0', channels: [], withdrawn: false })
  expect(releases[3]).toMatchObject({ channels: ['production'], withdrawn: true })
  const pinned = await repository.blame(set.items[0]!.id)
  expect(pinned.now?.use).toBe('evaluation')
  expect(pinned.releases.slice(1).every(({ use }) => use === 'evaluation')).toBe(true)
  const { out } = await sheikh(root, ['blame', sample(60).id])
  expect(out).toContain('  0.2.0  trained on it; channels: production; withdrawn\n')
  expect(out).toContain('3 releases did not use it.')
  const { json } = await sheikhJson(root, 'blame', sample(60).id)
  expect(json.events.map(({ change }: { change: string }) => change)).toEqual(['removed', 'added'])
})

itInFull('finds a sample in the folder that an earlier release was configured with', async () => {
  const { root, repository, put, commit } = await project()
  const folder = (path: string | undefined) =>
    put('mlops/training/config.yaml', path === undefined ? '' : `data: { train_path: ${path} }\n`)
  git(root, 'mv', 'dataset/samples', 'dataset/old')
  folder('dataset/old')
  put('dataset/old/all/60.json', sample(60))
  await commit('Add')
  expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
  rmSync(join(root, 'dataset/old/all/60.json'))
  await commit('Remove')
  git(root, 'mv', 'dataset/old', 'dataset/samples')
  folder(undefined)
  git(root, 'add', '.')
  git(root, 'commit', '-q', '-m', 'Move')
  expect(await changes(repository, sample(60).id)).toEqual([
    ['removed', 'dataset/old/all/60.json'],
    ['added', 'dataset/old/all/60.json'],
  ])
  const { releases, problems } = await repository.blame(sample(60).id)
  expect([releases.map(({ use }) => use), problems]).toEqual([['training'], []])
  expect((await changes(repository, sample(1).id))[0]).toEqual(['moved', 'all/01.json'])
})

itInFull('follows the release that training started from', async () => {
  const { root, repository, put, commit } = await project()
  put(path(64), sample(64))
  await commit('Add')
  const first = await (await repository.pipeline()).run()
  if (first.status !== 'released') throw new Error(first.status)
  rmSync(join(root, path(64)))
  const { version, bundle: digest } = first.release
  put('mlops/training/config.yaml', `training: { warm_start: ${JSON.stringify({ version, digest })} }\n`)
  put('prompts/inference/ask.txt', 'Two {{ text }}\n')
  await commit('Start from it')
  expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
  const { releases } = await repository.blame(sample(64).id)
  expect(releases).toMatchObject([{ use: 'absent', through: version }, { use: 'training' }])
  expect((await sheikh(root, ['blame', sample(64).id])).out).toContain(
    `did not use it itself; made from ${version}, which was trained on it; channels: latest\n`,
  )
})

itInFull('does not deny what an unknown release may have been trained on', async () => {
  const { root, repository, put, commit } = await project()
  put(path(64), sample(64))
  const first = await (await repository.pipeline()).run({ allowDirty: true })
  if (first.status !== 'released') throw new Error(first.status)
  rmSync(join(root, path(64)))
  const { version, bundle: digest } = first.release
  put('mlops/training/config.yaml', `training: { warm_start: ${JSON.stringify({ version, digest })} }\n`)
  await commit('Start from it')
  expect(await (await repository.pipeline()).run()).toMatchObject({ status: 'released' })
  put(path(64), sample(64))
  await commit('Again')
  const { releases } = await repository.blame(sample(64).id)
  const from = expect.stringMatching(`^it started from ${version}, about which it is unknown: .*uncommitted changes`)
  expect(releases).toMatchObject([{ use: 'unknown', reason: from }, { use: 'unknown' }])
  const { releases: traces, steps } = await repository.planForget(sample(64).id)
  expect(traces.map(({ trainedOn }) => trainedOn)).toEqual(['unknown', 'unknown'])
  expect(steps[0]!.step).toContain('no release without it can replace them')
})

it('tells a sample that its group keeps out of training', async () => {
  const grouped = (index: number) => ({ ...sample(index), thread: `t${Math.floor(index / 2)}` })
  const { repository, put, commit } = await project({
    'dataset/config.yaml': 'projection: { id: id, input: text, target: label, group: thread }\n',
    ...sampleFilesOf(grouped),
  })
  const set = await repository.evaluationSet()
  const member = set.items[0]!
  put(path(70), { ...sample(70), thread: member.group })
  await commit('Of a pinned group')
  const { now } = await repository.blame(sample(70).id)
  expect(now).toMatchObject({ use: 'excluded-by-group', group: member.group })
})

it('tells what a shallow clone lacks, and samples that no commit contains', async () => {
  const { root, repository, put, commit } = await project()
  put(path(62), sample(62))
  expect((await repository.blame(sample(62).id)).events).toEqual([])
  expect((await sheikh(root, ['blame', sample(62).id])).out).toContain('Commits: 0')
  await commit('Add')
  put(path(63), sample(63))
  await commit('Another')
  const clone = join(temporaryFolder(), 'clone')
  git(root, 'clone', '-q', '--depth', '1', `file://${root}`, clone)
  const shallow = await (await openRepository(clone)).blame(sample(62).id)
  expect(shallow.events.map(({ change }) => change)).toEqual(['present'])
  expect(shallow.problems).toContainEqual(
    expect.objectContaining({ part: 'commits', message: expect.stringContaining('git fetch --unshallow') }),
  )
})
