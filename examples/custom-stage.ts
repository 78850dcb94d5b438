// Two stages of your own: one that watches, and one that refuses data. Run: npx tsx examples/custom-stage.ts
import { accuracy, atLeast, isSheikhError, Pipeline, qualityGate, type Stage } from 'sheikh-freemium'
import { fakeTrainer, memoryRegistry } from 'sheikh-freemium/testing'
import { exampleDataset } from './shared-samples.js'

/** Reads the dataset before anything is trained; what it throws ends the run. */
const noAddresses: Stage = {
  contract: 1,
  name: 'no-addresses',
  reads: ['dataset'],
  describe: () => ({}),
  async run({ dataset }, { signal }) {
    for await (const row of dataset!.training) {
      signal.throwIfAborted()
      if (/\S+@\S+/.test(String(row.input))) throw new Error(`the row "${row.id}" holds an e-mail address`)
    }
  },
}

/** Reads the verdict and the candidate; writes nothing, so it breaks no cache. */
const announce: Stage = {
  contract: 1,
  name: 'announce',
  reads: ['candidate', 'verdict'],
  describe: () => ({}),
  async run({ verdict }) {
    console.log(`the gate says ${verdict!.value.status}: ${verdict!.value.summary}`)
  },
}

const pipeline = new Pipeline({
  dataset: await exampleDataset(),
  trainer: fakeTrainer(),
  gate: qualityGate([atLeast(accuracy(), 0.5)]),
  releaser: memoryRegistry(),
  stages: [noAddresses, announce],
})
const result = await pipeline.run()
if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)

const strict = new Pipeline({
  dataset: await exampleDataset(),
  trainer: fakeTrainer(),
  gate: qualityGate([atLeast(accuracy(), 0.5)]),
  releaser: memoryRegistry(),
  stages: [{ ...noAddresses, run: async () => Promise.reject(new Error('refused')) }],
})
const error = await strict.run().catch((thrown: unknown) => thrown)
if (!isSheikhError(error, 'stage-failed')) throw new Error('expected the stage to end the run')
console.log(error.message)
