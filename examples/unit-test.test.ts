// Pipeline logic, tested in milliseconds and without training anything. Run: node --import tsx --test examples/unit-test.test.ts
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accuracy, atLeast, noRegression, Pipeline, qualityGate } from 'sheikh-freemium'
import { fakeTrainer, fixedClock, memoryRegistry } from 'sheikh-freemium/testing'
import { exampleDataset } from './shared-samples.js'

async function pipelineOf(setting: number, registry = memoryRegistry()) {
  return new Pipeline({
    dataset: await exampleDataset(),
    trainer: fakeTrainer({ setting }),
    gate: qualityGate([atLeast(accuracy(), 0.5), noRegression(accuracy(), { margin: 0.2 })]),
    releaser: registry,
    clock: fixedClock(),
  })
}

test('the first run releases 0.1.0, the second finds nothing to do', async () => {
  const pipeline = await pipelineOf(1)
  const first = await pipeline.run()
  assert.equal(first.status, 'released')
  assert.equal((await pipeline.run()).status, 'up-to-date')
})

test('another configuration that gives the same weights releases nothing', async () => {
  const registry = memoryRegistry()
  await (await pipelineOf(1, registry)).run()
  assert.equal((await (await pipelineOf(2, registry)).run()).status, 'up-to-date')
})

test('stages are reported in order', async () => {
  const pipeline = await pipelineOf(1)
  const seen: string[] = []
  pipeline.on('stage-end', ({ stage }) => seen.push(stage))
  await pipeline.run()
  assert.deepEqual(seen, ['validate', 'train', 'evaluate', 'gate', 'release'])
})
