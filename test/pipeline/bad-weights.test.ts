import { mkdtempSync } from 'node:fs'
import { readFile, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, SheikhError } from '../../src/core/index.js'
import type { Stage } from '../../src/pipeline/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import type { Trainer } from '../../src/trainer/index.js'
import { rawFile } from '../model/files.js'
import { world } from './harness.js'

/** A trainer whose weights somebody damages before it hands them over. */
function damaging(damage: (directory: string) => Promise<void>): Trainer<string, string> {
  const trainer = fakeTrainer({ version: 'damaged' })
  return {
    ...trainer,
    async fit(request, context) {
      const candidate = await trainer.fit(request, context)
      await damage(candidate.weights.path)
      return candidate
    },
  }
}

const weights = 'model.safetensors'
const tensor = (begin: number, end: number) => ({ dtype: 'F32', shape: [2], data_offsets: [begin, end] })
const write = (content: Buffer) => (directory: string) => writeFile(join(directory, weights), content)

const damages: readonly (readonly [string, (directory: string) => Promise<void>, RegExp])[] = [
  ['truncated', (directory) => truncate(join(directory, weights), 20), /model\.safetensors/],
  [
    'with a header of 2 GB',
    async (directory) => {
      const content = await readFile(join(directory, weights))
      content.writeBigUInt64LE(2n ** 31n)
      await writeFile(join(directory, weights), content)
    },
    /header/,
  ],
  [
    'with tensors that overlap',
    write(rawFile(JSON.stringify({ a: tensor(0, 8), b: tensor(4, 12) }), Buffer.alloc(12))),
    /overlap/,
  ],
  [
    'with a NaN inside',
    write(rawFile(JSON.stringify({ a: tensor(0, 8) }), Buffer.from(Float32Array.of(1, Number.NaN).buffer))),
    /not finite/,
  ],
  [
    'that are a pickle renamed',
    // pickle.dumps({'w': [1.0]}, protocol=2)
    write(Buffer.from('80027d71005800000001000000777101', 'hex')),
    /model\.safetensors/,
  ],
  [
    'with a pickle beside them, under an innocent name',
    (directory) => writeFile(join(directory, 'notes.txt'), Buffer.from("cos\nsystem\n(S'true'\ntR.")),
    /notes\.txt.*pickle/,
  ],
]

describe('weights are never released', () => {
  it.each(damages)('%s', async (_, damage, said) => {
    const { pipeline, releaser } = world()
    const released = await pipeline().run()
    expect(released.status).toBe('released')
    const result = await pipeline(undefined, { trainer: damaging(damage) }).run()
    expect(result).toMatchObject({ status: 'held', reason: 'fail' })
    const findings = result.status === 'held' && result.reason === 'fail' ? result.verdict.findings : []
    expect(findings.find(({ check }) => check === 'weight-integrity')).toMatchObject({
      status: 'fail',
      reason: expect.stringMatching(said),
    })
    expect((await releaser.current('latest', callContext()))?.version).toBe('0.1.0')
  })

  it('a link that leaves the folder is refused before anything is read through it', async () => {
    const { pipeline } = world()
    const trainer = damaging((directory) => symlink('/etc/hostname', join(directory, 'hostname')))
    await expect(pipeline(undefined, { trainer }).run()).rejects.toSatisfy(
      (error) => error instanceof SheikhError && error.code === 'artifact-corrupt' && /hostname/.test(error.message),
    )
  })
})

it.each([
  ['in memory', () => ({ store: memoryStore(), releaser: memoryRegistry() })],
  [
    'in folders',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'sheikh-weights-'))
      return { store: directoryStore(join(folder, 'store')), releaser: directoryRegistry(join(folder, 'releases')) }
    },
  ],
])('weights that change after they were judged are not published (%s)', async (_, where) => {
  const meddle: Stage = {
    contract: 1,
    name: 'meddle',
    describe: () => null,
    reads: ['candidate', 'verdict'],
    // In place: whatever shares the file sees it.
    run: async ({ candidate }) => writeFile(join(candidate!.files, 'config.json'), '{}'),
  }
  const { pipeline } = world()
  const p = pipeline(undefined, { ...where(), stages: [meddle] })
  await expect(p.run()).rejects.toMatchObject({ code: 'artifact-corrupt' })
  expect(await p.history()).toEqual([])
})
