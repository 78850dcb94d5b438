// A host's own model: one weight for each of two labels. What it was asked to do in `options` it does while it trains.
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { threadId } from 'node:worker_threads'

/** What an input of these words does to the thread that predicts it. */
const deeds = {
  exit: () => process.exit(3),
  hang: () => {
    for (;;);
  },
  throw: () => {
    throw new TypeError('the model is at fault')
  },
  // One that ended a thread ends no other.
  'exit once': ({ once }) => {
    if (existsSync(once)) return
    writeFileSync(once, '')
    process.exit(3)
  },
}

/** @param {{ log?: string, leak?: boolean, exit?: boolean, throws?: boolean, once?: string, predictLog?: string }} options */
export function build(options = {}) {
  return {
    name: 'host-model',
    version: '1',
    targets: 'labels',
    module: { url: import.meta.url, export: 'build', options },
    loop: { epochs: 2, batchSize: 16, learningRate: 0.1, weightDecay: 0 },
    describe: () => ({}),
    async learn(rows, keep) {
      for await (const { input, target } of rows) await keep({ length: input.length, target })
      return {}
    },
    checkConfig() {},
    shapes: () => ({ slope: [2] }),
    labels: () => ['fruit', 'vehicle'],
    init: (tf) => ({ slope: tf.zeros([2]) }),
    lossAndGradients(tf, { slope }, batch) {
      if (options.log) appendFileSync(options.log, `${threadId}\n`)
      if (options.leak) tf.keep(tf.zeros([1]))
      if (options.exit) process.exit(3)
      if (options.throws) throw new TypeError('the model is at fault')
      const gradient = tf.mul(slope, batch.length / 16)
      return { loss: tf.sum(tf.square(tf.sub(slope, 1))), gradients: { slope: tf.sub(gradient, 1) } }
    },
    outputs(tf, { slope }, inputs) {
      if (options.predictLog) appendFileSync(options.predictLog, `${threadId}\n`)
      for (const input of inputs) deeds[input]?.(options)
      return tf.tile(tf.reshape(slope, [1, 2]), [inputs.length, 1])
    },
    predictions: (values) =>
      Array.from({ length: values.length / 2 }, (_, item) => ({
        kind: 'label',
        label: values[2 * item] < values[2 * item + 1] ? 'vehicle' : 'fruit',
      })),
  }
}

export const buildOther = () => ({ ...build(), name: 'another' })
export const notAFunction = 3
