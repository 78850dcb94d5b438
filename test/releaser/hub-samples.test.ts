import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, type Source } from '../../src/dataset/index.js'
import { type HubSamplesOptions, hubCommit, hubSamples } from '../../src/huggingface.js'
import type { Hub } from '../../src/testing/hub/index.js'
import { sourceContract } from '../../src/testing/source-contract.js'
import { hubFolder, hubForTest, token } from '../testing/hub-fixture.js'
import { dataset, lines, putDataset, sha256 } from './hub-data.js'

const context = callContext()
const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({
    id: `r${from + index}`,
    text: `mail ${from + index}`,
    label: 'a',
  }))
const patience = { attempts: 2, firstDelayMs: 1 }

function sourceOf(hub: Hub, revision: string, options: Partial<HubSamplesOptions> = {}): Source {
  const place = { repository: dataset, revision, endpoint: hub.url, token, directory: hubFolder(), patience }
  return hubSamples({ ...place, ...options })
}

async function idsOf(source: Source): Promise<readonly string[]> {
  return (await new Dataset({ source, input: 'text', target: 'label' }).identities()).map(({ id }) => id)
}

const pathsOf = async (source: Source) => (await source.list(context)).map(({ path }) => path)

const parquet = (from: number, to: number) => {
  const all = rows(from, to)
  const column = (name: 'id' | 'text' | 'label') => ({
    name,
    data: all.map((row) => row[name]),
    type: 'STRING' as const,
  })
  return new Uint8Array(parquetWriteBuffer({ columnData: [column('id'), column('text'), column('label')] }))
}

describe('samples of a dataset on the Hub', () => {
  sourceContract(it, async () => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, { 'a.jsonl': lines(rows(0, 2)), 'b.jsonl': lines(rows(2, 3)) })
    return { source: sourceOf(hub, revision), samples: rows(0, 3), dispose: async () => {} }
  })

  it('are read from Parquet, JSONL, JSON lines, JSON, CSV and gzip, and later without the network', async () => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, {
      'a.parquet': parquet(0, 3),
      'b/b.jsonl': lines(rows(3, 5)),
      'b/c.json': lines(rows(5, 7)),
      'c.json': JSON.stringify(rows(7, 9)),
      'd.csv': 'id,text,label\nr9,x,a\n',
      'e.jsonl.gz': gzipSync(lines(rows(10, 12))),
    })
    const directory = hubFolder()
    const source = (files: string) => sourceOf(hub, revision, { directory, files })
    expect((await idsOf(source('**'))).length).toBe(12)
    expect(await idsOf(source('b'))).toEqual(['r3', 'r4', 'r5', 'r6'])
    const asked = hub.requests.length
    await hub.close()
    const again = source('**')
    expect((await idsOf(again)).length).toBe(12)
    expect(hub.requests.length).toBe(asked)
    for (const name of readdirSync(join(directory, 'files'))) {
      const [kind, digest] = name.split('-')
      if (kind === 'sha256') expect(sha256(readFileSync(join(directory, 'files', name)))).toBe(digest)
    }
  })

  it('stay the same when the branch moves, and hubCommit finds the new commit', async () => {
    const hub = await hubForTest()
    const first = await putDataset(hub, { 'data/train-00000-of-00001.jsonl': lines(rows(0, 2)) })
    const connection = { repository: dataset, endpoint: hub.url, token }
    expect(await hubCommit(connection, context)).toBe(first)
    const second = await putDataset(hub, { 'data/train-00000-of-00001.jsonl': lines(rows(0, 4)) })
    expect([await idsOf(sourceOf(hub, first)), await idsOf(sourceOf(hub, second))].map(({ length }) => length)).toEqual(
      [2, 4],
    )
    expect(await hubCommit({ ...connection, revision: 'main' }, context)).toBe(second)
    await expect(hubCommit({ ...connection, revision: 'gone' }, context)).rejects.toMatchObject({ code: 'not-found' })
  })

  it.each([
    [{}, ['data/test-00000-of-00001.jsonl', 'data/train-00000-of-00001.jsonl']],
    [{ split: 'test' }, ['data/test-00000-of-00001.jsonl']],
    [{ files: 'data/tr*' }, ['data/train-00000-of-00001.jsonl']],
    [{ files: 'other.jsonl' }, ['other.jsonl']],
  ])('%j chooses files by their names', async (choice, expected) => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, {
      'README.md': '# Mails\n',
      'data/train-00000-of-00001.jsonl': lines(rows(0, 1)),
      'data/test-00000-of-00001.jsonl': lines(rows(1, 2)),
      'other.jsonl': lines(rows(2, 3)),
      'dataset_infos.json': '{}',
    })
    expect(await pathsOf(sourceOf(hub, revision, choice))).toEqual(expected)
  })

  it.each([
    [{}, ['en/a.jsonl', 'en/b.jsonl', 'en/test.jsonl']],
    [{ config: 'de' }, ['de/dev.jsonl', 'de/x.jsonl']],
    [{ config: 'de', split: 'train' }, ['de/x.jsonl']],
    [{ split: 'test' }, ['en/test.jsonl']],
    [{ config: 'fr' }, /no configuration "fr"\. Choose one of: en, de/],
    [{ split: 'dev' }, /no split "dev"\. Choose one of: train, test/],
  ])('%j chooses files by the card', async (choice, expected) => {
    const hub = await hubForTest()
    const card = `---\nconfigs:\n- config_name: en\n  default: true\n  data_files:\n  - split: train\n    path: ["en/[ab].jsonl"]\n  - split: test\n    path: en/test.jsonl\n- config_name: de\n  data_dir: de\n  data_files: [{ split: train, path: "x.*" }, { split: validation, path: dev.jsonl }]\n---\n# Mails\n`
    const files = ['en/a.jsonl', 'en/b.jsonl', 'en/c.jsonl', 'en/test.jsonl', 'de/x.jsonl', 'de/dev.jsonl']
    const revision = await putDataset(hub, {
      'README.md': card,
      ...Object.fromEntries(files.map((path, index) => [path, lines(rows(index, index + 1))])),
    })
    const source = sourceOf(hub, revision, choice)
    if (expected instanceof RegExp)
      await expect(source.list(context)).rejects.toMatchObject({
        code: 'dataset-invalid',
        message: expect.stringMatching(expected),
      })
    else expect(await pathsOf(source)).toEqual(expected)
  })

  it.each([
    ['configs: [{', /README\.md/],
    ['configs: 3', /"configs" is not a list/],
    ['configs: [{ config_name: a, data_files: { x: 1 } }]', /"data_files" of the configuration "a"/],
    ['configs: [{ config_name: a }, { config_name: b }]', /several configurations.*\?config=<name>: a, b/],
  ])('a card with %s is an error', async (front, expected) => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, { 'README.md': `---\n${front}\n---\n`, 'a.jsonl': lines(rows(0, 1)) })
    await expect(sourceOf(hub, revision).list(context)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringMatching(expected),
    })
  })

  it.each([
    [{ 'a.arrow': 'x' }, /in no format/],
    [{ 'a.csv': 'id\n1\n', 'a.jsonl': '{}\n' }, /several formats \(csv, json\)/],
    [{ 'README.md': 'x' }, /no data files/],
  ])('files that leave a choice are an error: %j', async (files, expected) => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, files)
    await expect(sourceOf(hub, revision).list(context)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringMatching(expected),
    })
  })

  it('a damaged file in the cache is downloaded again', async () => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, { 'a.parquet': parquet(0, 50), 'b.jsonl': lines(rows(50, 60)) })
    const directory = hubFolder()
    const source = () => sourceOf(hub, revision, { directory, files: '**' })
    await idsOf(source())
    for (const name of readdirSync(join(directory, 'files'))) {
      const path = join(directory, 'files', name)
      const bytes = readFileSync(path)
      bytes[20]! ^= 1
      writeFileSync(path, bytes)
      if (name.startsWith('git')) truncateSync(path, 10)
    }
    for (const name of readdirSync(join(directory, 'trees')))
      writeFileSync(join(directory, 'trees', name), '{"formatVersion":1')
    expect((await idsOf(source())).length).toBe(60)
    rmSync(join(directory, 'files'), { recursive: true })
    expect((await idsOf(source())).length).toBe(60)
  })

  it('a download that is cut resumes at the same byte; the storage host never sees the token', async () => {
    let cuts = 2
    const seen: (string | undefined)[] = []
    const hub = await hubForTest({
      before: ({ host, headers, method }) => {
        if (host !== 'storage' || method !== 'GET') return undefined
        seen.push(headers.authorization)
        cuts -= 1
        return cuts >= 0 ? { cutBodyAfterBytes: 1000 } : undefined
      },
    })
    const big = parquet(0, 20_000)
    const revision = await putDataset(hub, { 'a.parquet': big })
    expect((await idsOf(sourceOf(hub, revision))).length).toBe(20_000)
    expect(seen).toEqual([undefined, undefined, undefined])
  })
})

describe('a hostile or refusing Hub', () => {
  /** Answers for the paths that match, instead of the Hub. */
  const answering = async (
    part: RegExp,
    answer: (url: string) => Response,
    files = { 'a.jsonl': lines(rows(0, 3)), 'b.parquet': parquet(0, 3) },
  ) => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, files)
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      const url = input instanceof Request ? input.url : String(input)
      return part.test(url) ? answer(url) : globalThis.fetch(input, init)
    }
    return { hub, revision, fetch }
  }

  it.each([
    ['other bytes in a small file', /resolve.*a\.jsonl/, () => new Response('{"id":"x","text":"y","label":"a"}\n')],
    ['other bytes in a large file', /resolve.*b\.parquet/, () => new Response(parquet(0, 2))],
    ['a longer file', /resolve.*b\.parquet/, () => new Response(parquet(0, 9000))],
    ['a shorter file', /resolve.*b\.parquet/, () => new Response('x', { status: 206 })],
  ])('%s is never used', async (_, part, answer) => {
    const { hub, revision, fetch } = await answering(part, answer)
    const directory = hubFolder()
    await expect(idsOf(sourceOf(hub, revision, { files: '**', fetch, directory }))).rejects.toMatchObject({
      code: expect.stringMatching(/artifact-corrupt|remote-failed/),
    })
    expect(await pathsOf(sourceOf(hub, revision, { files: 'a.jsonl', directory }))).toEqual(['a.jsonl'])
  })

  it('a file whose size is not the listed one is refused, and not downloaded again and again', async () => {
    const { hub, revision } = await answering(/never/, () => new Response())
    let downloads = 0
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      const url = input instanceof Request ? input.url : String(input)
      downloads += /resolve.*a\.jsonl/.test(url) ? 1 : 0
      const answer = await globalThis.fetch(input, init)
      if (!/\/tree\//.test(url)) return answer
      const entries = (await answer.json()) as readonly { readonly size: number }[]
      return Response.json(entries.map((entry) => ({ ...entry, size: entry.size + 1 })))
    }
    await expect(idsOf(sourceOf(hub, revision, { files: 'a.jsonl', fetch }))).rejects.toMatchObject({
      code: 'artifact-corrupt',
    })
    expect(downloads).toBe(1)
  })

  it('an endless body stops at the size that was listed', async () => {
    let sent = 0
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            sent += 65_536
            controller.enqueue(new Uint8Array(65_536))
          },
        }),
      )
    for (const part of [/resolve.*b\.parquet/, /resolve.*a\.jsonl/]) {
      const { hub, revision, fetch } = await answering(part, endless)
      await expect(idsOf(sourceOf(hub, revision, { files: '**', fetch }))).rejects.toMatchObject({
        code: expect.stringMatching(/artifact-corrupt|remote-failed/),
      })
    }
    expect(sent).toBeLessThan(200 * 2 ** 20)
  })

  it.each([
    ['a path out of the folder', [{ type: 'file', path: '../x.jsonl', size: 1, oid: 'a'.repeat(40) }], {}],
    ['a digest that is a path', [{ type: 'file', path: 'a.jsonl', size: 1, oid: '../../x' }], {}],
    ['no list', { error: 'x' }, {}],
    [
      'a next page elsewhere',
      [{ type: 'file', path: 'a.jsonl', size: 1, oid: 'a'.repeat(40) }],
      { link: '<http://127.0.0.1:9/x>; rel="next"' },
    ],
    ['empty pages without end', [], { link: '</api/datasets/ns/mails/tree/x>; rel="next"' }],
  ])('a list with %s is refused', async (_, list, headers) => {
    const { hub, revision, fetch } = await answering(/\/tree\//, () =>
      Response.json(list, { headers: headers as Record<string, string> }),
    )
    await expect(sourceOf(hub, revision, { fetch }).list(context)).rejects.toMatchObject({
      code: expect.stringMatching(/artifact-corrupt|remote-failed/),
    })
  })

  it.each([
    ['no token for a private dataset', { token: undefined }, 'access-denied', /HF_TOKEN/],
    ['a wrong token', { token: 'wrong' }, 'access-denied', /HF_TOKEN/],
    ['a dataset that does not exist', { repository: 'datasets/ns/none' }, 'not-found', /404/],
    ['a commit that does not exist', { revision: '0'.repeat(40) }, 'not-found', /404/],
  ])('%s', async (_, options, code, message) => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, { 'a.jsonl': lines(rows(0, 1)) })
    await expect(sourceOf(hub, revision, options).list(context)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  it.each([
    [
      403,
      { 'x-error-code': 'GatedRepo', 'x-error-message': 'Access to dataset ns/mails is restricted' },
      'access-denied',
      /ask for access/,
    ],
    [429, { 'retry-after': '0' }, 'remote-failed', /429/],
    [500, {}, 'remote-failed', /500/],
    [400, { 'x-error-message': 'Said no' }, 'release-rejected', /400, "Said no"/],
  ])('an answer %i', async (status, headers, code, message) => {
    const { hub, revision, fetch } = await answering(
      /resolve.*a\.jsonl/,
      () => new Response('', { status, headers: headers as Record<string, string> }),
    )
    await expect(idsOf(sourceOf(hub, revision, { files: 'a.jsonl', fetch }))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
  })

  it.each([
    [{ revision: 'main' }],
    [{ repository: 'ns/mails' }],
    [{ repository: 'datasets/mails' }],
    [{ files: 'a', split: 'train' }],
    [{ files: '{a' }],
    [{ maximumFileBytes: -1 }],
  ])('%j is refused at once', async (options) => {
    const place = { repository: dataset, revision: 'a'.repeat(40), directory: 'x' }
    expect(() => hubSamples({ ...place, ...options })).toThrow(expect.objectContaining({ code: 'invalid-options' }))
  })
})
