// Our loop against a bare tfjs loop: the same model, batches, device and arithmetic of a step; tfjs's own Adam.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Tensor, Variable } from '@tensorflow/tfjs-core'
import { loadMails } from '../examples/quickstart/mails.js'
import { callContext, type JsonObject } from '../src/core/index.js'
import { type Device, openDevice } from '../src/trainer/tfjs/devices.js'
import { listed } from '../src/trainer/tfjs/examples.js'
import { type TextExample, textClassifier } from '../src/trainer/tfjs/text-classifier.js'
import { trainLoop } from '../src/trainer/tfjs/train-loop.js'
import { type BenchRow, interleaved, peakMemoryMb } from './bench.js'

const texts = 1280
const model = textClassifier({ epochs: 1 })
const { batchSize, learningRate } = model.loop
const pairs = 21

export async function rows(): Promise<readonly BenchRow[]> {
  const context = callContext()
  const device = await openDevice('wasm', context)
  // Every fourth or so, so that both labels and all groups of the corpus are among them.
  const mails = loadMails().filter((_, index) => index % 4 === 0)
  const examples: TextExample[] = []
  const config = await model.learn(
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
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  for (let round = 0; round < 10; round += 1) await trainOurs()
  delay.disable()
  const delayMs = delay.percentile(99) / 1e6
  const ratio = ours / peer
  return [
    {
      work: `text classifier, ${examples.length} mails, batches of ${batchSize}, device wasm`,
      ours,
      peer,
      peerName: 'a bare tfjs loop with tf.train.adam',
      unit: 'texts/s',
      ratio,
      goal: 'at least 0.95',
      met: ratio >= 0.95,
      peakMemoryMb: peakMemoryMb(),
    },
    {
      work: 'how long the host’s event loop waits meanwhile, on the same thread: 99th percentile',
      ...{ ours: delayMs, peer: 50, peerName: 'the limit', unit: 'ms', ratio: 50 / delayMs, goal: 'under 50 ms' },
      met: delayMs < 50,
      peakMemoryMb: peakMemoryMb(),
    },
  ]
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
        const { loss, gradients } = model.lossAndGradients(tf, weights, batch, config)
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
