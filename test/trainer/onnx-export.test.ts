import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { accuracy } from '../../src/evaluation/index.js'
import { atLeast, qualityGate, weightIntegrity } from '../../src/gate/index.js'
import { float32Of, readSafetensors } from '../../src/model/index.js'
import { Pipeline } from '../../src/pipeline/index.js'
import { directoryRegistry } from '../../src/releaser/directory/index.js'
import { loadRelease } from '../../src/releaser/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-onnx-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const model = () => textClassifier({ epochs: 2, buckets: 2 ** 8 })
const samples = Array.from({ length: 60 }, (_, index) => ({
  id: `s${String(index).padStart(2, '0')}`,
  text: `${index % 2 === 0 ? 'apple pear' : 'bus tram'} ${index}`,
  label: index % 2 === 0 ? 'fruit' : 'vehicle',
}))

async function release(name: string, formats: readonly 'onnx'[]) {
  const options = { source: memorySamples(samples), input: 'text', target: 'label' } as const
  const pinned = proposePinnedSet(await new Dataset(options).identities(), { salt: 'onnx', share: 0.3 })
  const registry = directoryRegistry(join(folder, name))
  const pipeline = new Pipeline<string, string>({
    dataset: new Dataset({ ...options, evaluation: pinnedSet(pinned) }),
    trainer: tfjsTrainer(model(), { export: formats }),
    gate: qualityGate([atLeast(accuracy(), 0.5), weightIntegrity()]),
    releaser: registry,
    store: memoryStore(),
  })
  const result = await pipeline.run()
  if (result.status !== 'released') throw new Error(`not released: ${result.status}`)
  const bundle = join(folder, name, 'bundles', result.release.bundle.replace('sha256:', ''))
  return { registry, weights: bundle, release: result.release }
}

it('is a part of the release, made from the released weights', async () => {
  const first = await release('first', ['onnx'])
  const bytes = await readFile(join(first.weights, 'model.onnx'))
  const { tensors } = await readSafetensors(join(first.weights, 'model.safetensors'), callContext())
  const weights = Object.fromEntries(tensors.map((tensor) => [tensor.name, float32Of(tensor)]))
  const config = JSON.parse(await readFile(join(first.weights, 'config.json'), 'utf8'))
  expect(Buffer.from(model().onnx!(config, weights)).equals(bytes)).toBe(true)

  const second = await release('second', ['onnx'])
  expect(second.release.bundle).toBe(first.release.bundle)
  const without = await release('without', [])
  expect(without.release.bundle).not.toBe(first.release.bundle)
  expect(await readFile(join(without.weights, 'model.safetensors'))).toEqual(
    await readFile(join(first.weights, 'model.safetensors')),
  )
  await expect(readFile(join(without.weights, 'model.onnx'))).rejects.toThrow('ENOENT')

  const trainer = tfjsTrainer(model())
  await using loaded = await loadRelease(first.registry, { trainer })
  expect((await loaded.predict(['a pear']))[0]).toMatchObject({ label: 'fruit' })
  await appendFile(join(second.weights, 'model.onnx'), 'x')
  await expect(loadRelease(second.registry, { trainer })).rejects.toMatchObject({ code: 'artifact-corrupt' })
})

it('is refused for a model without one, and for other formats', () => {
  expect(() => tfjsTrainer({ ...model(), onnx: undefined } as never, { export: ['onnx'] })).toThrow(/has no "onnx"/)
  expect(() => tfjsTrainer(model(), { export: ['tflite' as never] })).toThrow(/only format is "onnx"/)
})
