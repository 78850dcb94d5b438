// A run, or a rollback, on disk: started by the crash test, killed at a write of its choosing.
// Arguments: the folder of the compiled rooms, the project's folder, and `first`, `second`, `warm` or `rollback`. STORE
// names another store beside the same registry and ledger, as a second machine has one; SEED another training.
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

const [rooms, folder, step] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(rooms, path)).href)
const { callContext } = await load('core/index.js')
const { Dataset, memorySamples, pinnedSet, proposePinnedSet } = await load('dataset/index.js')
const { accuracy } = await load('evaluation/index.js')
const { atLeast, noRegression, qualityGate, storeLedger } = await load('gate/index.js')
const { Pipeline } = await load('pipeline/index.js')
const { directoryRegistry } = await load('releaser/directory/index.js')
const { directoryStore } = await load('store/directory/index.js')
const { fakeTrainer } = await load('testing/fake-trainer.js')

const samples = ['apple', 'pear', 'car', 'bus'].flatMap((word, kind) =>
  Array.from({ length: 30 }, (_, index) => ({
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
const releaser = directoryRegistry(join(folder, 'releases'))
const base = step === 'warm' ? await firstRelease() : undefined
const pipeline = new Pipeline({
  dataset: new Dataset({
    source: memorySamples(step === 'first' ? worse : samples),
    input: 'text',
    target: 'label',
    evaluation: pinnedSet(pinned),
  }),
  trainer: fakeTrainer(),
  base,
  gate: qualityGate([atLeast(accuracy(), 0.15), noRegression(accuracy(), { margin: 0.1 })]),
  releaser,
  store: directoryStore(join(folder, process.env.STORE ?? '.sheikh')),
  ledger: process.env.STORE === undefined ? undefined : sharedLedger(directoryStore(join(folder, '.sheikh'))),
  seed: Number(process.env.SEED ?? 0),
})
try {
  const { status, reason, release } =
    step === 'rollback' ? await pipeline.rollback({ by: 'Ada', reason: 'tried' }) : await pipeline.run()
  process.stdout.write(JSON.stringify({ status, reason, version: release?.version }))
} catch (error) {
  process.stdout.write(JSON.stringify({ code: error.code, retryable: error.retryable, stack: error.stack }))
  process.exitCode = 4
}

// A directory's journal has one writer at a time: the holder of the store's lock.
function sharedLedger(store) {
  const ledger = storeLedger(store)
  const locked = async (work) => {
    for (;;) {
      const lock = await store.lock('ledger', callContext()).catch((error) => {
        if (error.code !== 'locked') throw error
      })
      if (lock !== undefined) return await work().finally(() => lock.release())
      await setTimeout(5)
    }
  }
  return {
    name: 'shared',
    read: (context) => locked(() => ledger.read(context)),
    append: (event, context) => locked(() => ledger.append(event, context)),
  }
}

async function firstRelease() {
  for await (const { version, bundle } of releaser.history(callContext()))
    if (version === '0.1.0') return { version, digest: bundle, replayShare: 0.5 }
  return undefined
}
