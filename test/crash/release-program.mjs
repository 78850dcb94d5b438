// A run, or a rollback, that releases to a folder and to a loopback Hub: started by test/crash/main.ts, and killed there.
// Arguments: the folder of the compiled rooms, the project's folder, the Hub, and `first`, `second` or `rollback`.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, folder, endpoint, step] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(rooms, path)).href)
const { Dataset, memorySamples, pinnedSet, proposePinnedSet } = await load('dataset/index.js')
const { accuracy } = await load('evaluation/index.js')
const { atLeast, qualityGate } = await load('gate/index.js')
const { Pipeline } = await load('pipeline/index.js')
const { releaseTo } = await load('releaser/index.js')
const { directoryRegistry } = await load('releaser/directory/index.js')
const { huggingFaceRegistry } = await load('releaser/huggingface/index.js')
const { directoryStore } = await load('store/directory/index.js')
const { fakeTrainer } = await load('testing/fake-trainer.js')

const samples = ['apple', 'pear', 'car', 'bus'].flatMap((word, kind) =>
  Array.from({ length: 10 }, (_, index) => ({
    id: `${word}-${index}`,
    text: `${word} ${index}`,
    label: kind < 2 ? 'fruit' : 'vehicle',
  })),
)
const source = memorySamples(samples)
const pinned = proposePinnedSet(await new Dataset({ source, input: 'text', target: 'label' }).identities(), {
  salt: 'crash',
  share: 0.5,
})
const isPinned = new Set(pinned.items.map(({ id }) => id))
// The first batch is worse than the second: apples were taken for vehicles.
const worse = samples.map((sample) =>
  sample.id.startsWith('apple') && !isPinned.has(sample.id) ? { ...sample, label: 'vehicle' } : sample,
)
const pipeline = new Pipeline({
  dataset: new Dataset({
    source: memorySamples(step === 'first' ? worse : samples),
    input: 'text',
    target: 'label',
    evaluation: pinnedSet(pinned),
  }),
  trainer: fakeTrainer(),
  gate: qualityGate([atLeast(accuracy(), 0.15)], { whenInconclusive: 'release' }),
  releaser: releaseTo([
    directoryRegistry(join(folder, 'releases')),
    huggingFaceRegistry({
      repository: 'me/spam',
      token: 'hf_crash',
      endpoint,
      create: 'private',
      patience: { attempts: 2, firstDelayMs: 1, longestDelayMs: 5, timeoutMs: 2000 },
    }),
  ]),
  store: directoryStore(join(folder, '.sheikh')),
})
try {
  const { status, reason, release } =
    step === 'rollback' ? await pipeline.rollback({ by: 'Ada', reason: 'tried' }) : await pipeline.run()
  process.stdout.write(JSON.stringify({ status, reason, version: release?.version }))
} catch (error) {
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message, stack: error.stack }))
  process.exitCode = 4
}
