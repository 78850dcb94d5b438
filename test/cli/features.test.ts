import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { expect, it } from 'vitest'
import type { Json } from '../../src/core/index.js'
import { openRepository } from '../../src/repository/index.js'
import { serve } from '../../src/serve/index.js'
import { itInFull } from '../in-full.js'
import { post } from '../serve/fixture.js'
import { feastServer } from '../serve/loopback-feast.js'
import { templateProject } from '../template-project.js'
import { commit, copy, edit, sheikh, sheikhJson, temporary, write } from './harness.js'

const start = Date.UTC(2026, 0, 1)
const day = 86_400_000

/** How a feature store outside of the repository writes its rows. */
async function writeStore(path: string, { rate = 1, lateMs = 0 } = {}): Promise<void> {
  const rows = Array.from({ length: 40 }, (_, n) => ({
    customer: n % 4,
    at: start + Math.floor(n / 4) * day,
    visits: n,
  }))
  const bytes = parquetWriteBuffer({
    columnData: [
      { name: 'customer', data: rows.map(({ customer }) => customer), type: 'INT32' },
      { name: 'event_timestamp', data: rows.map(({ at }) => new Date(at)), type: 'TIMESTAMP' },
      { name: 'created', data: rows.map(({ at }) => new Date(at + lateMs)), type: 'TIMESTAMP' },
      { name: 'visits', data: rows.map(({ visits }) => visits * rate), type: 'DOUBLE' },
    ],
  })
  await writeFile(path, new Uint8Array(bytes))
}

async function samplesOf(root: string): Promise<readonly string[]> {
  const files = await readdir(join(root, 'dataset/samples'), { recursive: true })
  return files.filter((name) => name.endsWith('.json')).map((name) => join(root, 'dataset/samples', name))
}

/** A project whose samples have a customer and a time, and whose template shows a feature. */
async function featureProject(): Promise<{ readonly root: string; readonly store: string }> {
  // One sample per file.
  const root = await copy(await templateProject())
  const store = join(await temporary(), 'visits.parquet')
  await writeStore(store)
  for (const [index, path] of (await samplesOf(root)).entries()) {
    const sample = JSON.parse(await readFile(path, 'utf8'))
    const at = new Date(start + (index % 8) * day + 3_600_000).toISOString()
    await writeFile(path, JSON.stringify({ ...sample, customer: String(index % 5), at }))
  }
  await write(
    root,
    'dataset/config.yaml',
    `projection: { input: prompts/training/visits.txt, target: label }
features:
  timestamp: at
  views:
    - name: visits
      files: ${store}
      entities: [customer]
      timestamp: event_timestamp
      time_zone: UTC
      created: created
      ttl: 3d
      features: { customer_visits: visits }
`,
  )
  await write(root, 'prompts/training/visits.txt', '{{ text }} {{ customer_visits }}')
  return { root, store }
}

itInFull(
  'a project whose samples have features: joined, released, and reproduced after the feature store changed',
  async () => {
    const { root, store } = await featureProject()
    const early = await sheikh(root, ['validate'])
    expect(early).toMatchObject({ code: 1, err: expect.stringContaining('Make it with: sheikh data features') })

    const { code, json } = await sheikhJson(root, 'data', 'features')
    expect(code).toBe(0)
    expect(json).toMatchObject({
      path: 'dataset/features.jsonl',
      samples: 200,
      rows: { visits: 40 },
      removed: 0,
      changed: {},
    })
    expect(json.missing).toEqual({ customer_visits: json.lines / 5 })
    expect((await sheikh(root, ['data', 'features'])).out).toContain('as before')
    expect((await sheikh(root, ['evaluation', 'repin', '--reason', 'Features'])).code).toBe(0)
    const joinedCommit = await commit(root, 'Join features')
    const run = await sheikh(root, ['run'])
    expect(run.code, run.err).toBe(0)
    const found = await (await openRepository(root)).load()
    const samples = await (await found.dataset.contents()).samples(
      new Set((await found.dataset.identities()).map(({ id }) => id)),
    )
    expect(
      [...samples.values()].filter(
        (sample) => typeof (sample as Record<string, unknown>)['customer_visits'] === 'number',
      ),
    ).toHaveLength(160)

    await predictsWithFeast(root)

    // The store now says something else about the past. The commit does not.
    await writeStore(store, { rate: 2 })
    expect(await sheikh(root, ['reproduce'])).toMatchObject({ code: 0, out: 'Reproduced 0.1.0 byte for byte.\n' })
    expect(await sheikh(root, ['verify'])).toMatchObject({ code: 0 })
    await rm(store)
    expect(await sheikh(root, ['reproduce'])).toMatchObject({ code: 0 })

    await writeStore(store, { rate: 2 })
    const again = await sheikh(root, ['data', 'features'])
    expect(again.out).toMatch(/Changed values: customer_visits \d+\.\n.*0 added, 0 removed\. Commit the file\./)
    await commit(root, 'Join features again')
    const diff = await sheikhJson(root, 'diff', joinedCommit, 'HEAD')
    expect(JSON.stringify(diff.json)).toContain('customer_visits')
    expect((await sheikh(root, ['diff', joinedCommit, 'HEAD'])).out).toContain('customer\\_visits')
    // Pinned items have other features now, which a person has to accept.
    expect((await sheikh(root, ['run'])).err).toContain('evaluation repin')
  },
  120_000,
)

/** The features of requests come from a server of Feast, under the names of the project. */
async function predictsWithFeast(root: string): Promise<void> {
  const feast = await feastServer(({ entities, features }) => ({
    metadata: { feature_names: features.map((name) => name.replace(':', '__')) },
    results: features.map(() => ({
      values: entities['customer']!.map((id) => (id === '1' ? 7 : null)),
      statuses: entities['customer']!.map((id) => (id === '1' ? 'PRESENT' : 'NOT_FOUND')),
    })),
  }))
  const serving = await (await openRepository(root)).serving({ feast: { url: feast.url } })
  await using server = await serve({ ...serving, port: 0 })
  const predict = async (...inputs: readonly Json[]) => {
    const answer = await fetch(`${server.url}/v1/predict`, post('/', { inputs }))
    return { status: answer.status, ...((await answer.json()) as { readonly predictions?: readonly object[] }) }
  }
  // Samples of the project were the first inputs, as a trial.
  expect(feast.asked.length).toBeGreaterThan(0)
  const both = await predict({ text: 'my password', customer: '1' }, { text: 'the courier', customer: '9' })
  expect([both.status, both.predictions?.length]).toEqual([200, 2])
  expect(feast.asked.at(-1)?.body).toMatchObject({
    features: ['visits:visits'],
    entities: { customer: ['1', '9'] },
  })
  const own = await predict({ text: 'my password', customer: '1', customer_visits: 3 })
  expect(own.status).toBe(422)
}

it('refuses to look features up that the project does not have', async () => {
  const { root } = await featureProject()
  const repository = await openRepository(root)
  const feast = { url: 'http://127.0.0.1:9' }
  await expect(repository.serving({ feast })).rejects.toMatchObject({ code: 'dataset-invalid' })
  await sheikh(root, ['data', 'features'])
  const second = '    - { name: other, files: x.parquet, entities: { customer: id }, timestamp: t, features: [n] }\n'
  await edit(root, 'dataset/config.yaml', (text) => text + second)
  await expect((await openRepository(root)).serving({ feast })).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringContaining('the field "customer" is "customer" in one view, and "id" in the view "other"'),
  })
  await write(root, 'dataset/config.yaml', 'projection: { input: text, target: label }\n')
  await expect((await openRepository(root)).serving({ feast })).rejects.toMatchObject({
    code: 'invalid-config',
    message: expect.stringContaining('no "features"'),
  })
  const lonely = await sheikh('/', ['serve', '--feast-token-env', 'PATH'])
  expect(lonely.err).toContain('without --feast')
})

it('refuses a look-ahead, other settings, a sample without a line and a damaged file, and keeps the file', async () => {
  const { root, store } = await featureProject()
  await sheikh(root, ['data', 'features'])
  const path = join(root, 'dataset/features.jsonl')
  const before = await readFile(path, 'utf8')

  await writeStore(store, { lateMs: 2 * day })
  const ahead = await sheikhJson(root, 'data', 'features')
  expect(ahead.code).toBe(1)
  expect(ahead.json.error.code).toBe('dataset-invalid')
  expect(ahead.json.error.message).toContain('would see rows that were written after their time')
  expect(await readFile(path, 'utf8')).toBe(before)

  await edit(root, 'dataset/config.yaml', (text) => text.replace('ttl: 3d', 'ttl: 4d'))
  expect((await sheikh(root, ['validate'])).err).toContain('they were joined by other settings')
  await edit(root, 'dataset/config.yaml', (text) => text.replace('ttl: 4d', 'ttl: 3d'))

  const [sample] = await samplesOf(root)
  const text = await readFile(sample!, 'utf8')
  await writeFile(sample!, text.replace('2026-01', '2026-03'))
  expect((await sheikh(root, ['validate'])).err).toContain(
    'nothing for its entities and time; update it with: sheikh data features',
  )
  await writeFile(sample!, text)
  await writeFile(path, `${before}<<<<<<< HEAD\n`)
  expect((await sheikh(root, ['validate'])).err).toContain('merge conflict')
  await rm(path)
  await edit(root, 'dataset/config.yaml', (config) =>
    config.replace('features: { customer_visits: visits }', 'features: { customer: visits }'),
  )
  expect((await sheikh(root, ['validate'])).err).toMatch(/"features": Cannot join features: the feature "customer"/)
})
