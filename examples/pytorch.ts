// PyTorch behind the same door. Run: npx tsx examples/pytorch.ts (PYTHON names another than python3)
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { accuracy, atLeast, commandTrainer, Pipeline, qualityGate, weightIntegrity } from 'sheikh-freemium'
import { memoryRegistry } from 'sheikh-freemium/testing'
import { exampleDataset } from './shared-samples.js'

const python = process.env['PYTHON'] ?? 'python3'
const { stderr, error, status } = spawnSync(python, ['-c', 'import torch, safetensors.torch'], { encoding: 'utf8' })
if (status !== 0) {
  console.log(`Skipped: ${error?.message ?? stderr.trim().split('\n').at(-1)}. It needs: pip install torch safetensors`)
  process.exit(0)
}

const trainer = commandTrainer({
  fit: [python, 'train.py'], // in two processes: ['torchrun', '--standalone', '--nproc-per-node', '2', 'train.py']
  predict: [python, 'predict.py'],
  directory: join(import.meta.dirname, 'pytorch'),
  inputs: ['model.py'], // train.py and predict.py stand in the commands, and are in the key by that
  env: ['PYTHONPATH', 'CUDA_VISIBLE_DEVICES'],
  config: { epochs: 5, learning_rate: 0.01, batch_size: 16 },
  targets: 'labels',
})
const pipeline = new Pipeline({
  dataset: await exampleDataset(),
  trainer,
  gate: qualityGate([atLeast(accuracy(), 0.15), weightIntegrity()]),
  releaser: memoryRegistry(),
})
pipeline.on('stage-end', ({ stage, durationMs }) => console.log(stage, `${durationMs} ms`))

const result = await pipeline.run()
if (result.status !== 'released') throw new Error(`expected a release, and it is ${result.status}`)
console.log(`released ${result.release.version}: ${result.verdict.summary}`)
const again = await pipeline.run()
if (again.status !== 'up-to-date') throw new Error(`expected nothing to do, and it is ${again.status}`)
