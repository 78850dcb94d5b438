import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, proposePinnedSet } from '../../src/dataset/index.js'
import { type EnsembleOptions, ensembleTrainer, memberKind } from '../../src/ensemble/index.js'
import { accuracy, evaluate } from '../../src/evaluation/index.js'
import { inProcessExecutor } from '../../src/execute/index.js'
import { atLeast, qualityGate, weightIntegrity } from '../../src/gate/index.js'
import { checkWeights, type WeightsDirectory } from '../../src/model/index.js'
import { type NamedBase, Pipeline } from '../../src/pipeline/index.js'
import { loadRelease } from '../../src/releaser/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { memoryRegistry } from '../../src/testing/memory-registry.js'
import type { FitRequest, Trainer } from '../../src/trainer/index.js'
import { llamaTrainer, textClassifier, tfjsTrainer } from '../../src/trainer/tfjs/index.js'
import { makeBase } from '../trainer/llama/base.js'
import { byGradients, ofLetters } from '../trainer/own-model/models.mjs'

let below = ''
beforeAll(async () => {
  below = await mkdtemp(join(tmpdir(), 'sheikh-soup-'))
})
afterAll(() => rm(below, { recursive: true, force: true }))
const fresh = () => mkdtemp(join(below, 'fit-'))

const random = seededRandom('soup')
const words = ['late', 'broken', 'lovely', 'thanks', 'refund', 'parcel', 'colour', 'fits', 'never', 'again']
const samples = Array.from({ length: 160 }, (_, index) => {
  const chosen = Array.from({ length: 6 }, () => random.below(words.length))
  const bad = chosen.filter((at) => [0, 1, 4, 8].includes(at)).length
  return { id: `s${index}`, text: chosen.map((at) => words[at]).join(' '), label: bad > 2 ? 'bad' : 'good' }
})
type Sample = (typeof samples)[number]
const parts = {
  source: memorySamples(samples),
  input: ({ text }: Sample) => text,
  target: ({ label }: Sample) => label,
}
const pinned = proposePinnedSet(await new Dataset(parts).identities(), { salt: 'e', share: 0.3 })
const dataset = new Dataset({ ...parts, evaluation: pinnedSet(pinned), developmentShare: 0.3 })
const { training, development, evaluation } = await dataset.snapshot(callContext())

async function fitted(trainer: Trainer<string, string>, request: Partial<FitRequest<string, string>> = {}) {
  const directory = await fresh()
  const context = { ...callContext(), progress: () => {} }
  return trainer.fit({ training, development, seed: 3, directory, ...request }, context)
}
async function accuracyOf(trainer: Trainer<string, string>, weights: WeightsDirectory) {
  await using model = await trainer.load(weights, callContext())
  return (await evaluate({ model, rows: evaluation!, metrics: [accuracy()] }, callContext())).metrics[0]!.value!
}
const namesIn = async ({ path }: WeightsDirectory) => JSON.parse(await readFile(join(path, 'ensemble.json'), 'utf8'))
const classifier = (epochs: number) => tfjsTrainer(textClassifier({ epochs, learningRate: 1 }))
const members = { few: classifier(2), more: classifier(3), again: classifier(3) }
const soup = (options: Partial<EnsembleOptions<string, string>> = {}) =>
  ensembleTrainer({ members, combine: 'weights', ...options })

describe('an ensemble of averaged weights', () => {
  it.each<[string, (epochs: number) => Trainer<string, string>, number]>([
    ['text classifiers', classifier, 0.75],
    ['models of layers', (epochs) => tfjsTrainer(ofLetters({ epochs }), { thread: 'caller' }), 0],
    ['models of functions', (epochs) => tfjsTrainer(byGradients({ epochs }), { thread: 'caller' }), 0],
  ])('of %s is one model, which the trainer of a member loads', async (_, trainerOf, least) => {
    const trainer = ensembleTrainer({ members: { a: trainerOf(1), b: trainerOf(2) }, combine: 'weights' })
    const { weights: base } = await fitted(trainerOf(2))
    const { weights } = await fitted(trainer, { base })
    const alone = await fitted(trainerOf(1), { base })
    const sizes = ({ manifest }: WeightsDirectory) =>
      manifest.files.filter(({ path }) => path !== 'ensemble.json').map(({ path, sizeBytes }) => [path, sizeBytes])
    expect(sizes(weights)).toEqual(sizes(alone.weights))
    expect(weights.digest).not.toBe(alone.weights.digest)
    expect(await checkWeights(weights, callContext())).toEqual([])
    expect(await namesIn(weights)).toMatchObject({
      ...{ combine: 'weights', base: base.digest },
      members: [{ name: 'a', weights: alone.weights.digest }, { name: 'b' }],
    })
    const value = await accuracyOf(trainerOf(1), weights)
    expect(value).toBe(await accuracyOf(trainer, weights))
    // The first letters, which the other models read, say nothing about these texts.
    expect(value).toBeGreaterThan(least)
    // The next one can start from it.
    expect((await namesIn((await fitted(trainer, { base: weights })).weights)).base).toBe(weights.digest)
  })

  it('of language models starts from their own base, and refuses adapters', async () => {
    const base = await makeBase(below)
    const answer = { kind: 'choice', choices: ['bad', 'good'] } as const
    const llama = (epochs: number, lora?: object) =>
      llamaTrainer({
        base,
        answer,
        epochs,
        batchSize: 32,
        maximumLength: 16,
        thread: 'caller',
        ...(lora && { lora }),
      } as never)
    const trainer = ensembleTrainer({ members: { a: llama(1), b: llama(1) }, combine: 'weights' })
    const { weights } = await fitted(trainer)
    expect((await namesIn(weights)).base).toBe(base.digest)
    expect(await checkWeights(weights, callContext())).toEqual([])
    expect(await accuracyOf(llama(1), weights)).toBeGreaterThan(0)
    const adapters = { a: llama(1, { rank: 2, merge: false }), b: llama(1, { rank: 2, merge: false }) }
    await expect(fitted(ensembleTrainer({ members: adapters, combine: 'weights' }))).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('adapters'),
    })
  })

  it('refuses members without a common base, of different trainers, and with different files, and leaves nothing', async () => {
    await expect(fitted(soup())).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('no base is known from which "few" starts'),
    })
    const of = (digit: string): Trainer<string, string> => ({ ...fakeTrainer(), base: `sha256:${digit.repeat(64)}` })
    await expect(fitted(soup({ members: { a: of('1'), b: of('2') } }))).rejects.toThrow(
      '"a" and "b" start from different weights',
    )
    expect(() => soup({ members: { a: classifier(1), b: fakeTrainer() } })).toThrow('of one architecture')
    const { weights: base } = await fitted(classifier(2))
    const exported = tfjsTrainer(textClassifier({ epochs: 2 }), { export: ['onnx'] })
    const directory = await fresh()
    await expect(fitted(soup({ members: { a: classifier(1), b: exported } }), { base, directory })).rejects.toThrow(
      '"model.onnx" of "a" and "b" is in only one of both',
    )
    expect(await readdir(directory)).toEqual([])
  })

  it('lets a member join by its gain, and is the same bytes on workers and after an interruption', async () => {
    const { weights: base } = await fitted(classifier(2))
    const expected = await fitted(soup({ joinBy: accuracy() }), { base })
    const { members: joined, tests } = await namesIn(expected.weights)
    expect(tests.map(({ name }: { readonly name: string }) => name).sort()).toEqual(['again', 'few', 'more'])
    expect(tests[0]).toMatchObject({ joined: true, name: joined[0].name })
    const checkpoints = await fresh()
    for (const _ of [1, 2]) {
      const { weights } = await fitted(soup({ joinBy: accuracy() }), { base, checkpoints })
      expect(weights.digest).toBe(expected.weights.digest)
    }
    const store = directoryStore(await fresh())
    await using executor = inProcessExecutor({ store, kinds: [memberKind({ members, dataset })], workers: 3 })
    const onWorkers = await fitted(soup({ joinBy: accuracy(), workers: { executor, store } }), { base })
    expect(onWorkers.weights.digest).toBe(expected.weights.digest)
  })

  it('is released from a named base, and loads with the trainer of one member', async () => {
    const registry = memoryRegistry()
    const store = memoryStore()
    const pipeline = (trainer: Trainer<string, string>, base?: NamedBase) =>
      new Pipeline({
        ...{ dataset, store, trainer, releaser: registry, base },
        gate: qualityGate([weightIntegrity(), atLeast(accuracy(), 0)], { whenInconclusive: 'release' }),
      })
    const first = await pipeline(classifier(2)).run()
    if (first.status !== 'released') throw new Error(first.status)
    const named = { version: first.release.version, digest: first.release.bundle }
    const second = await pipeline(soup(), named).run()
    if (second.status !== 'released') throw new Error(second.status)
    expect(second.release.manifest.files.map(({ path }) => path)).toContain('ensemble.json')
    await using model = await loadRelease(registry, { trainer: classifier(1) }, callContext())
    expect(model.release.version).toBe(second.release.version)
    expect(await model.predict(['late broken refund'])).toMatchObject([{ kind: 'label', label: 'bad' }])
    const { status } = await pipeline(soup(), named).reproduce()
    expect(status).toBe('reproduced')
  })
})
