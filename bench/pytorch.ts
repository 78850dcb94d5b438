// Steps of training on `native` and `wasm` against PyTorch: the same models, sizes and optimizer, one process, one thread each.
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { callContext, seededRandom } from '../src/core/index.js'
import { crossEntropy } from '../src/trainer/tfjs/cross-entropy.js'
import { type Device, type DeviceName, openDevice } from '../src/trainer/tfjs/devices.js'
import { listed } from '../src/trainer/tfjs/examples.js'
import { llamaLossAndGradients } from '../src/trainer/tfjs/llama/llama.js'
import { llamaShapes, parseLlamaConfig } from '../src/trainer/tfjs/llama/llama-config.js'
import { sequenceOf } from '../src/trainer/tfjs/llama/sequences.js'
import type { Weights } from '../src/trainer/tfjs/tfjs-model.js'
import { type Trainable, trainLoop } from '../src/trainer/tfjs/train-loop.js'
import { transformersPython } from '../test/interop/transformers.js'
import { type BenchRow, interleaved, peakMemoryMb } from './bench.js'

// Read by TensorFlow's library when it is loaded, which happens further down.
Object.assign(process.env, { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', TF_CPP_MIN_LOG_LEVEL: '2' })

const pairs = 5
/** Enough that the weights' beginning, which is not in the peer's time, is little of it. */
const steps = 100
const goals: Partial<Record<DeviceName, number>> = { native: 0.5, wasm: 0.12 }

interface Work {
  readonly name: string
  readonly title: string
  readonly unit: string
  /** What a step works through. */
  readonly items: number
  /** What the script is told. */
  readonly told: object
  trainee(device: Device): Trainable<unknown>
  readonly examples: readonly unknown[]
}

const random = seededRandom('bench')
const loop = { epochs: 1, learningRate: 1e-3, weightDecay: 0.01, maximumSteps: steps }

const sizes = [784, 256, 256, 10] as const
const batch = 64
const perceptron: Work = {
  name: 'perceptron',
  title: `a ${sizes.join('-')} perceptron, batch ${batch}`,
  ...{ unit: 'samples/s', items: batch, told: { sizes, batch } },
  examples: Array.from({ length: batch }, () => ({
    x: Float32Array.from({ length: sizes[0] }, () => random.normal()),
    y: random.below(sizes[3]),
  })),
  trainee: ({ tf }) => ({
    loop: { ...loop, batchSize: batch },
    init: () =>
      Object.fromEntries(
        sizes.slice(1).flatMap((size, index): [string, Tensor][] => [
          [`w${index}`, tf.randomNormal([sizes[index]!, size], 0, 0.05)],
          [`b${index}`, tf.zeros([size])],
        ]),
      ),
    lossAndGradients: (_tf, weights, examples) => perceptronStep(tf, weights, examples as never),
  }),
}

function perceptronStep(
  tf: Device['tf'],
  weights: Weights,
  examples: readonly { readonly x: Float32Array; readonly y: number }[],
) {
  const x = new Float32Array(examples.length * sizes[0])
  for (const [index, example] of examples.entries()) x.set(example.x, index * sizes[0])
  const inputs: Tensor2D[] = [tf.tensor2d(x, [examples.length, sizes[0]])]
  for (let layer = 0; layer < 3; layer += 1) {
    const sum = tf.add(tf.matMul(inputs[layer]!, weights[`w${layer}`] as Tensor2D), weights[`b${layer}`] as Tensor1D)
    inputs.push((layer === 2 ? sum : tf.relu(sum)) as Tensor2D)
  }
  const targets = Int32Array.from(examples, ({ y }) => y)
  const { losses, errors } = crossEntropy(tf, inputs[3]!, targets)
  let gradient = tf.div(errors, examples.length) as Tensor2D
  const gradients: Record<string, Tensor> = {}
  for (let layer = 2; layer >= 0; layer -= 1) {
    gradients[`w${layer}`] = tf.matMul(inputs[layer]!, gradient, true, false)
    gradients[`b${layer}`] = tf.sum(gradient, 0)
    if (layer > 0)
      gradient = tf.mul(
        tf.matMul(gradient, weights[`w${layer}`] as Tensor2D, false, true),
        tf.cast(tf.greater(inputs[layer]!, 0), 'float32'),
      )
  }
  return { loss: tf.mean(losses) as never, gradients }
}

const [time, sequences] = [64, 16]
const llama = {
  ...{ vocab_size: 512, hidden_size: 128, intermediate_size: 342, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ max_position_embeddings: 128, tie_word_embeddings: true },
}
const config = parseLlamaConfig({ ...llama, model_type: 'llama' }, (fact) => new Error(fact))
const decoder: Work = {
  name: 'decoder',
  title: `a Llama: 2 layers, width 128, 4 heads, vocabulary 512, ${sequences} × ${time} tokens`,
  ...{ unit: 'tokens/s', items: time * sequences, told: { config: llama, batch: sequences, time } },
  examples: Array.from({ length: sequences }, () =>
    sequenceOf(
      Array.from({ length: time + 1 }, () => random.below(llama.vocab_size)),
      [],
      false,
    ),
  ),
  trainee: ({ tf }) => ({
    loop: { ...loop, batchSize: sequences },
    init: () =>
      Object.fromEntries(
        Object.entries(llamaShapes(config)).map(([name, shape]) => [name, tf.randomNormal([...shape], 0, 0.02)]),
      ),
    lossAndGradients: (_tf, weights, examples) =>
      llamaLossAndGradients({ tf, config, weights }, examples as never, () => true),
  }),
}

export async function rows(): Promise<readonly BenchRow[]> {
  const python = fastPython()
  if (python === undefined) {
    console.log('Skipped: there is no PyTorch with transformers. npm run setup:interop, or PYTHON=<one that has both>')
    return []
  }
  const measured: BenchRow[] = []
  for (const name of ['native', 'wasm'] as const) {
    const device = await openDevice(name, callContext()).catch((error: Error) => error.message)
    if (typeof device === 'string') {
      console.log(`Skipped ${name}: ${device}`)
      continue
    }
    for (const work of [perceptron, decoder]) measured.push(await measure(device, work, python))
  }
  return measured
}

async function measure(device: Device, work: Work, python: string): Promise<BenchRow> {
  let version = ''
  const ours = async () => {
    // The weights and what the loop does around its steps are in the time.
    const startedMs = performance.now()
    const request = { config: {}, examples: listed(work.examples), seed: 1 }
    await trainLoop(device, work.trainee(device), request, { ...callContext(), progress() {} })
    return (work.items * steps) / ((performance.now() - startedMs) / 1000)
  }
  const theirs = async () => {
    const told = JSON.stringify({ name: work.name, steps, ...work.told })
    const answer = execFileSync(python, [join(import.meta.dirname, 'reference/torch-steps.py'), told], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const { perSecond, torch } = JSON.parse(answer) as { readonly perSecond: number; readonly torch: string }
    version = torch
    return perSecond
  }
  await ours()
  const medians = await interleaved(pairs, ours, theirs)
  const ratio = medians.ours / medians.peer
  const goal = goals[device.name]!
  return {
    work: `steps of ${work.title}, device ${device.name}, one thread`,
    ...medians,
    peerName: `PyTorch ${version}, one thread`,
    ...{ unit: work.unit, ratio, goal: `at least ${goal}`, met: ratio >= goal, peakMemoryMb: peakMemoryMb() },
  }
}

/** Debian's PyTorch has no fast products: a newer one, named by `PYTHON`, is the fairer peer. */
function fastPython(): string | undefined {
  const named = process.env['PYTHON']
  const has = (python: string) => spawnSync(python, ['-c', 'import torch, transformers']).status === 0
  return named !== undefined && has(named) ? named : transformersPython()
}
