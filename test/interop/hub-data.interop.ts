import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { callContext, canonicalJson } from '../../src/core/index.js'
import { samplesOf } from '../../src/dataset/index.js'
import { hubSamples } from '../../src/huggingface.js'
import type { Hub } from '../../src/testing/hub/index.js'
import { type DataFiles, dataset, lines, putDataset } from '../releaser/hub-data.js'
import { hubFolder, hubForTest, token } from '../testing/hub-fixture.js'
import { interopPython } from './python.js'

const python = interopPython()
const context = callContext()
const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => ({ id: from + index, text: `mail ${from + index}`, label: 'a' }))
const csv = (from: number, to: number) =>
  `id,text,label\n${rows(from, to)
    .map(({ id, text, label }) => `${id},${text},${label}\n`)
    .join('')}`
const parquet = (from: number, to: number) => {
  const all = rows(from, to)
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: 'id', data: all.map(({ id }) => id), type: 'INT32' },
        { name: 'text', data: all.map(({ text }) => text), type: 'STRING' },
        { name: 'label', data: all.map(({ label }) => label), type: 'STRING' },
      ],
    }),
  )
}

interface Choice {
  readonly config?: string
  readonly split?: string
}

async function ours(hub: Hub, revision: string, choice: Choice): Promise<readonly unknown[]> {
  const source = hubSamples({
    repository: dataset,
    revision,
    endpoint: hub.url,
    token,
    directory: hubFolder(),
    ...choice,
  })
  const found: unknown[] = []
  for (const entry of await source.list(context))
    for (const { value } of await samplesOf(entry, context)) found.push(value)
  return found
}

function theirs(hub: Hub, revision: string, choices: readonly Choice[]) {
  const home = hubFolder()
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    HF_HOME: home,
    HF_HUB_DISABLE_XET: '1',
    HF_HUB_DISABLE_TELEMETRY: '1',
    HF_ENDPOINT: hub.url,
  }
  const calls = choices.map((choice) => ({ name: dataset.slice('datasets/'.length), revision, ...choice }))
  return new Promise<
    readonly { readonly rows?: readonly Readonly<Record<string, unknown>>[]; readonly error?: string }[]
  >((done, fail) => {
    const child = execFile(
      python!,
      [join(import.meta.dirname, 'hub-data.py')],
      { env, maxBuffer: 1 << 28 },
      (error, said) => (error === null ? done(JSON.parse(said)) : fail(error)),
    )
    child.stdin!.end(JSON.stringify({ endpoint: hub.url, token, calls }))
  })
}

const sorted = (values: readonly unknown[]) =>
  values
    .map((value) => canonicalJson({ ...(value as object), id: Number((value as { id: unknown }).id) } as never))
    .sort()

const card = (configs: string) => `---\nlicense: mit\n${configs}\n---\n# Data\n`
const all: readonly Choice[] = [{}, { split: 'train' }, { split: 'test' }, { split: 'validation' }]

const layouts: readonly (readonly [string, DataFiles, readonly Choice[]])[] = [
  [
    'shards',
    {
      'data/train-00000-of-00002.parquet': parquet(0, 3),
      'data/train-00001-of-00002.parquet': parquet(3, 5),
      'data/test-00000-of-00001.parquet': parquet(5, 7),
    },
    all,
  ],
  [
    'shards of a split of its own',
    { 'data/gold-00000-of-00001.jsonl': lines(rows(0, 2)), 'other/train.jsonl': lines(rows(2, 4)) },
    [{}, { split: 'gold' }, { split: 'train' }],
  ],
  [
    'names',
    { 'mails_train.csv': csv(0, 3), 'dev.csv': csv(3, 5), 'eval-1.csv': csv(5, 6), 'latest.csv': csv(6, 7) },
    all,
  ],
  [
    'folders',
    { 'train/a.jsonl': lines(rows(0, 3)), 'x/testing/b.jsonl': lines(rows(3, 5)), 'c.jsonl': lines(rows(5, 6)) },
    all,
  ],
  [
    'no splits',
    {
      'a.jsonl': lines(rows(0, 3)),
      'sub/b.jsonl.gz': gzipSync(lines(rows(3, 5))),
      '.hidden/c.jsonl': lines(rows(5, 6)),
      '__x/d.jsonl': lines(rows(6, 7)),
    },
    all,
  ],
  ['JSON of lines, and ignored names', { 'train.json': lines(rows(0, 3)), 'dataset_infos.json': '{}' }, all],
  ['a list in JSON', { 'train.json': JSON.stringify(rows(0, 3)) }, all],
  ['TSV', { 'train.tsv': csv(0, 3).replaceAll(',', '\t') }, [{}]],
  [
    'one pattern',
    {
      'README.md': card('configs:\n- config_name: default\n  data_files: "part*/*.csv"'),
      'part1/a.csv': csv(0, 2),
      'part2/b.csv': csv(2, 3),
      'x.csv': csv(3, 4),
    },
    [{}, { split: 'train' }],
  ],
  [
    'splits with lists, classes and a default',
    {
      'README.md': card(
        'configs:\n- config_name: en\n  default: true\n  data_files:\n  - split: train\n    path: ["en/[ab].jsonl", "en/x?.jsonl"]\n  - split: test\n    path: en/test.jsonl\n- config_name: de\n  data_files:\n  - split: train\n    path: de/**',
      ),
      'en/a.jsonl': lines(rows(0, 2)),
      'en/c.jsonl': lines(rows(2, 3)),
      'en/x1.jsonl': lines(rows(3, 4)),
      'en/test.jsonl': lines(rows(4, 6)),
      'de/1/2/a.jsonl': lines(rows(6, 8)),
    },
    [{}, { split: 'train' }, { config: 'de' }, { config: 'fr' }, { split: 'none' }],
  ],
  [
    'data_dir',
    {
      'README.md': card('configs:\n- config_name: a\n  data_dir: one\n- config_name: b\n  data_dir: two'),
      'one/train.csv': csv(0, 2),
      'one/test.csv': csv(2, 3),
      'two/x.csv': csv(3, 5),
    },
    [{ config: 'a' }, { config: 'a', split: 'test' }, { config: 'b' }, {}],
  ],
]

describe.skipIf(python === undefined)('datasets of a loopback Hub, beside the Python library datasets', () => {
  it.each(layouts)('%s', async (_, files, choices) => {
    const hub = await hubForTest()
    const revision = await putDataset(hub, files)
    const answers = await theirs(hub, revision, choices)
    let compared = 0
    for (const [index, choice] of choices.entries()) {
      const { rows: expected, error } = answers[index]!
      const found = await ours(hub, revision, choice).catch((caught: unknown) => caught)
      if (expected === undefined) expect([choice, error, found]).toEqual([choice, error, expect.any(Error)])
      else {
        expect([choice, Array.isArray(found) ? sorted(found) : found]).toEqual([choice, sorted(expected)])
        compared += 1
      }
    }
    expect(compared).toBeGreaterThan(0)
  })
})
