// A caller that has a snapshot gets everything else about the same samples without another scan.
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { checkQuality, Dataset, pinnedSet, type Source, sampleFiles } from '../../src/dataset/index.js'
import { addFiles, folderWith } from './temporary.js'

const context = callContext()
const sample = (index: number) => ({
  ...{ id: `thread ${Math.floor(index / 2)} part ${index % 2}`, text: `text ${index}`, label: `${index % 2}` },
})

/** A dataset, and how often its source was listed. */
async function counted() {
  const folder = await folderWith(
    Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}.json`, sample(index)])),
  )
  const files = sampleFiles(folder)
  let lists = 0
  const list: Source['list'] = (itsContext) => {
    lists += 1
    return files.list(itsContext)
  }
  const parts = { source: { ...files, list }, input: 'text', target: 'label' } as const
  const items = (await new Dataset(parts).identities()).slice(0, 5)
  const evaluation = pinnedSet({ formatVersion: 1, salt: 's', purpose: 'p', share: 0.1, items })
  const dataset = new Dataset({ ...parts, evaluation })
  lists = 0
  return { folder, dataset, lists: () => lists }
}

it('rows, groups and quality of a snapshot take one scan, and are those of its samples', async () => {
  const { folder, dataset, lists } = await counted()
  const expected = {
    rows: (await dataset.contents(context)).rows,
    groups: await dataset.undeclaredGroups(context),
    quality: await checkQuality(dataset, {}, context),
  }
  const before = lists()
  const snapshot = await dataset.snapshot(context)
  expect((await dataset.contents(context, snapshot)).rows).toEqual(expected.rows)
  expect(await dataset.undeclaredGroups(context, snapshot)).toEqual(expected.groups)
  expect(await checkQuality(dataset, { snapshot }, context)).toEqual(expected.quality)
  expect(lists() - before).toBe(1)
  // Without a snapshot, and with one of another dataset, the samples of now are scanned.
  await addFiles(folder, { 'new.json': { ...sample(0), id: 'new' } })
  const other = await (await counted()).dataset.snapshot(context)
  for (const given of [undefined, other]) expect((await dataset.contents(context, given)).rows).toHaveLength(41)
  expect((await dataset.contents(context, snapshot)).rows).toHaveLength(40)
})

it('a sample that changed since the snapshot is an error when it is read', async () => {
  const { folder, dataset } = await counted()
  const snapshot = await dataset.snapshot(context)
  await addFiles(folder, { '3.json': { ...sample(3), text: 'another text' } })
  const contents = await dataset.contents(context, snapshot)
  await expect(contents.samples(new Set([sample(3).id]))).rejects.toMatchObject({ code: 'dataset-changed' })
})
