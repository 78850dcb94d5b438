import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { callContext, digestJson, identityOf, merkleRoot } from '../../src/core/index.js'
import {
  Dataset,
  type DatasetOptions,
  type FieldSelector,
  jsonSchemaFile,
  memorySamples,
  pinnedFile,
  pinnedSet,
  type RowIdentity,
  type Source,
  sampleFiles,
  type UntypedSample,
} from '../../src/dataset/index.js'
import { addFiles, collect, folderWith, later, memoryDocuments, touchLater } from './temporary.js'

const context = callContext()
type Options = DatasetOptions<UntypedSample, FieldSelector<UntypedSample>, FieldSelector<UntypedSample>>
const pin = (items: readonly RowIdentity[]) =>
  pinnedSet({ formatVersion: 1, salt: 's', purpose: 'p', share: 0.5, items })

const samples = ['a', 'b', 'c', 'd'].map((id, index) => ({
  id,
  text: `text ${id}`,
  label: index % 2 === 0 ? 'ham' : 'spam',
  thread: `t${index}`,
}))
const parts = { input: 'text', target: 'label' } as const

async function pinned(options: Options, ids: readonly string[]) {
  const identities = await new Dataset(options).identities()
  return new Dataset({ ...options, evaluation: pin(identities.filter(({ id }) => ids.includes(id))) })
}

// Counts what is read.
function counting(source: Source): Source & { readonly reads: string[] } {
  const reads: string[] = []
  return {
    ...source,
    reads,
    list: async (listContext) =>
      (await source.list(listContext)).map((entry) => ({
        ...entry,
        read: (readContext) => {
          reads.push(entry.path)
          return entry.read(readContext)
        },
      })),
  }
}

describe('rows', () => {
  it('are made of fields, in order of id, each side with its digest', async () => {
    const source = memorySamples([...samples].reverse())
    const dataset = await pinned({ source, ...parts, group: 'thread', slices: ['label'] }, ['b'])
    const { summary, training, evaluation } = await dataset.snapshot(context)
    const row = { id: 'b', input: 'text b', target: 'spam', group: 't1', slices: { label: 'spam' } }
    expect(await collect(evaluation)).toEqual([row])
    expect((await collect(training)).map(({ id }) => id)).toEqual(['a', 'c', 'd'])
    expect(await collect(training)).toEqual(await collect(training))
    expect(evaluation.digest).toBe(merkleRoot([digestJson(row)]))
    const digests = (await dataset.identities()).map(({ digest }) => digest)
    expect(summary).toEqual({
      fingerprint: merkleRoot(digests),
      trainingDigest: training.digest,
      evaluationDigest: evaluation.digest,
      counts: { rows: 4, training: 3, evaluation: 1, excludedByGroup: 0 },
      excludedByGroupIds: [],
      labels: { training: { ham: 2, spam: 1 }, evaluation: { spam: 1 } },
      slices: { training: { 'label=ham': 2, 'label=spam': 1 }, evaluation: { 'label=spam': 1 } },
      warnings: [],
    })
  })

  it('are made by functions and by projection objects', async () => {
    const dataset = await pinned(
      {
        source: memorySamples(samples),
        id: (s) => `mail-${s.id}`,
        input: {
          contract: 1,
          name: 'length',
          describe: () => null,
          project: (s) => (s as { text: string }).text.length,
        },
        target: (s) => s.label === 'spam',
        slices: (s) => ({ first: String(s.id < 'c') }),
      },
      ['mail-a'],
    )
    const { evaluation } = await dataset.snapshot(context)
    expect(await collect(evaluation)).toEqual([{ id: 'mail-a', input: 6, target: false, slices: { first: 'true' } }])
  })

  it('have the id of the sample, or the place where it stands; the first folder is a slice', async () => {
    const folder = await folderWith({
      'spam/deep/one.json': { text: 'x' },
      'ham/two.json': [{ text: 'y' }, { id: 7, text: 'z' }],
      'three.json': { text: 'w' },
    })
    const options = { source: sampleFiles(folder), input: 'text', sliceByFolder: 'category' }
    const dataset = await pinned(options, ['7'])
    const rows = await collect((await dataset.snapshot(context)).training)
    expect(rows.map(({ id, slices }) => [id, slices])).toEqual([
      [`ham/two.json#${digestJson({ text: 'y' }).slice(7, 23)}`, { category: 'ham' }],
      ['spam/deep/one.json', { category: 'spam' }],
      ['three.json', {}],
    ])
  })

  it('of a schema that leaves out the id keep it', async () => {
    const dataset = new Dataset({
      source: memorySamples(samples),
      schema: z.object({ text: z.string() }),
      input: 'text',
    })
    expect((await dataset.identities()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('samples that cannot be used', () => {
  const failing = (values: readonly unknown[], options: object = {}) =>
    new Dataset({ source: memorySamples(values), ...parts, ...options }).identities()

  it.each([
    ['a sample that is no object', ['text'], {}, 'it has no field "text" for the input'],
    ['a missing field', [{ label: 'a' }], {}, 'it has no field "text" for the input'],
    ['a field that is inherited only', [{}], { input: 'toString' }, 'it has no field "toString" for the input'],
    ['a missing id', [{ text: 'a', label: 'b' }], { id: 'key' }, 'it has no field "key" for the id'],
    ['an id that is a list', [{ id: [], text: 'a', label: 'b' }], {}, 'its id is neither text nor a number'],
    ['an empty id', [{ id: '', text: 'a', label: 'b' }], {}, 'its id has 0 characters; an id has 1 to 1024'],
    [
      'a slice that is an object',
      [{ text: 'a', label: {} }],
      { slices: ['label'] },
      'its slice "label" is neither text nor a number',
    ],
    ['half a surrogate', [{ text: '\ud800', label: 'b' }], {}, expect.stringContaining('lone surrogate')],
    ['a date', [{ text: [new Date(0)], label: 'b' }], {}, 'its input contains a Date, which is not plain JSON'],
    [
      'a function that throws',
      [{}],
      { input: () => JSON.parse('x') as string },
      expect.stringContaining('its input cannot be derived'),
    ],
  ])('%s', async (_, values, options, message) => {
    await expect(failing(values, options)).rejects.toMatchObject({
      code: 'dataset-invalid',
      facts: { issues: [{ path: 'memory', position: '[0]', message }] },
    })
  })

  it('all are named up to a hundred, the first few in the message', async () => {
    const error = await failing(Array.from({ length: 300 }, () => ({}))).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'dataset-invalid', facts: { issues: { length: 100 } } })
    expect(String(error)).toMatch(/memory \[4\].*and 95 more \(reading stopped after 100\)/)
  })

  it('an id that stands twice names both places', async () => {
    const folder = await folderWith({ 'a.json': samples[0], 'b.jsonl': `${JSON.stringify(samples[0])}\n` })
    await expect(new Dataset({ source: sampleFiles(folder), ...parts }).identities()).rejects.toMatchObject({
      code: 'dataset-invalid',
      facts: { issues: [{ message: 'the id "a" also appears in a.json', path: 'b.jsonl', position: 'line 1' }] },
    })
  })

  it('none at all is an error that says so', async () => {
    await expect(failing([])).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('no sample'),
    })
  })

  it('a target that no sample has is a wrong name', async () => {
    await expect(failing(samples, { target: 'lable' })).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('"lable"'),
    })
  })

  it('an abort rejects with its reason, untouched', async () => {
    const reason = new Error('enough')
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    await expect(new Dataset({ source: memorySamples(samples), ...parts }).identities(aborted)).rejects.toBe(reason)
    const controller = new AbortController()
    const dataset = await pinned({ source: memorySamples(samples), ...parts }, ['a'])
    const { training } = await dataset.snapshot(callContext({ signal: controller.signal }))
    controller.abort(reason)
    await expect(collect(training)).rejects.toBe(reason)
  })
})

describe('schemas', () => {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    required: ['id'],
    additionalProperties: false,
    properties: {
      id: { type: 'string' },
      text: { type: 'string' },
      label: { enum: ['ham', 'spam'] },
      at: { format: 'date' },
    },
  }
  const broken = [{ text: 1, label: 'egg', at: 'today', more: true }]
  const failing = (options: { schema: Options['schema'] }) =>
    new Dataset({ source: memorySamples(broken), ...parts, ...options }).identities()

  it('JSON Schema names every violation by pointer', async () => {
    await expect(failing({ schema })).rejects.toMatchObject({
      facts: {
        issues: [
          { message: "must have required property 'id'" },
          { message: 'must NOT have additional properties ("more")' },
          { message: '/text must be string' },
          { message: '/label must be equal to one of the allowed values ("ham", "spam")' },
          { message: '/at must match format "date"' },
        ],
      },
    })
  })

  it('JSON Schema is read from a file, and stands in the description', async () => {
    const folder = await folderWith({
      'mail.json': schema,
      'broken.json': '{"type": }',
      'wrong.json': { type: 'objekt' },
      'list.json': [],
    })
    const file = (name: string) => jsonSchemaFile(join(folder, name))
    await expect(failing({ schema: file('mail.json') })).rejects.toMatchObject({ facts: { issues: { length: 5 } } })
    await expect(failing({ schema: file('broken.json') })).rejects.toMatchObject({
      code: 'invalid-config',
      facts: { line: 1, column: 10 },
    })
    await expect(failing({ schema: file('wrong.json') })).rejects.toMatchObject({ code: 'invalid-config' })
    await expect(failing({ schema: file('list.json') })).rejects.toMatchObject({ code: 'invalid-config' })
    await expect(failing({ schema: file('none.json') })).rejects.toMatchObject({ code: 'invalid-config' })
    const dataset = new Dataset({
      source: memorySamples([{ id: 'a', text: 'b' }]),
      schema: file('mail.json'),
      input: 'text',
    })
    await dataset.identities()
    expect(dataset.describe()).toMatchObject({ schema })
  })

  it('a keyword that JSON Schema does not know is logged', async () => {
    const said: string[] = []
    const log = { debug() {}, info() {}, warn: (message: string) => void said.push(message) }
    const dataset = new Dataset({ source: memorySamples(samples), schema: { requierd: ['id'] }, input: 'text' })
    await dataset.identities(callContext({ log }))
    expect(said.join()).toMatch(/requierd/)
  })

  it('any Standard Schema, synchronous or not', async () => {
    const strict = z.object({ text: z.string(), label: z.object({ name: z.string() }).optional() })
    await expect(failing({ schema: strict })).rejects.toMatchObject({
      facts: {
        issues: [{ message: expect.stringMatching(/^\/text /) }, { message: expect.stringMatching(/^\/label /) }],
      },
    })
    const slow = z.object({ text: z.string().refine(async (text) => text !== 'text b', 'too long') })
    const dataset = new Dataset({ source: memorySamples(samples), schema: slow, input: 'text' })
    await expect(dataset.identities()).rejects.toMatchObject({
      facts: { issues: [{ position: '[1]', message: '/text too long' }] },
    })
  })
})

describe('the evaluation set', () => {
  const source = memorySamples(samples)

  it('must be pinned, and the error says how', async () => {
    const remedy = { code: 'dataset-invalid', message: expect.stringContaining('sheikh evaluation pin') }
    await expect(new Dataset({ source, ...parts }).snapshot(context)).rejects.toMatchObject(remedy)
    const evaluation = pinnedFile(join(await folderWith(), 'evaluation.json'))
    await expect(new Dataset({ source, ...parts, evaluation }).snapshot(context)).rejects.toMatchObject(remedy)
  })

  it('an edited or deleted item is named with its place', async () => {
    const identities = await new Dataset({ source, ...parts }).identities()
    const changed = [{ ...samples[0], text: 'other' }, ...samples.slice(2)]
    const dataset = new Dataset({ source: memorySamples(changed), ...parts, evaluation: pin(identities.slice(0, 2)) })
    await expect(dataset.snapshot(context)).rejects.toMatchObject({
      code: 'dataset-changed',
      message: expect.stringMatching(/edited: "a in memory \[0\]"; deleted: "b"/),
      facts: { edited: [{ id: 'a', path: 'memory', position: '[0]' }], deleted: ['b'] },
    })
  })

  it('later rows of a pinned group are set aside, counted and listed', async () => {
    const more = [...samples, { id: 'e', text: 'late', label: 'ham', thread: 't1' }]
    const identities = await new Dataset({ source, ...parts, group: 'thread' }).identities()
    const dataset = new Dataset({
      source: memorySamples(more),
      ...parts,
      group: 'thread',
      evaluation: pin([identities[1]!]),
    })
    const { summary, training } = await dataset.snapshot(context)
    expect(summary.counts).toEqual({ rows: 5, training: 3, evaluation: 1, excludedByGroup: 1 })
    expect(summary.excludedByGroupIds).toEqual(['e'])
    expect((await collect(training)).map(({ id }) => id)).toEqual(['a', 'c', 'd'])
  })

  it('no side may be empty', async () => {
    const all = await pinned({ source, ...parts }, ['a', 'b', 'c', 'd'])
    await expect(all.snapshot(context)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('training part is empty'),
    })
    const none = await pinned({ source, ...parts }, [])
    await expect(none.snapshot(context)).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('evaluation set is empty'),
    })
  })

  it('warns if no row has the group or a slice that the options name', async () => {
    const plain = [1, 2, 3].map((number) => ({ id: String(number), text: `text ${number}`, label: 'ham', lang: 'en' }))
    const warningsOf = async (group: string, slices: readonly string[]) => {
      const options = { source: memorySamples(plain), ...parts, group, slices } as object as typeof parts
      return (await (await pinned({ source: memorySamples(plain), ...options }, ['1'])).snapshot(context)).summary
        .warnings
    }
    expect(await warningsOf('thraed', ['lang', 'lnag'])).toEqual([
      { code: 'absent-group', message: expect.stringContaining('No row has the group "thraed"'), ids: [] },
      { code: 'absent-slice', message: expect.stringContaining('No row has the slice "lnag"'), ids: [] },
    ])
    expect(await warningsOf('text', ['lang'])).toEqual([])
  })

  it('warns of what a person should look at', async () => {
    const odd = [
      { id: 'a', text: 'same', label: 'ham', thread: 'x' },
      { id: 'b', text: 'same', label: 'ham', thread: 'y' },
      { id: 'c', text: 'one', label: 'ham', thread: 'z' },
      { id: 'd', text: 'two', label: 'spam', thread: 'z' },
      { id: 'e', text: 'three', thread: 'w' },
    ]
    const dataset = await pinned({ source: memorySamples(odd), ...parts, group: 'thread' }, ['a'])
    expect((await dataset.snapshot(context)).summary.warnings).toEqual([
      { code: 'missing-target', message: '1 row has no target.', ids: ['e'] },
      { code: 'conflicting-targets', message: expect.stringContaining('2 rows'), ids: ['c', 'd'] },
      { code: 'shared-input', message: expect.stringContaining('training row'), ids: ['a'] },
    ])
  })

  it('does not care which of the other rows are learned from', async () => {
    const folders = samples.map((sample, index) => ({ ...sample, category: index < 2 ? 'mail' : 'web' }))
    const options = { source: memorySamples(folders), ...parts, slices: ['category'] } as const
    const of = async (training: Options['training']) => {
      const dataset = await pinned({ ...options, training } as Options, ['a'])
      const { summary, training: rows } = await dataset.snapshot(context)
      return { summary, ids: (await collect(rows)).map(({ id }) => id) }
    }
    const all = await of(undefined)
    expect(all.ids).toEqual(['b', 'c', 'd'])
    expect(all.summary.counts).not.toHaveProperty('leftOut')
    const web = await of({ slices: { category: ['web'] } })
    expect(web.ids).toEqual(['c', 'd'])
    expect(web.summary.counts).toEqual({ rows: 4, training: 2, evaluation: 1, excludedByGroup: 0, leftOut: 1 })
    expect(web.summary.evaluationDigest).toBe(all.summary.evaluationDigest)
    const both = await of({ slices: { category: ['web', 'chat'] }, maximumRows: 1 })
    expect(both.summary.counts).toMatchObject({ training: 1, leftOut: 2 })
    expect(both.summary.warnings).toEqual([
      { code: 'absent-slice', ids: [], message: 'No row is in category=chat, which is selected for training.' },
    ])
    await expect(of({ slices: { category: ['chat'] } })).rejects.toMatchObject({
      code: 'dataset-invalid',
      message: expect.stringContaining('or not selected for training'),
    })
    for (const maximumRows of [0, -1, 1.5, Number.NaN])
      await expect(of({ maximumRows })).rejects.toMatchObject({ code: 'invalid-options' })
  })

  it('some of the rows are the same ones as long as there are no better, and new samples push out few', async () => {
    const of = async (count: number, maximumRows: number) => {
      const many = Array.from({ length: count }, (_, index) => ({ ...samples[0]!, id: `s${index}`, text: `${index}` }))
      const dataset = await pinned({ source: memorySamples(many), ...parts, training: { maximumRows } }, ['s0'])
      return new Set((await dataset.snapshot(context)).trainingRows.map(({ id }) => id))
    }
    const [first, more, fewer, grown] = [await of(401, 100), await of(401, 200), await of(401, 50), await of(441, 100)]
    expect([first.size, more.size, fewer.size, grown.size]).toEqual([100, 200, 50, 100])
    expect([...fewer].every((id) => first.has(id)) && [...first].every((id) => more.has(id))).toBe(true)
    // A tenth more samples take a tenth of the places, give or take.
    const kept = [...first].filter((id) => grown.has(id)).length
    expect(kept).toBeGreaterThan(75)
    expect(kept).toBeLessThan(100)
  })

  it('targets that are no labels are not counted as such', async () => {
    const numbers = samples.map((sample, index) => ({ ...sample, label: index }))
    const dataset = await pinned({ source: memorySamples(numbers), ...parts }, ['a'])
    expect((await dataset.snapshot(context)).summary.labels).toBeUndefined()
  })
})

describe('the cache', () => {
  const options = (source: Source) => ({ source, ...parts, group: 'thread', sliceByFolder: 'kind' })
  const files = Object.fromEntries(samples.map((sample) => [`${sample.label}/${sample.id}.json`, sample]))

  it('unchanged files are not read, and give the same summary', async () => {
    const source = counting(sampleFiles(await folderWith(files)))
    const cache = memoryDocuments()
    const dataset = await pinned(options(source), ['a', 'b'])
    const first = await dataset.snapshot({ ...later(), cache })
    source.reads.length = 0
    const second = await dataset.snapshot({ ...later(), cache })
    expect(source.reads).toEqual([])
    expect(cache.writes()).toBe(2)
    expect(second.summary).toEqual(first.summary)
    expect(await collect(second.training)).toEqual(await collect(first.training))
    expect(source.reads).toEqual(['ham/c.json', 'spam/d.json'])
  })

  it('a changed, a new and a deleted file are seen', async () => {
    const folder = await folderWith(files)
    const source = counting(sampleFiles(folder))
    const cache = memoryDocuments()
    const dataset = new Dataset(options(source))
    const before = await dataset.identities({ ...later(), cache })
    source.reads.length = 0
    await addFiles(folder, {
      'ham/a.json': { ...samples[0], text: 'text A' },
      'ham/e.json': { ...samples[0], id: 'e' },
    })
    await touchLater(join(folder, 'ham/a.json'))
    await rm(join(folder, 'ham/c.json'))
    const after = await dataset.identities({ ...later(), cache })
    expect(source.reads.sort()).toEqual(['ham/a.json', 'ham/e.json'])
    expect(after.map(({ id }) => id)).toEqual(['a', 'b', 'd', 'e'])
    expect(after[0]!.digest).not.toBe(before[0]!.digest)
    expect(await dataset.identities()).toEqual(after)
  })

  it('another projection or schema reads again', async () => {
    const source = counting(sampleFiles(await folderWith(files)))
    const context = { ...later(), cache: memoryDocuments() }
    await new Dataset(options(source)).identities(context)
    for (const other of [{ input: 'label' }, { schema: { type: 'object' } }, { version: '2' }]) {
      source.reads.length = 0
      await new Dataset({ ...options(source), ...other }).identities(context)
      expect(source.reads).toHaveLength(4)
    }
  })

  it('functions and Standard Schemas read every sample, unless there is a version', async () => {
    const source = counting(sampleFiles(await folderWith(files)))
    const readsOf = async (dataset: Dataset<unknown, unknown>) => {
      const context = { ...later(), cache: memoryDocuments() }
      await dataset.identities(context)
      source.reads.length = 0
      await dataset.identities(context)
      return source.reads.length
    }
    const schema = z.object({ id: z.string(), text: z.string() })
    expect(await readsOf(new Dataset({ source, input: (s) => s.text }))).toBe(4)
    expect(await readsOf(new Dataset({ source, schema, input: 'text' }))).toBe(4)
    expect(await readsOf(new Dataset({ source, input: (s) => s.text, version: '1' }))).toBe(0)
    expect(await readsOf(new Dataset({ source, schema, input: 'text', version: '1' }))).toBe(0)
    expect(identityOf(new Dataset({ source, schema, input: 'text' }))).toBeUndefined()
    expect(identityOf(new Dataset({ source, input: 'text' }))).toBeDefined()
  })

  it('a file with an issue is read again, and named again', async () => {
    const folder = await folderWith({ ...files, 'ham/x.json': '{' })
    const dataset = new Dataset(options(sampleFiles(folder)))
    const context = { ...later(), cache: memoryDocuments() }
    for (let time = 0; time < 2; time += 1)
      await expect(dataset.identities(context)).rejects.toMatchObject({ facts: { issues: [{ path: 'ham/x.json' }] } })
  })

  it('a file that changes under a snapshot is found out when its rows are read', async () => {
    const folder = await folderWith(files)
    const context = { ...later(), cache: memoryDocuments() }
    const dataset = await pinned(options(sampleFiles(folder)), ['a'])
    await dataset.snapshot(context)
    const { training, evaluation } = await dataset.snapshot(context)
    await addFiles(folder, { 'ham/c.json': { ...samples[2], text: 'poison' } })
    await expect(collect(training)).rejects.toMatchObject({
      code: 'dataset-changed',
      facts: { path: 'ham/c.json', ids: ['c'] },
    })
    await rm(join(folder, 'ham/a.json'))
    await expect(collect(evaluation)).rejects.toMatchObject({
      code: 'dataset-changed',
      facts: { path: 'ham/a.json', ids: ['a'] },
    })
  })

  it('two folders do not take each other for themselves', async () => {
    const context = { ...later(), cache: memoryDocuments() }
    for (const text of ['one', 'two']) {
      const folder = await folderWith()
      await mkdir(join(folder, 'x'))
      await addFiles(folder, { 'x/a.json': { id: 'a', text, label: 'ham' } })
      const [row] = await new Dataset(options(sampleFiles(folder))).identities(context)
      expect(row!.digest).toBe(digestJson({ id: 'a', input: text, target: 'ham', slices: { kind: 'x' } }))
    }
  })
})
