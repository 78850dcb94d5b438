import { describe, expect, it } from 'vitest'
import { callContext, digestJson } from '../../src/core/index.js'
import {
  addToPinnedSet,
  Dataset,
  type DatasetOptions,
  type FieldSelector,
  formatPinnedSet,
  memorySamples,
  type PinnedSet,
  parsePinnedSet,
  pinnedSet,
  pinnedStatus,
  proposePinnedSet,
  repinSet,
  sampleFiles,
  type UntypedSample,
} from '../../src/dataset/index.js'
import { collect, folderWith } from './temporary.js'

type Options = DatasetOptions<UntypedSample, FieldSelector<UntypedSample>, FieldSelector<UntypedSample>>

const context = callContext()
const samples = Array.from({ length: 40 }, (_, index) => ({
  id: `s${index}`,
  text: `first line\nsecond line ${index}`,
  label: index % 2 === 0 ? 'ham' : 'spam',
  other: index % 3 === 0 ? 'x' : 'y',
  author: `a${index % 8}`,
}))
const options: Options = { source: memorySamples(samples), input: 'text', target: 'label' }
const identities = (changed: Partial<Options> = {}) => new Dataset({ ...options, ...changed }).identities()
const pin = async (changed: Partial<Options> = {}, fields?: PinnedSet['fields']) =>
  proposePinnedSet(await identities(changed), { salt: 's', share: 0.3, fields })
const snapshot = (set: PinnedSet, changed: Partial<Options> = {}) =>
  new Dataset({ ...options, ...changed, evaluation: pinnedSet(set) }).snapshot(context)
const decided = { reason: 'labels corrected', by: 'Ann', atMs: 5 }

describe('what is pinned is the sample as people wrote it', () => {
  it.each<[string, Partial<Options>]>([
    ['a prompt', { input: (sample: { text: string }) => `Ticket: ${sample.text}` }],
    ['slices', { slices: ['other'] }],
    ['a target', { target: 'other' }],
    ['a schema', { schema: { type: 'object', required: ['text'] } }],
    ['line endings', { source: memorySamples(samples.map((s) => ({ ...s, text: s.text.replace('\n', '\r\n') }))) }],
    ['the order of fields', { source: memorySamples(samples.map(({ id, ...rest }) => ({ ...rest, id }))) }],
    ['the order of samples', { source: memorySamples([...samples].reverse()) }],
  ])('%s may change', async (_, changed) => {
    const set = await pin()
    const { summary } = await snapshot(set, changed)
    expect(summary.counts.evaluation).toBe(set.items.length)
    expect(pinnedStatus(set, await identities(changed))).toMatchObject({ edited: [], deleted: [] })
  })

  it('any field of the sample is pinned, also one that no setting uses', async () => {
    const set = await pin()
    const { id } = set.items[0]!
    const source = memorySamples(samples.map((s) => (s.id === id ? { ...s, other: 'z' } : s)))
    await expect(snapshot(set, { source })).rejects.toMatchObject({
      code: 'dataset-changed',
      facts: { edited: [{ id }] },
    })
  })

  it('a setting that asks another question or another answer is named', async () => {
    const set = await pin({}, { input: 'text', target: 'label' })
    expect((await snapshot(set)).summary.warnings).toEqual([])
    expect((await snapshot(set, { target: 'other' })).summary.warnings).toEqual([
      {
        code: 'evaluation-setting-changed',
        message:
          'The setting "target" was "label" when the evaluation set was pinned, and is now "other": models are judged on a different answer.',
        ids: [],
      },
    ])
  })
})

describe('training and evaluation stay apart', () => {
  it('a group that a setting adds after pinning is kept apart', async () => {
    const none = proposePinnedSet([], { salt: 's', share: 0.3 })
    const set = addToPinnedSet(none, ['s0', 's3'], await identities())
    const { training, heldOut } = await snapshot(set, { group: 'author' })
    const learned = new Set((await collect(training)).map(({ group }) => group))
    expect(heldOut).toHaveLength(10)
    expect(heldOut.some(({ group }) => learned.has(group))).toBe(false)
  })

  it.each([
    ['removed', undefined, 'none'],
    ['replaced', 'other', '"[xy]"'],
  ])('a group setting that is %s is an error that names it', async (_, group, now) => {
    const set = await pin({ group: 'author' }, { group: 'author' })
    await expect(snapshot(set, { group })).rejects.toMatchObject({
      code: 'dataset-changed',
      message: expect.stringMatching(new RegExp(`"group" changed from "author".*now ${now}.*evaluation repin`)),
      facts: { setting: 'group' },
    })
  })
})

describe('repinSet', () => {
  it('accepts the present content, drops what is gone, and records why', async () => {
    const set = await pin()
    const [edited, gone] = set.items.map(({ id }) => id)
    const source = memorySamples(
      samples.filter(({ id }) => id !== gone).map((s) => (s.id === edited ? { ...s, label: 'other' } : s)),
    )
    const { set: next, repin } = repinSet(set, await identities({ source }), decided)
    expect(repin).toEqual({ ...decided, changed: 1, removed: [gone] })
    expect(next.repins).toEqual([repin])
    expect(next.items.map(({ id }) => id)).toEqual(set.items.map(({ id }) => id).filter((id) => id !== gone))
    expect(parsePinnedSet(JSON.parse(formatPinnedSet(next)))).toEqual(next)
    expect((await snapshot(next, { source })).summary.counts.evaluation).toBe(next.items.length)
  })

  it('takes over new groups', async () => {
    const set = await pin({ group: 'author' })
    const { set: next } = repinSet(set, await identities({ group: 'other' }), {
      ...decided,
      fields: { group: 'other' },
    })
    expect(next.fields).toEqual({ group: 'other' })
    await expect(snapshot(next, { group: 'other' })).rejects.toMatchObject({
      message: expect.stringContaining('training part is empty'),
    })
  })

  it.each([
    ['no reason', { ...decided, reason: ' ' }, 'invalid-options'],
    ['no name', { ...decided, by: '' }, 'invalid-options'],
  ])('%s is refused', async (_, now, code) => {
    const [set, rows] = [await pin(), await identities()]
    expect(() => repinSet(set, rows, now)).toThrow(expect.objectContaining({ code }))
  })

  it('a set of which no sample is left is refused', async () => {
    const set = await pin()
    expect(() => repinSet(set, [], decided)).toThrow(expect.objectContaining({ code: 'dataset-changed' }))
  })

  it('brings format 1, which pins rows, to format 2', async () => {
    const rows = await identities()
    const items = rows.slice(0, 3).map(({ id, digest }) => ({ id, digest }))
    const old: PinnedSet = { formatVersion: 1, salt: 's', purpose: 'p', share: 0.5, items }
    expect((await snapshot(old)).summary.counts.evaluation).toBe(3)
    await expect(snapshot(old, { slices: ['other'] })).rejects.toMatchObject({
      code: 'dataset-changed',
      message: expect.stringMatching(/format 1, which also pins prompts and settings.*evaluation repin/),
    })
    const { set } = repinSet(old, await identities({ slices: ['other'] }), decided)
    expect(set.formatVersion).toBe(2)
    expect((await snapshot(set, { slices: ['other'] })).summary.counts.evaluation).toBe(3)
  })
})

describe('samples without an id', () => {
  const header = 'text,label\n'
  const lines = Array.from({ length: 20 }, (_, index) => `text ${index},${index % 2 === 0 ? 'ham' : 'spam'}\n`)
  const rowsOf = async (files: Record<string, unknown>) =>
    new Dataset({ ...options, source: sampleFiles(await folderWith(files)) }).identities()

  it('have an id of their content: lines may be added and moved', async () => {
    const before = await rowsOf({ 'a.csv': header + lines.join('') })
    const after = await rowsOf({ 'a.csv': `${header}new,ham\n${[...lines].reverse().join('')}` })
    expect(after.filter(({ id }) => before.some((row) => row.id === id))).toEqual(before)
    expect(after).toHaveLength(21)
  })

  it.each([
    ['JSONL', 'a.jsonl', (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')],
    ['a JSON list', 'a.json', (rows: readonly object[]) => JSON.stringify(rows)],
  ])('the same holds for %s', async (_, path, write) => {
    const rows = lines.map((_, index) => ({ text: `text ${index}`, label: 'ham' }))
    const before = await rowsOf({ [path]: write(rows) })
    expect(await rowsOf({ [path]: write([...rows].reverse()) })).toEqual(before)
  })

  it('copies are numbered, and belong to the group of the first', async () => {
    const rows = await rowsOf({ 'a.csv': `${header}x,ham\ny,ham\nx,ham\nx,ham\n` })
    const first = `a.csv#${digestJson({ text: 'x', label: 'ham' }).slice(7, 23)}`
    const copies = rows.filter(({ id }) => id.startsWith(first)).map(({ id, group }) => ({ id, group }))
    expect(copies).toEqual([{ id: first }, { id: `${first}~2`, group: first }, { id: `${first}~3`, group: first }])
    const { items } = proposePinnedSet(rows, { salt: '1', share: 0.5 })
    expect([0, 3]).toContain(items.filter(({ id }) => id.startsWith(first)).length)
  })

  it('values that JSON cannot hold keep their place as id', async () => {
    const dates = [{ at: new Date(1) }, { at: new Date(2) }]
    const rows = await new Dataset({
      source: memorySamples(dates),
      input: (sample: { at: Date }) => sample.at.getTime(),
    }).identities()
    expect(rows.map(({ id }) => id)).toEqual(['memory#[0]', 'memory#[1]'])
  })
})
