// A Check of your own: the weights must stay small. Run: npx tsx examples/custom-check.ts
import { accuracy, atLeast, type Check, Pipeline, qualityGate } from 'sheikh-freemium'
import { fakeTrainer, memoryRegistry } from 'sheikh-freemium/testing'
import { exampleDataset } from './shared-samples.js'

const weightsAtMost = (limitBytes: number): Check => ({
  contract: 1,
  name: `weights-at-most(${limitBytes})`,
  version: '1',
  metrics: [],
  describe: () => ({ limitBytes }),
  async examine({ candidate }) {
    const sizeBytes = candidate.weights.manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0)
    return [
      {
        kind: 'limit', // a value that is known exactly
        check: `weights-at-most(${limitBytes})`,
        status: sizeBytes <= limitBytes ? 'pass' : 'fail',
        critical: true,
        reason: `the weights have ${sizeBytes} bytes, and ${limitBytes} are allowed`,
        side: 'at-most',
        threshold: limitBytes,
        unit: 'bytes',
        estimate: sizeBytes,
      },
    ]
  },
})

const run = async (limitBytes: number) =>
  new Pipeline({
    dataset: await exampleDataset(),
    trainer: fakeTrainer(),
    gate: qualityGate([atLeast(accuracy(), 0.5), weightsAtMost(limitBytes)]),
    releaser: memoryRegistry(),
  }).run()

const generous = await run(100_000)
const strict = await run(100)
console.log(`100,000 bytes: ${generous.status}; 100 bytes: ${strict.status}`)
if (generous.status !== 'released' || strict.status !== 'held') throw new Error('expected a release, and then none')
console.log('verdict' in strict ? strict.verdict.summary : '')
