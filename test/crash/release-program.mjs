// A run, or a rollback, that releases to a folder and to a loopback Hub: started by test/crash/main.ts, and killed there.
// Arguments: the folder of the compiled rooms, the project's folder, the Hub, and `first`, `second` or `rollback`. LATER_MS sets
// the clock ahead.
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

const [rooms, folder, endpoint, step] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(join(rooms, path)).href)
const { crashDataset } = await load('crash-project.js')
const { accuracy } = await load('evaluation/index.js')
const { atLeast, qualityGate } = await load('gate/index.js')
const { Pipeline } = await load('pipeline/index.js')
const { releaseTo } = await load('releaser/index.js')
const { directoryRegistry } = await load('releaser/directory/index.js')
const { huggingFaceRegistry } = await load('releaser/huggingface/index.js')
const { directoryStore } = await load('store/directory/index.js')
const { fakeTrainer } = await load('testing/fake-trainer.js')

const pipeline = new Pipeline({
  dataset: await crashDataset(step),
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
  clock: { nowMs: () => Date.now() + Number(process.env.LATER_MS ?? 0) },
})
try {
  const { status, reason, release } =
    step === 'rollback' ? await pipeline.rollback({ by: 'Ada', reason: 'tried' }) : await pipeline.run()
  process.stdout.write(JSON.stringify({ status, reason, version: release?.version }))
} catch (error) {
  process.stdout.write(JSON.stringify({ code: error.code, message: error.message, stack: error.stack }))
  process.exitCode = 4
}
