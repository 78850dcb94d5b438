// Our loop against a bare tfjs loop: the same model, batches, device and arithmetic of a step; tfjs's own Adam.
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Tensor, Variable } from '@tensorflow/tfjs-core'
import { loadMails } from '../examples/quickstart/mails.js'
import { callContext, type JsonObject } from '../src/core/index.js'
import type { Rows } from '../src/model/index.js'
import type { Trainer } from '../src/trainer/index.js'
import { type Device, openDevice } from '../src/trainer/tfjs/devices.js'
import { listed } from '../src/trainer/tfjs/examples.js'
import { llamaTrainer, tfjsTrainer } from '../src/trainer/tfjs/index.js'
import { probeModel } from '../src/trainer/tfjs/probe-model.js'
import { textClassifier } from '../src/trainer/tfjs/text-classifier.js'
import type { TextExample } from '../src/trainer/tfjs/text-rows.js'
import { trainLoop } from '../src/trainer/tfjs/train-loop.js'
import { makeBase, tinyConfig } from '../test/trainer/llama/base.js'
import { type BenchRow, interleaved, peakMemoryMb } from './bench.js'

const texts = 1280
const classifier = textClassifier({ characters: false, buckets: 2 ** 17 })
/** The loop and AdamW on the device; the classifier itself has its own way to train. */
const model = probeModel({ epochs: 1, batchSize: 32, learningRate: 0.02, weightDecay: 0.01 })
const { batchSize, learningRate } = model.loop
const pairs = 21

export async function rows(): Promise<readonly BenchRow[]> {
  const context = callContext()
  const device = await openDevice('wasm', context)
  // Every fourth or so, so that both labels and all groups of the corpus are among them.
  const mails = loadMails().filter((_, index) => index % 4 === 0)
  const examples: TextExample[] = []
  const config = await classifier.learn(
    {
      async *[Symbol.asyncIterator]() {
        for (const { id, text, label } of mails.slice(0, texts)) yield { id, input: text, target: label, slices: [] }
      },
    } as never,
    (example) => void examples.push(example),
    context,
  )
  const examplesPerSecond = (startedMs: number) => examples.length / ((performance.now() - startedMs) / 1000)
  const fitContext = { ...context, progress: () => undefined } as never

  const trainOurs = async () => {
    const startedMs = performance.now()
    await trainLoop(device, model as never, { config, examples: listed(examples), seed: 0 }, fitContext)
    return examplesPerSecond(startedMs)
  }
  const trainBare = async () => {
    const startedMs = performance.now()
    await bareLoop(device, { config, examples })
    return examplesPerSecond(startedMs)
  }
  await trainOurs()
  await trainBare()
  const { ours, peer } = await interleaved(pairs, trainOurs, trainBare)
  const ratio = ours / peer
  return [
    {
      work: `softmax regression on hashed words, ${examples.length} mails, batches of ${batchSize}, device wasm`,
      ours,
      peer,
      peerName: 'a bare tfjs loop with tf.train.adam',
      unit: 'texts/s',
      ratio,
      goal: 'at least 0.95',
      met: ratio >= 0.95,
      peakMemoryMb: peakMemoryMb(),
    },
    await hostWaits(
      'the text classifier, 1,280 mails',
      tfjsTrainer(textClassifier({ epochs: 6 })),
      mails.slice(0, texts),
    ),
    await hostWaits(
      'a Llama of 2 layers, width 128, 16 × 64 tokens a step',
      await languageModel(),
      mails.slice(0, 128),
    ),
  ]
}

/** Of a host that trains and does nothing else: each turn of its event loop that comes late is the training's doing. */
async function hostWaits(
  work: string,
  trainer: Trainer<string, string>,
  mails: ReturnType<typeof loadMails>,
): Promise<BenchRow> {
  const training: Rows<string, string> = {
    ...{ size: mails.length, digest: `sha256:${'0'.repeat(64)}` },
    async *[Symbol.asyncIterator]() {
      for (const { id, text, label } of mails) yield { id, input: text, target: label, slices: {} }
    },
  }
  const context = { ...callContext(), progress: () => undefined }
  const directory = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  const delay = monitorEventLoopDelay({ resolution: 5 })
  try {
    await trainer.environment?.(context)
    delay.enable()
    await trainer.fit({ training, seed: 0, directory }, context)
    delay.disable()
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  const ours = delay.percentile(99) / 1e6
  return {
    work: `how late the host’s event loop is, 99th percentile, while a thread trains ${work}, on wasm`,
    ...{ ours, peer: 50, peerName: 'the limit', unit: 'ms', ratio: 50 / ours, goal: 'under 50 ms', met: ours < 50 },
    peakMemoryMb: peakMemoryMb(),
  }
}

async function languageModel(): Promise<Trainer<string, string>> {
  const below = await mkdtemp(join(tmpdir(), 'sheikh-bench-'))
  process.once('exit', () => rmSync(below, { recursive: true, force: true }))
  const width = { hidden_size: 128, intermediate_size: 352, num_attention_heads: 4, num_key_value_heads: 4 }
  const base = await makeBase(below, { config: { ...tinyConfig, ...width, vocab_size: 512 } })
  return llamaTrainer({
    base,
    epochs: 1,
    batchSize: 16,
    maximumLength: 64,
    answer: { kind: 'likelihood' },
    maximumSteps: 40,
  })
}

/** What somebody writes who only wants to train: no seed, no events, no signal, no checks. */
async function bareLoop(
  { tf, use }: Device,
  { config, examples }: { readonly config: JsonObject; readonly examples: readonly TextExample[] },
): Promise<void> {
  const start = use(() => model.init(tf, config, undefined as never))
  const weights: Record<string, Variable> = use(() =>
    Object.fromEntries(Object.entries(start).map(([name, weight]) => [name, tf.variable(weight, true, name)])),
  )
  const optimizer = tf.train.adam(learningRate)
  for (let first = 0; first < examples.length; first += batchSize) {
    const batch: readonly TextExample[] = examples.slice(first, first + batchSize)
    use(() =>
      tf.tidy(() => {
        const { loss, gradients } = model.lossAndGradients(tf, weights, batch, config, undefined as never)
        optimizer.applyGradients(gradients as Record<string, Tensor> as never)
        return loss.dataSync()[0]
      }),
    )
    // Awaiting something each step is what any loop with an asynchronous data source does.
    await Promise.resolve()
  }
  use(() => {
    tf.dispose(start as never)
    for (const weight of Object.values(weights)) weight.dispose()
    optimizer.dispose()
  })
}
