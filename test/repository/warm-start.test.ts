import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RunResult } from '../../src/pipeline/index.js'
import { openRepository, type Repository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { git, temporaryFolder } from './harness.js'
import { project, quickTrainer, sample } from './project.js'

const trainingFile = 'mlops/training/config.yaml'
const warmStart = (values: object) => `training: { warm_start: ${JSON.stringify(values)} }\n`
const lenient =
  'pipeline: { name: tiny }\nstages: { validate_weights: { when_inconclusive: release, checks: [ { accuracy_threshold: 0.15 } ] } }\nledger: { remote: false }\n'

const run = async (repository: Repository, options = {}): Promise<RunResult> =>
  (await repository.pipeline()).run(options)

const releaseOf = (result: RunResult) => {
  if (result.status !== 'released') throw new Error(`a release was expected, not ${result.status}`)
  return result.release
}

/** A release, and five samples more. */
async function grown(files = {}) {
  const made = await project({ 'mlops/pipeline.yaml': lenient, ...files })
  const first = releaseOf(await run(made.repository))
  for (let index = 40; index < 45; index += 1) made.put(`dataset/samples/all/${index}.json`, plum(index))
  const { version, bundle: digest } = first
  return { ...made, first, base: { version, digest } }
}

const plum = (index: number) => ({ ...sample(index), text: `plum ${index}`, label: 'fruit' })

describe('training.warm_start', () => {
  it('starts from the release that it names', async () => {
    const { repository, put, commit, base } = await grown()
    put(trainingFile, warmStart(base))
    await commit('Start from it')
    const pipeline = await repository.pipeline()
    expect((await pipeline.plan()).summary).toMatch(/^A run would train and judge a model that starts from 0\.1\.0/)
    const second = releaseOf(await pipeline.run())
    expect(second.record.candidate).toMatchObject({ base: { ...base, replayShare: 1 } })
    expect(await pipeline.reproduce()).toMatchObject({ status: 'reproduced' })
    expect((await repository.load()).notices).toEqual([])
  })

  it('says which digest to write where none is, and what there is not', async () => {
    const { repository, put, base } = await grown()
    const refused = async (values: object, message: string) => {
      put(trainingFile, warmStart(values))
      await expect(repository.pipeline()).rejects.toMatchObject({
        code: 'invalid-config',
        message: expect.stringContaining(message),
        facts: { file: trainingFile },
      })
    }
    await refused({ version: '0.1.0' }, `set training.warm_start.digest: ${base.digest}`)
    await refused({ version: '3.0.0' }, 'there is none of version 3.0.0')
    await refused({ replay_share: 0.5 }, 'Write training.warm_start.version')
    await refused({ ...base, replay_share: 2 }, '"training.warm_start.replay_share"')
    await refused({ ...base, digest: 'abc' }, '"training.warm_start.digest"')
    await refused({ ...base, version: 'newest' }, '"training.warm_start.version": not a version')
    put(trainingFile, warmStart({ ...base, share: 1 }))
    expect((await repository.load()).notices).toMatchObject([
      { key: 'training.warm_start.share', kind: 'unknown', line: 1 },
    ])
    put(trainingFile, 'training: { warm_start: }\n')
    await repository.pipeline()
  })
})

describe('rows that a base knows, on a fresh clone', () => {
  /** The release, trained from the first with half of its rows; and then a clone that was never trained in. */
  async function cloned({ files = {}, depth = [] as readonly string[] } = {}) {
    const made = await grown(files)
    made.put(trainingFile, warmStart({ ...made.base, replay_share: 0.5 }))
    await made.commit('More samples')
    const second = releaseOf(await run(made.repository))
    for (let index = 45; index < 50; index += 1) made.put(`dataset/samples/all/${index}.json`, plum(index))
    const base = { version: second.version, digest: second.bundle, replay_share: 0.5 }
    made.put(trainingFile, warmStart(base))
    await made.commit('Yet more')
    const root = join(temporaryFolder(), 'clone')
    git(made.root, 'clone', '--quiet', ...depth, `file://${made.root}`, root)
    cpSync(join(made.root, 'releases'), join(root, 'releases'), { recursive: true })
    return { ...made, second, clone: await openRepository(root), cloneRoot: root }
  }

  itInFull('are read from the commits, to the same bytes as where the store knows them', async () => {
    const { repository, clone } = await cloned()
    const there = releaseOf(await run(clone))
    const here = releaseOf(await run(repository))
    expect(there.bundle).toBe(here.bundle)
    expect(there.record.candidate).toEqual(here.record.candidate)
    expect(here.record.candidate).toMatchObject({ base: { replayed: { of: expect.any(Number) } } })
  })

  it('are told apart by their content where samples have no ids, wherever their lines stand now', async () => {
    const line = (index: number) => `${sample(index).text},${sample(index).label}\n`
    const lines = Array.from({ length: 60 }, (_, index) => line(index))
    const made = await grown({
      'dataset/config.yaml': 'projection: { input: text, target: label }\n',
      'dataset/samples/all/table.csv': ['text,label\n', ...lines].join(''),
    })
    made.put('dataset/samples/all/table.csv', ['text,label\n', 'plum 1,fruit\n', ...lines.toReversed()].join(''))
    made.put(trainingFile, warmStart({ ...made.base, replay_share: 0 }))
    await made.commit('Another order, and a line more')
    // The rows are read from the commit, not from the store.
    rmSync(join(made.root, '.sheikh/keys'), { recursive: true })
    const { record } = releaseOf(await run(made.repository))
    const { counts } = made.first.record.dataset as unknown as { readonly counts: { readonly training: number } }
    expect(record.candidate).toMatchObject({ base: { replayed: { rows: 0, of: counts.training } } })
  })

  itInFull('are those of then: its prompts and its schema, wherever they were, and none of its code', async () => {
    const counter = 'sheikh-warm-start-test'
    const runs = () => (globalThis as Record<string, unknown>)[counter]
    const { put, commit, repository, root } = await grown({
      'dataset/config.yaml':
        'validation: { schema_path: schemas/then.json }\nprojection: { id: id, input: prompts/training/a.txt, target: label }\n',
      'schemas/then.json': { type: 'object', required: ['id', 'text', 'label'] },
      'prompts/training/a.txt': '{{ text }}',
      'sheikh.config.mjs': `globalThis['${counter}'] = (globalThis['${counter}'] ?? 0) + 1\n${quickTrainer}`,
    })
    const [first] = await (await repository.pipeline()).history()
    put('dataset/config.yaml', 'projection: { id: id, input: text, target: label }\n')
    put('sheikh.config.mjs', quickTrainer)
    rmSync(join(root, 'schemas'), { recursive: true })
    put(trainingFile, warmStart({ version: first!.version, digest: first!.bundle, replay_share: 0 }))
    await commit('Other places')
    rmSync(join(root, '.sheikh/keys'), { recursive: true })
    const before = runs()
    expect(before).toBeGreaterThan(0)
    const second = releaseOf(await run(repository))
    expect(second.record.candidate).toMatchObject({ base: { replayed: { rows: 0 } } })
    expect(runs()).toBe(before)
  })

  itInFull('are asked for in words where the history is not here, and not needed where all take part', async () => {
    const { clone, cloneRoot } = await cloned({ depth: ['--depth', '1'] })
    await expect(run(clone)).rejects.toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/Cannot tell which rows 0\.1\.0 was trained on: .*a replay share of 1/),
    })
    git(cloneRoot, 'fetch', '--quiet', '--unshallow')
    expect((await run(clone)).status).toBe('released')
  })

  it('are never taken from a commit that was not what was trained on', async () => {
    const { repository, root, put, commit } = await grown()
    const dirty = releaseOf(await run(repository, { allowDirty: true }))
    put(trainingFile, warmStart({ version: dirty.version, digest: dirty.bundle, replay_share: 0.5 }))
    const head = git(root, 'rev-parse', 'HEAD').trim()
    await commit('Start from it')
    expect((await (await repository.pipeline()).plan()).outcome).toBe('judge')
    rmSync(join(root, '.sheikh'), { recursive: true })
    await expect(run(repository)).rejects.toThrow(`those of the commit ${head} are others`)
  })
})
