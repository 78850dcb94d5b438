import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../../src/core/index.js'
import { loadSnapshot } from '../../../src/dataset/features/feature-snapshot.js'
import { snapshotReader } from '../../../src/dataset/features/snapshot-reader.js'
import { Dataset, joinFeatures, memorySamples, sampleFiles, withFeatures } from '../../../src/dataset/index.js'
import { sourceContract } from '../../../src/testing/source-contract.js'
import { addFiles, folderWith, later, memoryDocuments } from '../temporary.js'

const rows = [
  { driver: 1, t: '2026-01-01T00:00:00Z', rate: 0.5 },
  { driver: 2, t: '2026-01-01T00:00:00Z', rate: null },
]
const samples = ['a', 'b', 'c'].map((id, index) => ({
  ...{ id, text: `text ${id}`, label: id, driver: index + 1 },
  at: '2026-01-02T00:00:00Z',
}))
const lines = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('')

/** A folder with samples, and the snapshot of their features. */
async function joined() {
  const folder = await folderWith({ 'rows.jsonl': lines(rows), 'samples/all/x.jsonl': lines(samples) })
  const source = sampleFiles(join(folder, 'samples'))
  const features = {
    timestamp: 'at',
    views: [
      {
        ...{ name: 'v', files: [join(folder, 'rows.jsonl')], entities: { driver: 'driver' } },
        ...{ timestamp: 't', features: { rate: 'rate' } },
      },
    ],
  }
  const snapshot = join(folder, 'features.jsonl')
  const update = async () => writeFile(snapshot, (await joinFeatures(source, features)).text)
  await update()
  return { folder, source, join: features, snapshot, update }
}

describe('samples with features are a source:', () => {
  sourceContract(it, async () => {
    const { source, snapshot, join: features } = await joined()
    return {
      source: withFeatures(source, { snapshot, join: features }),
      samples: samples.map((sample, index) => ({ ...sample, rate: index === 0 ? 0.5 : null })),
      dispose: async () => {},
    }
  })
})

const datasetOf = ({ source, snapshot, join: features }: Awaited<ReturnType<typeof joined>>) =>
  new Dataset({
    source: withFeatures(source, { snapshot, join: features }),
    ...{ input: 'text', target: 'label', slices: ['rate'], version: '1' },
  })

describe('samples with features', () => {
  it('have other digests if a feature changed, although their files did not', async () => {
    const parts = await joined()
    const cache = memoryDocuments()
    const identities = () => datasetOf(parts).identities({ ...later(), cache })
    const before = await identities()
    expect(await identities()).toEqual(before)
    await addFiles(parts.folder, { 'rows.jsonl': lines([{ ...rows[0]!, rate: 0.75 }, rows[1]]) })
    // The store changed and the snapshot did not.
    expect(await identities()).toEqual(before)
    await parts.update()
    const after = await identities()
    expect(after.map(({ id, sampleDigest }, index) => [id, sampleDigest === before[index]!.sampleDigest])).toEqual([
      ['a', false],
      ['b', true],
      ['c', true],
    ])
    expect(after[0]!.digest).not.toBe(before[0]!.digest)
  })

  it('come from a file that is read once, unless it changed', async () => {
    const parts = await joined()
    let reads = 0
    const read = snapshotReader(parts.snapshot, async (path) => {
      reads += 1
      return loadSnapshot(path)
    })
    const now = callContext()
    // A file that was written just now may change again without another time.
    await read(callContext({ clock: { nowMs: () => Date.now() - 60_000 } }))
    await read(callContext({ clock: { nowMs: () => Date.now() - 60_000 } }))
    expect(reads).toBe(2)
    const [one, other] = await Promise.all([read(later()), read(later())])
    expect((await read(now)).digest).toBe(one!.digest)
    expect(other!.digest).toBe(one!.digest)
    expect(reads).toBeLessThanOrEqual(4)
    const before = reads
    await read(later())
    expect(reads).toBe(before)
    await writeFile(parts.snapshot, (await readFile(parts.snapshot, 'utf8')).replace('0.5', '0.6'))
    expect((await read(later())).digest).not.toBe(one!.digest)
    await rm(parts.snapshot)
    await expect(read(later())).rejects.toThrow('it does not exist')
    await parts.update()
    expect((await read(later())).digest).toBe(one!.digest)
  })

  it('are the same with the line ends of Windows', async () => {
    const parts = await joined()
    const before = await datasetOf(parts).identities()
    await writeFile(parts.snapshot, (await readFile(parts.snapshot, 'utf8')).replaceAll('\n', '\r\n'))
    expect(await datasetOf(parts).identities()).toEqual(before)
  })

  it.each<[string, (text: string) => string, string]>([
    ['is empty', () => '', 'line 1: it is not JSON'],
    ['is another file', () => '{"a":1}\n', 'its first line does not describe a snapshot'],
    ['is of a later format', (text) => text.replace('"formatVersion":1', '"formatVersion":2'), 'does not describe'],
    ['is cut short', (text) => text.slice(0, -8), 'line 4: it is not JSON'],
    ['lacks a value', (text) => text.replace(',0.5]', ']'), 'line 2 does not have 3 values'],
    ['repeats a line', (text) => text + text.split('\n')[1], 'line 5 repeats the entities and time'],
    [
      'lacks a line',
      (text) => text.replace(/\n\["3".*/, ''),
      'x.jsonl line 3: the snapshot of features has nothing for',
    ],
    ['is a pointer', () => 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n', 'Git LFS pointer'],
  ])('are refused if the snapshot %s', async (_, change, message) => {
    const parts = await joined()
    await writeFile(parts.snapshot, change(await readFile(parts.snapshot, 'utf8')))
    const error = await datasetOf(parts)
      .identities()
      .then(() => undefined)
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'dataset-invalid', message: expect.stringContaining(message) })
  })

  it('are refused if a sample already has the field', async () => {
    const parts = await joined()
    const source = memorySamples(samples.map((sample) => ({ ...sample, rate: 1 })))
    const work = datasetOf({ ...parts, source: source as typeof parts.source }).identities()
    await expect(work).rejects.toThrow('it already has a field "rate", which is a feature')
  })

  it('are refused after a change of the settings, but not of the place of the files', async () => {
    const parts = await joined()
    const [view] = parts.join.views
    const moved = { ...parts.join, views: [{ ...view!, files: ['elsewhere.parquet'] }] }
    expect(await datasetOf({ ...parts, join: moved }).identities(callContext())).toHaveLength(3)
    const older = { ...parts.join, views: [{ ...view!, ttlMs: 1000 }] }
    await expect(datasetOf({ ...parts, join: older }).identities()).rejects.toThrow('joined by other settings')
  })
})
