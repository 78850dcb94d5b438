import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext, digestBytes, merkleRoot } from '../../src/core/index.js'
import { keepLabels, releasedLabels } from '../../src/pipeline/released-labels.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { temporaryFolder } from '../repository/harness.js'
import { world } from './harness.js'

const context = callContext()
const rows = ['a', 'b', 'c', 'd'].map((id, index) => ({
  ...{ id, digest: digestBytes(id), sampleDigest: digestBytes(id), path: 'x', position: '' },
  ...{ slices: {}, label: index % 2 === 0 ? 'one' : 'other' },
}))
const fingerprint = merkleRoot(rows.map(({ digest }) => digest))
const dataset = { fingerprint, labels: { training: { one: 2, other: 2 }, evaluation: {} }, slices: {} }
const released = { bundle: digestBytes('bundle'), record: { commit: 'abc', dataset } } as never
// A rollback has no commit.
const release = { bundle: digestBytes('bundle'), record: { restoredFrom: '0.1.0', dataset } } as never
const imported = { bundle: digestBytes('bundle'), record: { commit: 'def', dataset, importedFrom: { from: 'x' } } }
const other = { bundle: digestBytes('other'), record: { commit: '123', dataset } }
const releaser = {
  async *history() {
    yield* [release, imported, other, released]
  },
} as never

it('the labels of a release are kept again after the store has lost them', async () => {
  const folder = temporaryFolder()
  const store = directoryStore(folder)
  let asked = 0
  const labelsAtCommit = async (commit: string) => {
    expect(commit).toBe('abc')
    asked += 1
    return rows
  }
  const sources = { store, runId: 'run', labelsAtCommit: labelsAtCommit as never }
  const read = async () =>
    [...(await releasedLabels(sources, release, releaser, context))!].map(({ id, label }) => [id, label])
  await keepLabels(sources, fingerprint, rows, context)
  const expected = await read()
  expect(expected).toEqual(rows.map(({ id, label }) => [id, label]))
  expect(asked).toBe(0)
  rmSync(join(folder, 'objects'), { recursive: true })
  for (let time = 0; time < 2; time += 1) expect(await read()).toEqual(expected)
  expect(asked).toBe(1)
})

it('a run does not read the tokenizer of a limit that is off', async () => {
  const { pipeline } = world()
  const refuse = async () => {
    throw new Error('read')
  }
  const counter = { name: 'tokens', digest: refuse, open: refuse }
  const quality = { tokenLimit: { action: 'off', counter } } as const
  expect((await pipeline(undefined, { quality }).run()).status).toBe('released')
})
