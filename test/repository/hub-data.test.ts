import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { memoryFeedback } from '../../src/feedback/index.js'
import { importData, openRepository } from '../../src/repository.js'
import { start } from '../cli/harness.js'
import { itInFull } from '../in-full.js'
import { dataset, lines, putDataset, setRef } from '../releaser/hub-data.js'
import { hubForTest, token } from '../testing/hub-fixture.js'
import { git, temporaryFolder } from './harness.js'
import { project, sample } from './project.js'

const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => sample(from + index))
const settings = (samples: string) =>
  `# kept\nsamples: ${samples} # here\nvalidation: { schema_path: dataset/schemas/sample.json }\nprojection: { id: id, input: text, target: label }\n`

async function hubProject() {
  const hub = await hubForTest()
  const first = await putDataset(hub, { 'train.jsonl': lines(rows(0, 30)), 'test.jsonl': lines(rows(30, 40)) })
  const { root, put } = await project({}, { pin: false })
  put('dataset/config.yaml', settings(`hf:${dataset}@main`))
  const repository = await openRepository(root, { environment: { HF_TOKEN: token, HF_ENDPOINT: hub.url } })
  return { hub, first, root, put, repository, commit: () => repository.commit({ message: 'Change' }) }
}

describe('samples: hf:datasets/owner/name', () => {
  itInFull('must be pinned; then run, diff, reproduce, verify and blame read the commit, offline too', async () => {
    const { hub, first, root, repository, commit } = await hubProject()
    await expect(repository.validate()).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(/names the revision "main", which may move\. Pin its commit: sheikh data pin/),
    })
    expect(await repository.pinData()).toMatchObject({
      revision: 'main',
      commit: first,
      after: `hf:${dataset}@${first}`,
    })
    expect(readFileSync(join(root, 'dataset/config.yaml'), 'utf8')).toBe(settings(`hf:${dataset}@${first}`))
    await repository.pinEvaluation({ share: 0.4, salt: 'tiny' })
    const before = await commit()
    const { items } = JSON.parse(readFileSync(join(root, 'dataset/evaluation.json'), 'utf8')) as {
      items: { id: string }[]
    }
    const free = rows(0, 30).find(({ id }) => !items.some((item) => item.id === id))!.id
    expect(await repository.plan()).toMatchObject({ unresolved: [], missing: [] })
    expect((await repository.validate()).counts.rows).toBe(40)
    expect((await (await repository.pipeline()).run()).status).toBe('released')

    await putDataset(hub, {
      'train.jsonl': lines(rows(0, 30).map((one) => (one.id === free ? { ...one, text: 'apple new' } : one))),
      'more-train.jsonl': lines(rows(40, 44)),
    })
    expect((await (await repository.pipeline()).run()).status).toBe('up-to-date')
    expect(await (await repository.pipeline()).reproduce()).toMatchObject({ status: 'reproduced' })
    const { commit: second } = await repository.pinData()
    expect(second).not.toBe(first)
    await commit()
    const { data, problems } = await repository.diff(before)
    expect(problems).toEqual([])
    expect(data).toMatchObject({ added: { length: 4 }, changed: { length: 1 } })
    expect(await repository.checkData()).toMatchObject({ findings: expect.any(Array) })
    expect((await repository.validate()).counts.rows).toBe(44)
    await hub.close()
    expect((await repository.diff(before)).problems).toEqual([])
    expect(await repository.verify('0.1.0')).toMatchObject({ holds: true })
    const blamed = await repository.blame(free)
    expect(blamed.problems).toEqual([])
    expect(blamed.releases.map(({ use }) => use)).not.toContain('unknown')
    expect((await repository.planForget(free)).steps.map(({ step }) => step).join('\n')).toContain(dataset)
    expect(git(root, 'status', '--porcelain')).toBe('')
  })

  it('gets no samples of feedback in a file that no run reads', async () => {
    const { repository, root } = await hubProject()
    await repository.pinData()
    await expect(repository.proposeFeedback(memoryFeedback())).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(new RegExp(`${dataset} of the Hub.*toSamples.*sheikh data pin`)),
    })
    expect(git(root, 'branch', '--list', 'sheikh/*')).toBe('')
  })

  itInFull('a problem in a file on the Hub is an annotation at the setting', async () => {
    const { hub, repository, commit } = await hubProject()
    await repository.pinData()
    await repository.pinEvaluation({ share: 0.4, salt: 'tiny' })
    await putDataset(hub, { 'more-train.jsonl': '{"id":"x","text":"","label":"fruit"}\n' })
    await repository.pinData()
    await commit()
    const { problems } = await repository.review('HEAD')
    expect(problems).toMatchObject([
      {
        code: 'dataset-invalid',
        places: [{ path: 'dataset/config.yaml', message: expect.stringMatching(/^more-train\.jsonl line 1: /) }],
      },
    ])
  })

  itInFull('is pinned by the command line, to a revision that is named', async () => {
    const { root, hub, first } = await hubProject()
    const env = { HF_TOKEN: token, HF_ENDPOINT: hub.url }
    await setRef(hub, 'refs/convert/parquet', first)
    await putDataset(hub, { 'train.jsonl': lines(rows(0, 31)) })
    const pinned = await start(root, ['data', 'pin', 'refs/convert/parquet'], { env }).ended
    expect(pinned).toMatchObject({ code: 0, out: expect.stringContaining(`@${first}`) })
    expect(readFileSync(join(root, 'dataset/config.yaml'), 'utf8')).toContain(`@${first}`)
    expect(await start(root, ['data', 'pin', 'none'], { env }).ended).toMatchObject({ code: 1 })
  })

  it.each([
    ['datasets/x', /names no dataset of the Hugging Face Hub/],
    ['hf:ns/model', /is not an address of a dataset/],
    ['hf:datasets/ns/mails?splt=x', /unknown parameter "splt"/],
  ])('%s cannot be pinned', async (samples, message) => {
    const { repository, put } = await hubProject()
    put('dataset/config.yaml', settings(samples))
    await expect(repository.pinData()).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringMatching(message),
    })
  })

  it('own files are not imported into such a project', async () => {
    const { root, repository, put } = await hubProject()
    await repository.pinData()
    put('more.jsonl', lines(rows(50, 60)))
    await expect(importData(root, join(root, 'more.jsonl'))).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining(dataset),
    })
  })
})

describe('importData of hf:datasets/owner/name', () => {
  it('copies a split into a project, and records the commit as its source', async () => {
    const hub = await hubForTest()
    const records = Array.from({ length: 60 }, (_, index) => ({
      review: `${index % 2 ? 'good' : 'bad'} book ${index} ${'x'.repeat(index % 7)}`,
      sentiment: index % 2,
    }))
    const commit = await putDataset(hub, {
      'data/train-00000-of-00002.jsonl': lines(records.slice(0, 40)),
      'data/train-00001-of-00002.jsonl': lines(records.slice(40)),
      'data/test-00000-of-00001.jsonl': lines([{ review: 'left out', sentiment: 1 }]),
    })
    const root = join(temporaryFolder(), 'reviews')
    const environment = { HF_TOKEN: token, HF_ENDPOINT: hub.url }
    const { plan, apply } = await importData(root, `hf:${dataset}?split=train`, { environment })
    expect(plan).toMatchObject({
      source: `hf:${dataset}@${commit}?split=train`,
      records: 60,
      problems: [],
      createsProject: true,
    })
    expect(existsSync(root)).toBe(false)
    await apply()
    expect(readFileSync(join(root, 'dataset/config.yaml'), 'utf8')).toContain(
      `source: "hf:${dataset}@${commit}?split=train"`,
    )
    const repository = await openRepository(root)
    expect((await repository.validate()).counts.rows).toBe(60)
    expect(git(root, 'ls-files')).toContain('dataset/samples/mails/mails.jsonl')
  })

  it.each([
    ['hf:ns/model', 'invalid-options'],
    [`hf:${dataset}@none`, 'not-found'],
    [`hf:${dataset}/x.csv`, 'dataset-invalid'],
  ])('%s writes nothing', async (source, code) => {
    const hub = await hubForTest()
    await putDataset(hub, { 'a.jsonl': lines(rows(0, 3)) })
    const root = join(temporaryFolder(), 'none')
    const environment = { HF_TOKEN: token, HF_ENDPOINT: hub.url }
    await expect(importData(root, source, { environment })).rejects.toMatchObject({ code })
    expect(existsSync(root)).toBe(false)
  })
})
