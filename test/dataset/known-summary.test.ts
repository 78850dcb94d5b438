import { rename, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import {
  Dataset,
  type DatasetOptions,
  memorySamples,
  pinnedSet,
  proposePinnedSet,
  type Source,
  sampleFiles,
} from '../../src/dataset/index.js'
import { addFiles, collect, folderWith, later, memoryDocuments } from './temporary.js'

const sample = (id: string, text: string) => ({ id, text, label: id < 's3' ? 'one' : 'two' })
const files = Object.fromEntries(
  Array.from({ length: 8 }, (_, index) => [`part/${index}.json`, sample(`s${index}`, `text ${index}`)]),
)
type Options = Partial<DatasetOptions<{ id: string; text: string; label: string }, 'text', 'label'>>

async function evaluationOf(source: Source) {
  const identities = await new Dataset({ source, input: 'text', target: 'label' }).identities(later())
  return pinnedSet(proposePinnedSet(identities, { salt: 'test', share: 0.3 }))
}

/** A folder, and documents that tell which of them were read. */
async function place(content: Readonly<Record<string, unknown>> = files) {
  const folder = await folderWith(content)
  const source = sampleFiles(folder)
  const evaluation = await evaluationOf(source)
  const documents = memoryDocuments()
  const asked: string[] = []
  const cache = {
    ...documents,
    read: (name: string) => {
      asked.push(name)
      return documents.read(name)
    },
  }
  const datasetOf = (options: Options = {}) =>
    new Dataset({ source, input: 'text', target: 'label', evaluation, ...options } as never)
  /** Whether rows were loaded, and the summary. */
  const open = async (options: Options = {}, context = later()) => {
    asked.length = 0
    const opened = await datasetOf(options).open({ ...context, cache })
    return { ...opened, isKnown: asked.length > 0 && asked.every((name) => name.startsWith('dataset-summary-')) }
  }
  return { folder, open, datasetOf, asked }
}

describe('the summary of samples that did not change', () => {
  it('is known without loading a row', async () => {
    const { open, datasetOf } = await place()
    expect((await open()).isKnown).toBe(false)
    const { isKnown, summary } = await open()
    expect(isKnown).toBe(true)
    expect(summary).toEqual((await datasetOf().snapshot(callContext())).summary)
  })

  it('comes with the rows for whoever needs them', async () => {
    const { open } = await place()
    const first = await (await open()).snapshot()
    const again = await open()
    const snapshot = await again.snapshot()
    expect(again.isKnown).toBe(true)
    expect(await collect(snapshot.training)).toEqual(await collect(first.training))
    expect(snapshot.summary).toEqual(again.summary)
  })

  it.each<[string, (folder: string) => Promise<unknown>]>([
    ['edited', (folder) => addFiles(folder, { 'part/5.json': sample('s5', 'text 6') })],
    [
      'edited, and given its former time',
      async (folder) => {
        const past = new Date(1_700_000_000_000)
        await addFiles(folder, { 'part/5.json': sample('s5', 'text 6') })
        await utimes(join(folder, 'part/5.json'), past, past)
      },
    ],
    ['added', (folder) => addFiles(folder, { 'part/9.json': sample('s9', 'text 9') })],
    ['renamed', (folder) => rename(join(folder, 'part/5.json'), join(folder, 'part/55.json'))],
    [
      'put in place of another',
      async (folder) => {
        await rename(join(folder, 'part/5.json'), join(folder, 'kept'))
        await rename(join(folder, 'part/6.json'), join(folder, 'part/5.json'))
        await rename(join(folder, 'kept'), join(folder, 'part/6.json'))
      },
    ],
    ['added, of a kind that is not read', (folder) => addFiles(folder, { 'part/notes.docx': 'x' })],
  ])('is made again if a file is %s', async (_, change) => {
    const { folder, open, datasetOf } = await place()
    // A time that is set back must not be the only thing that tells.
    const past = new Date(1_700_000_000_000)
    await utimes(join(folder, 'part/5.json'), past, past)
    await open()
    expect((await open()).isKnown).toBe(true)
    await change(folder)
    const { isKnown, summary } = await open()
    expect(isKnown).toBe(false)
    expect(summary).toEqual((await datasetOf().snapshot(callContext())).summary)
  })

  it('is made again if a file is removed', async () => {
    const { folder, open } = await place({ ...files, 'part/extra.json': sample('s10', 'more') })
    await open()
    const pinned = (await (await open()).snapshot()).heldOut.map(({ id }) => id)
    const gone = ['0', '1', '2', '3', '4'].find((name) => !pinned.includes(`s${name}`))!
    await rm(join(folder, `part/${gone}.json`))
    const { isKnown, summary } = await open()
    expect(isKnown).toBe(false)
    expect(summary.counts.rows).toBe(8)
  })

  it.each<[string, Options]>([
    ['the projection', { input: 'label' as never }],
    ['the schema', { schema: { type: 'object' } }],
    ['the share for development', { developmentShare: 0.4 }],
    ['the choice of training rows', { training: { maximumRows: 2 } }],
    ['the version', { version: 'second' }],
  ])('is made again under other settings: %s', async (_, options) => {
    const { open } = await place()
    await open()
    expect((await open()).isKnown).toBe(true)
    expect((await open(options)).isKnown).toBe(false)
  })

  it('is made again for another evaluation set', async () => {
    const { folder, open } = await place()
    const { summary } = await open()
    const identities = await new Dataset({ source: sampleFiles(folder), input: 'text', target: 'label' }).identities()
    const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'other', share: 0.6 }))
    const other = await open({ evaluation })
    expect(other.isKnown).toBe(false)
    expect(other.summary.evaluationDigest).not.toBe(summary.evaluationDigest)
  })

  it('is not kept while a file is so new that a second edit might not show', async () => {
    const { folder, open } = await place()
    await addFiles(folder, { 'part/5.json': sample('s5', 'text 6') })
    const now = callContext({ clock: { nowMs: () => Date.now() } })
    await open({}, now)
    expect((await open({}, now)).isKnown).toBe(false)
  })

  it('is not kept for functions without a version, and for sources without stamps', async () => {
    const { open } = await place()
    const read = { input: (({ text }: { text: string }) => text) as never }
    await open(read)
    expect((await open(read)).isKnown).toBe(false)
    const source = memorySamples(Object.values(files))
    const memory = { source, evaluation: await evaluationOf(source) }
    await open(memory)
    expect((await open(memory)).isKnown).toBe(false)
  })

  it('does not vouch for rows that changed before they are read', async () => {
    const { folder, datasetOf } = await place()
    const cache = memoryDocuments()
    await datasetOf().open({ ...later(), cache })
    const opened = await datasetOf().open({ ...later(), cache: { ...cache, read: onlySummaries(cache.read) } })
    await addFiles(folder, { 'part/5.json': sample('s5', 'text 6'), 'part/6.json': sample('s6', 'text 5') })
    await expect(opened.snapshot()).rejects.toMatchObject({ code: 'dataset-changed' })
  })
})

/** The document of rows is lost, so that every file is read. */
const onlySummaries =
  <V>(read: (name: string) => Promise<V>) =>
  async (name: string) =>
    name.startsWith('dataset-summary-') ? read(name) : (undefined as V)
